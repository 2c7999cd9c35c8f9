package tsa

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
	"github.com/hallmarksign/hallmark/trustroot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var signature = []byte("signature")

// A fake is a timestamp authority that may lie.
type fake struct {
	t         *testing.T
	authority *tsptest.Authority
	window    trustroot.Window
	at        time.Time
	status    int
	kind      string
	faults    []tsptest.Fault
	answer    []byte // instead of a token, if not nil

	requests int
	request  struct { // the last one, RFC 3161 section 2.4.1
		Version int
		Imprint struct {
			Algorithm struct {
				OID  asn1.ObjectIdentifier
				Null asn1.RawValue `asn1:"optional"`
			}
			Hash []byte
		}
		Nonce   *big.Int
		CertReq bool
	}
	header http.Header
}

func newFake(t *testing.T) *fake {
	t.Helper()
	a, err := tsptest.New(now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &fake{
		t: t, authority: a, at: now, status: http.StatusCreated, kind: "application/timestamp-reply",
		window: trustroot.Window{Start: now.Add(-time.Hour)},
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests++
	f.header = r.Header
	body, _ := io.ReadAll(r.Body)
	if rest, err := asn1.Unmarshal(body, &f.request); err != nil || len(rest) != 0 {
		f.t.Errorf("request %x: %v", body, err)
	}
	if r.URL.Path != "/api/v1/timestamp" {
		f.t.Errorf("request for %s", r.URL.Path)
	}
	out := f.answer
	if out == nil {
		nonce := func(t *tsptest.Token) { t.Info.Nonce = f.request.Nonce }
		var err error
		if out, err = f.authority.Issue(signature, f.at, append([]tsptest.Fault{nonce}, f.faults...)...); err != nil {
			f.t.Error(err)
		}
	}
	w.Header().Set("Content-Type", f.kind)
	w.WriteHeader(f.status)
	w.Write(out)
}

// ask gets a timestamp of f from our client, which knows also more authorities.
func (f *fake) ask(more ...trustroot.Authority) ([]byte, error) {
	f.t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	doer, err := fetch.New(server.URL+"/api/v1/timestamp", fetch.Config{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer doer.CloseIdle()
	c, err := New(Config{
		Doer:        doer,
		Authorities: append(more, trustroot.Authority{URI: "tsa.example.com", Chain: f.authority.Chain(), Valid: f.window}),
		Now:         func() time.Time { return now },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return c.Timestamp(f.t.Context(), signature)
}

func TestSG8_Timestamp(t *testing.T) {
	f := newFake(t)
	der, err := f.ask()
	if err != nil || len(der) == 0 {
		t.Fatalf("got %x, %v", der, err)
	}
	if f.header.Get("Content-Type") != "application/timestamp-query" || f.request.Nonce.BitLen() < 64 || !f.request.CertReq {
		t.Errorf("got %+v with %v", f.request, f.header)
	}
	if !bytes.Equal(f.request.Imprint.Hash, tsptest.Sum(crypto.SHA256, signature)) {
		t.Errorf("asked for %x", f.request.Imprint.Hash)
	}
}

func TestSG8_StatusAndContentType(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*fake)
	}{
		{"200", func(f *fake) { f.status = 200 }},
		{"parameter", func(f *fake) { f.kind += "; charset=binary" }},
		{"clock of the authority a little ahead", func(f *fake) { f.at = now.Add(skew) }},
	} {
		f := newFake(t)
		tt.change(f)
		if _, err := f.ask(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestSG8_K20_K21_H30_AuthorityThatLies(t *testing.T) {
	other, err := tsptest.New(now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	old, err := newFake(t).authority.Issue(signature, now)
	if err != nil {
		t.Fatal(err)
	}
	nonce := func(n *big.Int) func(*fake) {
		return func(f *fake) { f.faults = []tsptest.Fault{func(t *tsptest.Token) { t.Info.Nonce = n }} }
	}
	for _, tt := range []struct {
		name   string
		change func(f *fake)
		want   check.Check
		rule   string
	}{
		{"K20 over something else", func(f *fake) {
			f.faults = []tsptest.Fault{func(t *tsptest.Token) { t.Info.Imprint = tsptest.Sum(crypto.SHA256, []byte("other")) }}
		}, check.Server, "SG-8"},
		{"K20 H30 nonce missing", nonce(nil), check.Server, "SG-8"},
		{"K20 H30 nonce other", nonce(big.NewInt(1)), check.Server, "SG-8"},
		{"H30 nonce negative", nonce(big.NewInt(-1)), check.Server, "SG-8"},
		{"H30 nonce of 1 MB", nonce(new(big.Int).Lsh(big.NewInt(1), 8_000_000)), check.Limit, ""},
		{"K20 old token", func(f *fake) { f.answer = old }, check.Server, "SG-8"},
		{"K21 rejection with 200", func(f *fake) {
			f.status = 200
			f.faults = []tsptest.Fault{func(t *tsptest.Token) { t.Status = big.NewInt(2) }}
		}, check.Server, "SG-8"},
		{"K21 text/html", func(f *fake) { f.kind = "text/html" }, check.Server, "SG-8"},
		{"K21 no content type", func(f *fake) { f.kind = "" }, check.Server, "SG-8"},
		{"K21 empty", func(f *fake) { f.answer = []byte{} }, check.Server, "SG-8"},
		{"K27 206", func(f *fake) { f.status = 206 }, check.Server, "SG-11"},
		{"K27 400", func(f *fake) { f.status = 400 }, check.Server, "SG-11"},
		{"K27 500", func(f *fake) { f.status = 500 }, check.Net, ""},
		{"LM-4 64 KiB and more", func(f *fake) { f.answer = make([]byte, 64<<10+1) }, check.Limit, ""},
		{"TS-8 authority not in the trusted root", func(f *fake) {
			f.faults = []tsptest.Fault{func(t *tsptest.Token) { t.By(other.Leaf); t.Certs = [][]byte{other.Leaf.Raw, other.Intermediate.Raw} }}
		}, check.Server, "TS-8"},
		{"TS-6 not in use yet", func(f *fake) { f.window.Start = now.Add(time.Minute) }, check.Server, "TS-6"},
		{"TS-6 not in use any more", func(f *fake) { f.window.End = now.Add(-time.Minute) }, check.Server, "TS-6"},
		{"TS-6 without start", func(f *fake) { f.window = trustroot.Window{} }, check.Server, "TS-6"},
		{"TM-4 H28 time from the future", func(f *fake) { f.at = now.Add(skew + time.Second) }, check.Time, "TM-4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			tt.change(f)
			der, err := f.ask()
			if e, ok := err.(*check.Error); !ok || e.Check != tt.want || (tt.rule != "" && e.Rule != tt.rule) || der != nil {
				t.Errorf("got %x, %#v, want check %s by %s", der, err, tt.want, tt.rule)
			}
		})
	}
}

// Every fault of group H that lies in the token is one of the server.
func TestSG8_GroupH(t *testing.T) {
	other, err := tsptest.New(now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, row := range tsptest.Rows(other.Leaf) {
		f := newFake(t)
		f.faults = []tsptest.Fault{row.Fault}
		_, err := f.ask()
		if got := check.Of(err); got != check.Server && (got != check.Limit || row.Check != check.Limit) {
			t.Errorf("%s %s: got %v, want check server", row.ID, row.Name, err)
		}
		n++
	}
	if n < 80 {
		t.Errorf("looked at %d rows, want at least 80", n)
	}
}

func TestTS8_SeveralAuthorities(t *testing.T) {
	other, err := tsptest.New(now, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	open := trustroot.Window{Start: now.Add(-time.Hour)}
	f := newFake(t)
	sibling, err := tsptest.Issue(f.authority.Intermediate, f.authority.Leaf.Certificate, nil...)
	if err != nil {
		t.Fatal(err)
	}
	pinned := append(f.authority.Chain()[:0:0], sibling.Certificate, f.authority.Intermediate.Certificate, f.authority.Root.Certificate)
	for name, first := range map[string]trustroot.Authority{
		"unknown":             {Chain: other.Chain(), Valid: open},
		"sibling of one CA":   {Chain: pinned, Valid: open},
		"the same, not valid": {Chain: f.authority.Chain()},
	} {
		if _, err := newFakeBy(t, f.authority).ask(first); err != nil {
			t.Errorf("%s first: %v", name, err)
		}
	}
}

func newFakeBy(t *testing.T, a *tsptest.Authority) *fake {
	f := newFake(t)
	f.authority = a
	return f
}

func TestSG8_ConfigThatCannotCheck(t *testing.T) {
	if _, err := New(Config{Authorities: make([]trustroot.Authority, 1)}); check.Of(err) != check.Internal {
		t.Errorf("got %v, want check internal", err)
	}
	if _, err := New(Config{Doer: fetch.Offline{}}); check.Of(err) != check.TrustRoot {
		t.Errorf("got %v, want check trustroot", err)
	}
}

func TestSG8_NoRandomness(t *testing.T) {
	f := newFake(t)
	c, err := New(Config{Doer: fetch.Offline{}, Authorities: []trustroot.Authority{{Chain: f.authority.Chain()}}, Rand: strings.NewReader("short")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Timestamp(t.Context(), signature); check.Of(err) != check.Internal {
		t.Errorf("got %v, want check internal", err)
	}
}
