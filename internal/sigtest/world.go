package sigtest

import (
	"crypto/elliptic"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
)

// A World is one Sigstore. What its trusted root lists are the four lists at the
// end: add to them or take away before TrustedRoot is called.
type World struct {
	TB    testing.TB
	Host  string // of all names in it
	Clock *Clock // of all its services

	CA         *CA
	CT         *CT
	Log1, Log2 *Log // of the first and second generation
	TSA        *TSA

	CAEdits  LeafEdits // of what the server of the certificate authority answers
	Audience string    // of tokens that it takes: "sigstore"

	CAs  []*CA
	CTs  []*CT
	Logs []*Log
	TSAs []*TSA

	servers servers
}

// New makes the world that has the name of this machine, so that logs have the
// same names with and without server.
func New(tb testing.TB) *World { return At(tb, "127.0.0.1") }

// At makes a world with names under another host. Worlds of one host are the
// same, worlds of different hosts have nothing in common.
func At(tb testing.TB, host string) *World {
	w := &World{TB: tb, Host: host, Clock: &Clock{now: T0}, Audience: "sigstore"}
	w.CA, w.CT, w.TSA = w.NewCA("ca"), w.NewCT("ct"), w.NewTSA("tsa")
	w.Log1, w.Log2 = w.NewLog("log1", 1), w.NewLog("log2", 2)
	w.CAs, w.CTs, w.TSAs, w.Logs = []*CA{w.CA}, []*CT{w.CT}, []*TSA{w.TSA}, []*Log{w.Log1, w.Log2}
	return w
}

// Sign returns a good bundle over an artifact, or what the edits make of it.
func (w *World) Sign(artifact []byte, edits ...func(*Maker)) *bundle.Bundle {
	return w.Make(edited(Maker{Artifact: artifact}, edits)).Bundle
}

// Attest returns a good bundle with an in-toto statement, or what the edits make
// of it.
func (w *World) Attest(statement []byte, edits ...func(*Maker)) *bundle.Bundle {
	return w.Make(edited(Maker{Statement: statement}, edits)).Bundle
}

func edited(m Maker, edits []func(*Maker)) Maker {
	for _, e := range edits {
		e(&m)
	}
	return m
}

// SignerKey is the key that signs when no other is given: ECDSA P-256.
func (w *World) SignerKey() Key {
	return Key{Signer: ECDSA(elliptic.P256(), w.Host+"signer")}
}
