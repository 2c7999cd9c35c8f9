package read

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/logproof"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

func TestEntry(t *testing.T) {
	v := newWorld(t)
	for i := range 300 {
		v.sign(2, fmt.Sprint("artifact ", i))
	}
	for generation, r := range map[int]Reader{1: v.v1(nil), 2: v.v2(nil)} {
		want := v.sign(generation, "artifact")
		e, err := r.Entry(t.Context(), want.LogIndex)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(e.Raw.Body, want.Body) || e.Content.Identity.Subject != sigtest.Alice().Subject || e.Authority == "" || e.Content.Unread != nil {
			t.Errorf("%d: got %+v", generation, e)
		}
		if _, err := logproof.Included(&e.Raw, r.Log()); err != nil {
			t.Errorf("%d: evidence is not that of a bundle: %v", generation, err)
		}
		if at, source := e.Time(); source != map[int]string{1: "log", 2: "certificate"}[generation] || at.Sub(sigtest.T0).Abs().Hours() > 1 {
			t.Errorf("%d: got time %v by %s", generation, at, source)
		}
		if e, err := r.Entry(t.Context(), want.LogIndex+1); check.Of(err) != check.NotFound {
			t.Errorf("%d: got %v, %v, want check not_found", generation, e, err)
		}
	}
	// What is not read is proved and shown all the same.
	for generation, r := range map[int]Reader{1: v.v1(nil), 2: v.v2(nil)} {
		offset := int64(0)
		if generation == 1 {
			offset = sigtest.ShardOffset
		}
		e, err := r.Entry(t.Context(), 1+offset)
		if err != nil || string(e.Raw.Body) != `{"entry":1}` || e.Content.Unread == nil || e.Content.Body != nil {
			t.Errorf("%d: got %+v, %v", generation, e, err)
		}
	}
}

func TestLM5_NegativeIndex(t *testing.T) {
	v := newWorld(t)
	for generation, want := range map[int]check.Check{1: check.Usage, 2: check.NotFound} {
		if _, err := v.reader(generation, nil).Entry(t.Context(), -1); check.Of(err) != want || rule(err) != "LM-5" {
			t.Errorf("%d: got %v, want check %s by LM-5", generation, err, want)
		}
	}
}

// A log that answers with another entry, which is in it and proved.
func TestLG4_K22_AnotherEntryOfTheLog(t *testing.T) {
	v := newWorld(t)
	want, other := v.sign(1, "artifact"), v.sign(1, "other artifact")
	v.fault = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, fmt.Sprint(want.LogIndex), fmt.Sprint(other.LogIndex), 1)
		next.ServeHTTP(w, r)
	}
	if e, err := v.v1(nil).Entry(t.Context(), want.LogIndex); e != nil || check.Of(err) != check.Server || rule(err) != "LG-4" {
		t.Errorf("got %v, want check server by LG-4", err)
	}
	// An id may lack the tree.
	v.fault = rewrite("/entries", func(s string) string { return strings.Replace(s, id(want)[:16], "", 1) })
	if e, err := v.v1(nil).Entry(t.Context(), want.LogIndex); err != nil || e.ID != id(want) {
		t.Errorf("id without tree: got %+v, %v", e, err)
	}
}

func TestByID(t *testing.T) {
	v := newWorld(t)
	want := v.sign(1, "artifact")
	other := v.sign(1, "other artifact")
	r := v.v1(nil)
	for _, s := range []string{id(want), id(want)[16:], strings.ToUpper(id(want))} {
		e, err := r.ByID(t.Context(), s)
		if err != nil || e.Raw.LogIndex != want.LogIndex || e.ID != id(want) {
			t.Errorf("%s: got %+v, %v", s, e, err)
		}
	}
	for s, want := range map[string]check.Check{
		"": check.Usage, "12": check.Usage, id(want)[1:]: check.Usage, "../../../x": check.Usage, strings.Repeat("0", 64): check.NotFound,
	} {
		if _, err := r.ByID(t.Context(), s); check.Of(err) != want {
			t.Errorf("%q: got %v, want check %s", s, err, want)
		}
	}
	v.fault = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		r.URL.Path = strings.Replace(r.URL.Path, id(want), id(other), 1)
		next.ServeHTTP(w, r)
	}
	if _, err := r.ByID(t.Context(), id(want)); check.Of(err) != check.Server {
		t.Errorf("got %v for another entry, want check server", err)
	}
}

