package sigtest

import (
	"crypto/elliptic"
	"crypto/x509"
	"time"

	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A TSA is a timestamp authority of the trusted root.
type TSA struct {
	*tsptest.Authority
	URI, Operator string
	Valid         trustroot.Window
	Edits         []tsptest.Fault // of what its server answers
}

// NewTSA makes a timestamp authority that no trusted root lists yet.
func (w *World) NewTSA(name string) *TSA {
	t := &TSA{
		Authority: new(tsptest.Authority),
		URI:       "https://" + w.Host + "/" + name, Operator: w.Host, Valid: w.window(),
	}
	made := func(parent Cert, template *x509.Certificate, label string) Cert {
		template.SerialNumber = serial(w.Host + name + label)
		template.NotBefore, template.NotAfter = T0.AddDate(-5, 0, 0), T0.AddDate(5, 0, 0)
		return issue(parent, template, ECDSA(elliptic.P256(), w.Host+name+label))
	}
	t.Root = made(Cert{}, tsptest.CATemplate(name+" root"), " root")
	t.Intermediate = made(t.Root, tsptest.CATemplate(name+" intermediate"), " intermediate")
	t.Leaf = made(t.Intermediate, tsptest.LeafTemplate(name), " leaf")
	return t
}

// Stamp returns a response over message.
func (t *TSA) Stamp(message []byte, at time.Time, edits ...tsptest.Fault) []byte {
	return must(t.Issue(message, at, edits...))
}
