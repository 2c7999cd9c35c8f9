package tlog

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

const path1 = "/api/v1/log/entries"

// A v1 writes to a log of the first generation (Rekor), SG-12.
type v1 struct {
	doer fetch.Doer
	base *url.URL
	logs []trustroot.Log
}

// Append records r as hashedrekord 0.0.1, or as dsse 0.0.1 if it has an
// envelope. When the log has an equal entry already, that one is fetched and
// verified just the same.
func (l *v1) Append(ctx context.Context, r sign.Record) (bundle.Entry, error) {
	proposed, err := propose(r)
	if err != nil {
		return bundle.Entry{}, err
	}
	res, err := service.Ask(ctx, l.doer, fetch.Request{
		Method:      "POST",
		Path:        path1,
		Body:        proposed,
		ContentType: "application/json",
		Accept:      "application/json",
		MaxBody:     maxAnswer,
	}, 200, 201, http.StatusConflict)
	if err != nil {
		return bundle.Entry{}, err
	}
	if res.Status == http.StatusConflict {
		id, err := l.location(res.Header.Get("Location"))
		if err != nil {
			return bundle.Entry{}, err
		}
		res, err = service.Ask(ctx, l.doer, fetch.Request{
			Path:    path1 + "/" + id,
			Accept:  "application/json",
			MaxBody: maxAnswer,
		}, 200)
		if err != nil {
			return bundle.Entry{}, err
		}
	}
	return l.check(res.Body, r)
}

// location returns the id of the equal entry that the answer to a conflict
// points to. Only the id is used, so that no other host can be asked (K24).
func (l *v1) location(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", check.Refuse("SG-12", check.Server, "equal entry is at %q, want a path of the log", s)
	}
	if to := l.base.ResolveReference(u); to.Scheme != l.base.Scheme || to.Host != l.base.Host || u.User != nil {
		return "", check.Refuse("SG-12", check.Server, "equal entry is at %q, want it on %q", s, l.base.Host)
	}
	_, id, ok := strings.Cut(u.Path, path1+"/")
	if !ok || !isID(id) {
		return "", check.Refuse("SG-12", check.Server, "equal entry is at %q, want %q and its id", s, path1)
	}
	return id, nil
}

// isID reports whether s is a leaf hash in hexadecimal, with or without the 8
// bytes of a tree id before it.
func isID(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && s == strings.ToLower(s) && (len(s) == 64 || len(s) == 80)
}

// check returns the entry of an answer if it is about r, and promised and
// proved by the log.
func (l *v1) check(answer []byte, r sign.Record) (bundle.Entry, error) {
	id, e, err := parse1(answer)
	if err != nil {
		return bundle.Entry{}, err
	}
	if !isID(id) || !strings.HasSuffix(id, hex.EncodeToString(inclusion.Leaf(e.Body))) {
		return bundle.Entry{}, check.Refuse("SG-12", check.Server, "entry id %q is not the hash of the entry", id)
	}
	e.Kind, e.Version = "hashedrekord", "0.0.1"
	want := entry.Body{Hash: r.Hash, Digest: r.Digest, Signature: r.Signature, Certificate: r.Certificate}
	if r.Envelope != nil {
		e.Kind = "dsse"
		sum := sha256.Sum256(r.Envelope.Payload)
		want.Hash, want.Digest = crypto.SHA256, sum[:]
	}
	got, err := entry.Parse(e.Kind, e.Version, e.Body)
	if err != nil {
		return bundle.Entry{}, lied(err)
	}
	if got.Hash != want.Hash || !bytes.Equal(got.Digest, want.Digest) ||
		!bytes.Equal(got.Signature, want.Signature) || !bytes.Equal(got.Certificate, want.Certificate) {
		return bundle.Entry{}, check.Refuse("SG-12", check.Server, "entry is not the one that was sent")
	}
	log, err := byID(l.logs, &e)
	if err != nil {
		return bundle.Entry{}, err
	}
	if err := logproof.Promised(&e, log); err != nil {
		return bundle.Entry{}, lied(err)
	}
	if _, err := logproof.Included(&e, log); err != nil {
		return bundle.Entry{}, lied(err)
	}
	return e, nil
}

// A proposal is an entry as Rekor v1 takes it.
type proposal struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       any    `json:"spec"`
}

// propose makes the request for r.
func propose(r sign.Record) ([]byte, error) {
	if r.Hash != crypto.SHA256 {
		return nil, check.Refuse("SG-3", check.Alg, "hash is %v, want SHA-256", r.Hash)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate})
	p := proposal{APIVersion: "0.0.1", Kind: "hashedrekord"}
	if r.Envelope == nil {
		var spec struct {
			Data struct {
				Hash struct {
					Algorithm string `json:"algorithm"`
					Value     string `json:"value"`
				} `json:"hash"`
			} `json:"data"`
			Signature struct {
				Content   []byte `json:"content"`
				PublicKey struct {
					Content []byte `json:"content"`
				} `json:"publicKey"`
			} `json:"signature"`
		}
		spec.Data.Hash.Algorithm, spec.Data.Hash.Value = "sha256", hex.EncodeToString(r.Digest)
		spec.Signature.Content, spec.Signature.PublicKey.Content = r.Signature, cert
		p.Spec = spec
	} else {
		envelope, err := envelopeJSON(r.Envelope)
		if err != nil {
			return nil, err
		}
		var spec struct {
			Proposed struct {
				Envelope  string   `json:"envelope"`
				Verifiers [][]byte `json:"verifiers"`
			} `json:"proposedContent"`
		}
		spec.Proposed.Envelope, spec.Proposed.Verifiers = envelope, [][]byte{cert}
		p.Kind, p.Spec = "dsse", spec
	}
	out, err := json.Marshal(p)
	if err != nil {
		return nil, check.Refuse("SG-12", check.Internal, "%v", err)
	}
	return out, nil
}

// envelopeJSON returns a DSSE envelope as JSON.
func envelopeJSON(e *bundle.Envelope) (string, error) {
	type signature struct {
		KeyID string `json:"keyid,omitempty"`
		Sig   string `json:"sig"`
	}
	out, err := json.Marshal(struct {
		Payload     []byte      `json:"payload"`
		PayloadType string      `json:"payloadType"`
		Signatures  []signature `json:"signatures"`
	}{e.Payload, e.PayloadType, []signature{{e.KeyID, base64.StdEncoding.EncodeToString(e.Signature)}}})
	if err != nil {
		return "", check.Refuse("SG-12", check.Internal, "%v", err)
	}
	return string(out), nil
}