func TestE_K22_K23_FirstLogThatLies(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  sigtest.LogEdits
		want check.Check
	}{
		{"E2 time of the promise", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.IntegratedTime++ }}, check.Server},
		{"E1 promise", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.Promise[9] ^= 1 }}, check.Server},
		{"E12 no promise", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.Promise = nil }}, check.Server},
		{"E3 index", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.LogIndex++ }}, check.Server},
		{"E4 another log", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.LogID = make([]byte, 32) }}, check.Server},
		{"E6 body", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.Body = []byte("{}") }}, check.Server},
		{"E14 proof", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.Proof.Hashes[0] = make([]byte, 32) }}, check.Server},
		{"E15 proof without hashes", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.Proof.Hashes = nil }}, check.Server},
		{"E17 index of the proof", sigtest.LogEdits{Entry: func(e *bundle.Entry) { e.Proof.LogIndex-- }}, check.Server},
		{"F8 checkpoint of another log", sigtest.LogEdits{Envelope: func(string) string { return sigtest.At(t, "other.example").Log1.Checkpoint() }}, check.Server},
		{"F13 checkpoint without end", sigtest.LogEdits{Envelope: func(s string) string { return strings.TrimSuffix(s, "\n") }}, check.Server},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newWorld(t)
			want := v.sign(1, "artifact")
			v.Log1.Edits = tt.log
			r := v.v1(nil)
			e, err := r.Entry(t.Context(), want.LogIndex)
			if e != nil || check.Of(err) != tt.want {
				t.Errorf("by index: got %v, want check %s", err, tt.want)
			}
			e, err = r.ByID(t.Context(), id(want))
			if e != nil || check.Of(err) != tt.want {
				t.Errorf("by id: got %v, want check %s", err, tt.want)
			}
			v.index[sigtest.Alice().Subject] = []string{id(want)}
			for e, err := range r.Find(t.Context(), Query{Subject: sigtest.Alice().Subject}, nil) {
				if e != nil || check.Of(err) != tt.want {
					t.Errorf("found: got %v, want check %s", err, tt.want)
				}
			}
		})
	}
}

func TestSG12_K22_AnswersOfOtherShape(t *testing.T) {
	v := newWorld(t)
	e := v.sign(1, "artifact")
	r := v.v1(nil)
	for name, change := range map[string]func(string) string{
		"tree id of another tree": func(s string) string { return strings.Replace(s, "108e9186e8c5677a", "108e9186e8c5677b", 1) },
		"id that is no hash":      func(s string) string { return strings.Replace(s, id(e)[70:], "0000000000", 1) },
		"no entry":                func(string) string { return "{}" },
		"a list":                  func(string) string { return "[]" },
		"two entries": func(s string) string {
			return strings.TrimSuffix(strings.TrimSpace(s), "}") + "," + strings.Replace(strings.TrimSpace(s), "{\"10", "\"20", 1)
		},
		"html": func(string) string { return "<html>" },
	} {
		v.fault = rewrite("/entries", change)
		if _, err := r.Entry(t.Context(), e.LogIndex); check.Of(err) != check.Server {
			t.Errorf("%s: got %v, want check server", name, err)
		}
	}
}

