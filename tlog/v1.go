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
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/service"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

const path1 = "/api/v1/log/entries"

var _ sign.Finder = (*v1)(nil)

// A v1 writes to a log of the first generation (Rekor), SG-12.
type v1 struct {
	doer fetch.Doer
	base *url.URL
	logs []trustroot.Log
	patience
}

// Append records r as hashedrekord 0.0.1, or as dsse 0.0.1 if it has an
// envelope. When the log has an equal entry already, that one is fetched and
// verified just the same.
func (l *v1) Append(ctx context.Context, r sign.Record) (bundle.Entry, error) {
	receipt, err := l.Upload(ctx, r)
	return receipt.Entry, err
}

// Upload implements Writer.
func (l *v1) Upload(ctx context.Context, r sign.Record) (Receipt, error) {
	proposed, err := propose(r)
	if err != nil {
		return Receipt{}, err
	}
	return l.put(ctx, proposed, func(e *bundle.Entry) error { return same(e, r) })
}

// Find implements sign.Finder.
func (l *v1) Find(ctx context.Context, r sign.Record) (bundle.Entry, bool, error) {
	proposed, err := propose(r)
	if err != nil {
		return bundle.Entry{}, false, err
	}
	receipt, err := l.find(ctx, proposed, func(e *bundle.Entry) error { return same(e, r) })
	if check.Of(err) == check.NotFound {
		return bundle.Entry{}, false, nil
	}
	return receipt.Entry, err == nil, err
}

// put proposes an entry. If the log has an equal one, or may have taken it although
// there was no answer, that entry is looked for.
func (l *v1) put(ctx context.Context, proposed []byte, wanted func(*bundle.Entry) error) (Receipt, error) {
	res, err := service.Ask(ctx, l.doer, fetch.Request{
		Method:      "POST",
		Path:        path1,
		Body:        proposed,
		ContentType: "application/json",
		Accept:      "application/json",
		MaxBody:     maxAnswer,
	}, 200, 201, http.StatusConflict)
	if err != nil {
		if ctx.Err() == nil && !fetch.NotDone(err) {
			if r, again := l.wait(ctx, hoped, func() (Receipt, error) { return l.find(ctx, proposed, wanted) }); again == nil {
				return r, nil
			}
		}
		return Receipt{}, sent(err)
	}
	if res.Status == http.StatusConflict {
		r, err := l.equal(ctx, res.Header.Get("Location"), wanted)
		r.Existing = err == nil && !res.Repeated
		return r, err
	}
	a, err := parse1(res.Body)
	if err != nil {
		return Receipt{}, public(nil, err)
	}
	r, err := l.check(&a, wanted)
	if err != nil {
		return Receipt{}, public(&a.Entry, err)
	}
	return r, nil
}

// equal returns the entry that the answer to a conflict points to. A log may know that
// it has an entry some seconds before it shows it.
func (l *v1) equal(ctx context.Context, location string, wanted func(*bundle.Entry) error) (Receipt, error) {
	id, err := l.location(location)
	if err != nil {
		return Receipt{}, public(nil, err)
	}
	var seen *bundle.Entry
	r, err := l.wait(ctx, promised, func() (Receipt, error) {
		a, err := l.get(ctx, id)
		if err != nil {
			return Receipt{}, err
		}
		seen = &a.Entry
		return l.check(&a, wanted)
	})
	if check.Of(err) == check.NotFound {
		return Receipt{}, public(nil, check.Refuse("SG-12", check.Net, "log %q says that it has the entry %q, but does not show it yet", l.logs[0].Name(), id))
	}
	if err != nil {
		return Receipt{}, public(seen, located(err, "entry "+id))
	}
	return r, nil
}

// get returns the entry of an id, or an error of check not_found.
func (l *v1) get(ctx context.Context, id string) (Answer, error) {
	res, err := service.Ask(ctx, l.doer, fetch.Request{
		Path:    path1 + "/" + id,
		Accept:  "application/json",
		MaxBody: maxAnswer,
	}, http.StatusOK, http.StatusNotFound)
	if err != nil {
		return Answer{}, err
	}
	if res.Status == http.StatusNotFound {
		return Answer{}, check.Refuse("SG-12", check.NotFound, "no entry %q", id)
	}
	return parse1(res.Body)
}

// maxEqual bounds the entries that are equal to one: a log has one in each tree.
const maxEqual = 32 // entries that are equal to one

