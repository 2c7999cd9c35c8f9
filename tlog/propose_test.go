package tlog

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/sign"
)

func (f *fake) upload(version int) Writer { return f.writer(version, fetch.Config{}) }

// keyRecord is a record without certificate.
func keyRecord(t *testing.T) sign.Record {
	t.Helper()
	r := record(t, "")
	cert := must(x509.ParseCertificate(r.Certificate))
	r.Certificate, r.PublicKey = nil, must(x509.MarshalPKIXPublicKey(cert.PublicKey))
	return r
}

func TestSG11_SG12_UploadByKey(t *testing.T) {
	for version := 1; version <= 2; version++ {
		f := newFake(t, version)
		r := keyRecord(t)
		receipt, err := f.upload(version).Upload(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		e := receipt.Entry
		got, err := entry.Parse(e.Kind, e.Version, e.Body)
		if err != nil || string(got.PublicKey) != string(r.PublicKey) || got.Certificate != nil {
			t.Errorf("log %d: got %+v, %v", version, got, err)
		}
		want := ""
		if version == 1 {
			want = fmt.Sprintf("%016x%x", 1234, inclusion.Leaf(e.Body))
		}
		if receipt.ID != want || receipt.Existing {
			t.Errorf("log %d: id is %q (existing %v), want %q", version, receipt.ID, receipt.Existing, want)
		}
	}
}

// Every part of an entry is compared with what was sent.
func TestSG12_EntryThatDiffersInOnePart(t *testing.T) {
	for name, change := range map[string]func(r *sign.Record){
		"nothing":     func(*sign.Record) {},
		"digest":      func(r *sign.Record) { r.Digest = flip(r.Digest) },
		"signature":   func(r *sign.Record) { r.Signature = record(t, "").Signature },
		"certificate": func(r *sign.Record) { r.Certificate = record(t, "").Certificate },
	} {
		sent := record(t, "")
		logged := sent
		change(&logged)
		e := bundle.Entry{Body: canonical1(must(propose(logged)))}
		err := same(&e, sent)
		if name == "nothing" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if check.Of(err) != check.Server || !strings.Contains(fmt.Sprint(err), "not the one that was sent") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSG12_ParseAnswers(t *testing.T) {
	f := newFake(t, 1)
	var good string
	var one any
	for good, one = range f.entry1([]byte("{}"), nil) {
	}
	answer := func(id string) string {
		return string(must(json.Marshal(map[string]any{id: one})))
	}
	for name, tt := range map[string]struct {
		list string
		text string
	}{
		"good":               {"[" + answer(good) + "]", ""},
		"as many":            {"[" + answer(good) + "," + answer(good) + "]", ""},
		"K22 one more":       {"[" + strings.Repeat(answer(good)+",", 2) + answer(good) + "]", "3 entries, want at most 2"},
		"K22 id is short":    {"[" + answer(good[1:]) + "]", "want 64 or 80 hexadecimal digits"},
		"K22 id in capitals": {"[" + answer(strings.ToUpper(good)) + "]", "want 64 or 80 hexadecimal digits"},
		"K22 id is a path":   {"[" + answer("../x") + "]", "want 64 or 80 hexadecimal digits"},
		"not a list":         {answer(good), "answer"},
	} {
		got, err := ParseAnswers([]byte(tt.list), 2)
		if tt.text == "" {
			if err != nil || len(got) == 0 || got[0].ID != good {
				t.Errorf("%s: got %+v, %v", name, got, err)
			}
			continue
		}
		if check.Of(err) != check.Server || !strings.Contains(fmt.Sprint(err), tt.text) {
			t.Errorf("%s: got %v, want %q", name, err, tt.text)
		}
	}
}

// A log that records another key, or a certificate instead of the key.
func TestSG12_UploadOfAnotherKey(t *testing.T) {
	for name, other := range map[string]sign.Record{"key": keyRecord(t), "certificate": record(t, "")} {
		f := newFake(t, 1)
		r := keyRecord(t)
		other.Digest, other.Signature = r.Digest, r.Signature
		f.answer = func(w http.ResponseWriter) {
			f.last = must(propose(other))
			text(201, "application/json", string(f.entry(path1)))(w)
		}
		_, err := f.upload(1).Upload(t.Context(), r)
		if check.Of(err) != check.Server || !strings.Contains(fmt.Sprint(err), "not the one that was sent") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSG11_SignerOfARecord(t *testing.T) {
	both, none := keyRecord(t), keyRecord(t)
	both.Certificate = record(t, "").Certificate
	none.PublicKey = nil
	broken := keyRecord(t)
	broken.PublicKey = []byte("key")
	for name, r := range map[string]sign.Record{"both": both, "none": none, "broken": broken} {
		for version := 1; version <= 2; version++ {
			f := newFake(t, version)
			if _, err := f.upload(version).Upload(t.Context(), r); check.Of(err) != check.Internal || f.posts != 0 {
				t.Errorf("%s: got %v after %d requests, want check internal after none", name, err, f.posts)
			}
		}
	}
}

func proposed(t *testing.T) (Proposal, []byte) {
	request := must(propose(keyRecord(t))) // the fake makes a body of this kind only
	body := canonical1(request)
	return Proposal{Kind: "rekord", Version: "0.0.1", Request: request,
		Bodies: [][sha256.Size]byte{sha256.Sum256([]byte("other form")), sha256.Sum256(body)}}, body
}

func TestSG12_Propose(t *testing.T) {
	f := newFake(t, 1)
	p, body := proposed(t)
	receipt, err := f.upload(1).Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if e := receipt.Entry; e.Kind != "rekord" || e.Version != "0.0.1" || string(e.Body) != string(body) || receipt.Existing {
		t.Errorf("got %+v", receipt)
	}
	if string(f.last) != string(p.Request) {
		t.Errorf("sent %s, want %s", f.last, p.Request)
	}
	p.Bodies = p.Bodies[:1]
	if _, err := f.upload(1).Propose(t.Context(), p); check.Of(err) != check.Server || !strings.Contains(err.Error(), "not the one that was sent") {
		t.Errorf("another body: got %v", err)
	}
	f = newFake(t, 1)
	change(func(e map[string]any) { delete(field(e, "verification"), "signedEntryTimestamp") })(f)
	p, _ = proposed(t)
	_, err = f.upload(1).Propose(t.Context(), p)
	refused(t, err, check.SET)
	f = newFake(t, 1)
	change(func(e map[string]any) { delete(field(e, "verification"), "inclusionProof") })(f)
	_, err = f.upload(1).Propose(t.Context(), p)
	refused(t, err, check.Proof)
}

func TestSG12_ProposeExisting(t *testing.T) {
	f := newFake(t, 1)
	p, _ := proposed(t)
	f.answer = f.conflict
	receipt, err := f.upload(1).Propose(t.Context(), p)
	if err != nil || !receipt.Existing || f.gets != 1 {
		t.Errorf("got %+v, %v after %d GETs, want the existing entry", receipt, err, f.gets)
	}
}

func TestSG11_ProposeToTheSecondGeneration(t *testing.T) {
	f := newFake(t, 2)
	p, _ := proposed(t)
	_, err := f.upload(2).Propose(t.Context(), p)
	if check.Of(err) != check.Usage || f.posts != 0 || !strings.Contains(fmt.Sprint(err), "not rekord") {
		t.Errorf("got %v after %d requests, want check usage after none", err, f.posts)
	}
	if err := Takes(1, "rekord"); err != nil {
		t.Error(err)
	}
}

func TestTreeID(t *testing.T) {
	if id, err := TreeID("rekor.example.com - 1193050959916656506"); err != nil || id != "108e9186e8c5677a" {
		t.Errorf("got %q, %v", id, err)
	}
	for _, origin := range []string{"rekor.example.com", "a - ", "a - -1", "a - 99999999999999999999", "a - " + hex.EncodeToString([]byte{0xab})} {
		if _, err := TreeID(origin); check.Of(err) != check.Checkpoint {
			t.Errorf("%q: got %v, want check checkpoint", origin, err)
		}
	}
}
