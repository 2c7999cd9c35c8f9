package oci

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// What is read from annotations is the same after it was written again.
func FuzzLegacy(f *testing.F) {
	w := sigtest.New(f)
	a := Artifact{Repository: "r.io/app", Digest: emptyDigest}
	payload, _ := SimplePayload(nil, a)
	made := w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}, TSAs: []*sigtest.TSA{w.TSA}})
	l, err := oldLayerOf(made.Bundle, payload, a.Digest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made.Signature, l.Annotations[noteCertificate], l.Annotations[noteChain], l.Annotations[noteBundle], l.Annotations[noteTimestamp])
	f.Add([]byte("s"), "", "", "", "")
	f.Fuzz(func(t *testing.T, signature []byte, certificate, chain, entry, timestamp string) {
		b, err := convert(signature, map[string]string{noteCertificate: certificate, noteChain: chain, noteBundle: entry, noteTimestamp: timestamp})
		if err != nil {
			if _, ok := errors.AsType[*check.Error](err); !ok {
				t.Fatalf("got %v, want a check", err)
			}
			return
		}
		notes, err := annotate(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := convert(signature, notes)
		if err != nil {
			t.Fatalf("written again it is refused: %v", err)
		}
		if d := cmp.Diff(b, again); d != "" {
			t.Fatalf("written again it differs:\n%s", d)
		}
	})
}

// What an archive gives is inside of it, whatever its headers say.
func FuzzArchive(f *testing.F) {
	data, _ := saved(f)
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "x.tar")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := openArchive(file)
		if err != nil {
			if _, ok := errors.AsType[*check.Error](err); !ok {
				t.Fatalf("got %v, want a check", err)
			}
			return
		}
		for name, s := range a.found {
			if !fs.ValidPath(name) || strings.Contains(name, `\`) || s.offset < 0 || s.size < 0 {
				t.Fatalf("%q at %d with %d bytes was taken", name, s.offset, s.size)
			}
		}
		if l, err := openLayout(file); err == nil && !json.Valid(l.read().index.raw) {
			t.Fatal("index.json is not JSON")
		}
	})
}

func TestO36_SparseFiles(t *testing.T) {
	a := &archive{found: map[string]section{}}
	err := a.add(&tar.Header{Typeflag: tar.TypeReg, Name: "index.json", PAXRecords: map[string]string{"GNU.sparse.major": "1"}}, 0)
	refused(t, err, check.OCI)
	err = a.add(&tar.Header{Typeflag: tar.TypeGNUSparse, Name: "index.json"}, 0)
	refused(t, err, check.OCI)
	if err := a.add(&tar.Header{Typeflag: tar.TypeReg, Name: "index.json"}, 0); err != nil {
		t.Fatal(err)
	}
}

// An attestation under the old tag reads as the bundle it was written from.
func TestBP4_OldEnvelopeKeepsItsBytes(t *testing.T) {
	w := sigtest.New(t)
	made := w.Make(sigtest.Maker{Statement: sigtest.Statement("x", []byte("x"), "https://example.com/p"), Logs: []*sigtest.Log{w.Log1}})
	l := must(oldLayerOf(made.Bundle, nil, emptyDigest))(t)
	b := must(convert(l.data, l.Annotations))(t)
	if l.Annotations[notePredicate] != "https://example.com/p" || l.MediaType != typeEnvelope || l.suffix != suffixAtt {
		t.Errorf("layer is %q under %q with %q", l.MediaType, l.suffix, l.Annotations[notePredicate])
	}
	want := *made.Bundle.Envelope
	if d := cmp.Diff(&want, b.Envelope); d != "" {
		t.Errorf("envelope (-want +got):\n%s", d)
	}
	if !bytes.Equal(b.Certificate, made.Certificate) || len(b.Entries) != 1 || b.Version != bundle.V01 {
		t.Errorf("got %d entries in version %d, want the certificate and one entry in 0.1", len(b.Entries), b.Version)
	}
}