// find returns an entry that is equal to a proposed one, or an error of check
// not_found.
func (l *v1) find(ctx context.Context, proposed []byte, wanted func(*bundle.Entry) error) (Receipt, error) {
	question, err := json.Marshal(map[string][]json.RawMessage{"entries": {proposed}})
	if err != nil {
		return Receipt{}, check.Refuse("SG-12", check.Internal, "%v", err)
	}
	res, err := service.Ask(ctx, l.doer, fetch.Request{
		Method:      "POST",
		Path:        path1 + "/retrieve",
		Body:        question,
		ContentType: "application/json",
		Accept:      "application/json",
		MaxBody:     maxAnswer,
	}, http.StatusOK)
	if err != nil {
		return Receipt{}, err
	}
	all, err := ParseAnswers(res.Body, maxEqual)
	if err != nil {
		return Receipt{}, err
	}
	var refused error = check.Refuse("SG-12", check.NotFound, "no equal entry")
	for i := range all {
		r, err := l.check(&all[i], wanted)
		if err == nil {
			return r, nil
		}
		refused = err
	}
	return Receipt{}, refused
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
	_, id, _ := strings.Cut(u.Path, path1+"/")
	if !isID(id) {
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

// check returns the entry of an answer if it is the wanted one, and promised and
// proved by the log. wanted fills in kind and version.
func (l *v1) check(a *Answer, wanted func(*bundle.Entry) error) (Receipt, error) {
	id, e := a.ID, &a.Entry
	leaf := hex.EncodeToString(inclusion.Leaf(e.Body))
	if !isID(id) || !strings.HasSuffix(id, leaf) {
		return Receipt{}, check.Refuse("SG-12", check.Server, "entry id %q is not the hash of the entry", id)
	}
	if err := wanted(e); err != nil {
		return Receipt{}, err
	}
	log, err := byID(l.logs, e)
	if err != nil {
		return Receipt{}, err
	}
	if err := logproof.Promised(e, log); err != nil {
		return Receipt{}, lied(err)
	}
	c, err := logproof.Included(e, log)
	if err != nil {
		return Receipt{}, lied(err)
	}
	tree, err := TreeID(c.Origin)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Entry: *e, ID: tree + leaf}, nil
}

// TreeID returns the tree of a checkpoint, "name - tree id", as it begins the id of
// an entry.
func TreeID(origin string) (string, error) {
	_, tree, err := checkpoint.SplitV1(origin)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%016x", tree), nil
}

// same refuses an entry that is not about r.
func same(e *bundle.Entry, r sign.Record) error {
	e.Kind, e.Version = "hashedrekord", "0.0.1"
	want := entry.Body{Hash: r.Hash, Digest: r.Digest, Signature: r.Signature, Certificate: r.Certificate, PublicKey: r.PublicKey}
	if r.Envelope != nil {
		e.Kind = "dsse"
		sum := sha256.Sum256(r.Envelope.Payload)
		want.Hash, want.Digest = crypto.SHA256, sum[:]
	}
	got, err := entry.Parse(e.Kind, e.Version, e.Body)
	if err != nil {
		return lied(err)
	}
	if got.Hash != want.Hash || !bytes.Equal(got.Digest, want.Digest) || !bytes.Equal(got.Signature, want.Signature) ||
		!bytes.Equal(got.Certificate, want.Certificate) || !bytes.Equal(got.PublicKey, want.PublicKey) {
		return check.Refuse("SG-12", check.Server, "entry is not the one that was sent")
	}
	return nil
}

// A proposal is an entry as Rekor v1 takes it.
type proposal struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       any    `json:"spec"`
}

// propose makes the request for r.
func propose(r sign.Record) ([]byte, error) {
	if _, err := detailsOf(r); err != nil {
		return nil, err
	}
	verifier := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate})
	if r.PublicKey != nil {
		verifier = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: r.PublicKey})
	}
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
		spec.Data.Hash.Algorithm, spec.Data.Hash.Value = hashName(r.Hash), hex.EncodeToString(r.Digest)
		spec.Signature.Content, spec.Signature.PublicKey.Content = r.Signature, verifier
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
		spec.Proposed.Envelope, spec.Proposed.Verifiers = envelope, [][]byte{verifier}
		p.Kind, p.Spec = "dsse", spec
	}
	out, err := json.Marshal(p)
	if err != nil {
		return nil, check.Refuse("SG-12", check.Internal, "%v", err)
	}
	return out, nil
}

// hashName is what Rekor v1 calls a hash.
func hashName(h crypto.Hash) string { return strings.ToLower(strings.ReplaceAll(h.String(), "-", "")) }

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