func TestLG4_F_SecondLogThatLies(t *testing.T) {
	for _, tt := range []struct {
		name string
		log  sigtest.LogEdits
		want check.Check
	}{
		{"F1 signature", sigtest.LogEdits{Envelope: func(s string) string { return s[:len(s)-8] + "AAAA" + s[len(s)-4:] }}, check.Checkpoint},
		{"F6 no size", sigtest.LogEdits{Note: func(s string) string { return strings.Join(cutLine(s, 1), "\n") }}, check.Checkpoint},
		{"F8 another origin", sigtest.LogEdits{Note: func(s string) string { return "x" + s }}, check.Checkpoint},
		{"F11 larger size", sigtest.LogEdits{Note: func(s string) string { return strings.Replace(s, "\n4\n", "\n5\n", 1) }}, check.Server},
		{"F11 size of 2^63", sigtest.LogEdits{Note: func(s string) string { return strings.Replace(s, "\n4\n", "\n9223372036854775808\n", 1) }}, check.Checkpoint},
		{"F24 another root", sigtest.LogEdits{Note: func(s string) string {
			return strings.Replace(s, strings.Split(s, "\n")[2], base64.StdEncoding.EncodeToString(make([]byte, 32)), 1)
		}}, check.Proof},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newWorld(t)
			want := v.sign(2, "artifact")
			v.Log2.Edits = tt.log
			e, err := v.v2(nil).Entry(t.Context(), want.LogIndex)
			if e != nil || check.Of(err) != tt.want {
				t.Errorf("got %v, want check %s", err, tt.want)
			}
		})
	}
}

func cutLine(s string, n int) []string {
	lines := strings.Split(s, "\n")
	return append(lines[:n:n], lines[n+1:]...)
}

// Decode must not accept by its quick way what entry.Parse does not.
func FuzzCanonical2(f *testing.F) {
	w := sigtest.New(f)
	body := w.Sign([]byte("artifact")).Entries[0].Body
	key := must(sigtest.WriteBody(&entry.Body{
		Kind: "hashedrekord", Version: "0.0.2", Hash: 5, Digest: make([]byte, 32), Signature: []byte("s"),
		PublicKey: sigtest.SPKI(w.SignerKey().Public()), KeyDetails: "PKIX_ECDSA_P256_SHA_256",
	}))
	f.Add(body)
	f.Add(key)
	f.Add(bytes.Replace(body, []byte("SHA2_256"), []byte("SHA2_512"), 1))
	f.Add(bytes.Replace(body, []byte(`"digest":"`), []byte(`"digest":"\n`), 1))
	f.Add(bytes.Replace(body, []byte(`"digest":"`), []byte("\"digest\":\"\n"), 1))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		quick := canonical2(body)
		if quick == nil {
			return
		}
		slow, err := entry.Parse("hashedrekord", "0.0.2", body)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if fmt.Sprint(*quick) != fmt.Sprint(*slow) {
			t.Errorf("got %v, want %v", quick, slow)
		}
	})
}

func TestDecode(t *testing.T) {
	w := sigtest.New(t)
	body := w.Sign([]byte("artifact")).Entries[0].Body
	if canonical2(body) == nil {
		t.Error("the quick way does not read an ordinary entry")
	}
	c := Decode(body)
	cert := must(entry.Parse("hashedrekord", "0.0.2", body)).Certificate
	if c.Unread != nil || !bytes.Equal(c.Certificate.Raw, cert) || c.Key != sha256.Sum256(sigtest.SPKI(w.SignerKey().Public())) {
		t.Errorf("got %+v", c)
	}
	for name, b := range map[string]string{
		"nothing": "", "text": "x", "other kind": `{"apiVersion":"0.0.1","kind":"rpm","spec":{}}`,
		"dsse 0.0.2": `{"apiVersion":"0.0.2","kind":"dsse"}`, "white space": " " + string(body),
		"no certificate": strings.Replace(string(body), base64.StdEncoding.EncodeToString(cert), "AAAA", 1),
	} {
		if c := Decode([]byte(b)); c.Unread == nil || c.Identity != nil {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	if c := Decode(make([]byte, maxBody+1)); check.Of(c.Unread) != check.Limit {
		t.Errorf("LM-4: got %v, want check limit", c.Unread)
	}
	if c := Decode([]byte(`{"apiVersion":"0.0.1","kind":"rpm","spec":{}}`)); c.Kind != "rpm" || c.Version != "0.0.1" {
		t.Errorf("got %q %q", c.Kind, c.Version)
	}
}
