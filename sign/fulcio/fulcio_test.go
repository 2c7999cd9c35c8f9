package fulcio

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
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
	"github.com/hallmarksign/hallmark/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	issuer = "https://issuer.example.com"
	canary = "c2lnbmF0dXJlLWNhbmFyeS0wMTIzNDU2Nzg5" // signature of every token
)

// token returns a token with claims.
func token(t *testing.T, claims map[string]any) oidc.Token {
	t.Helper()
	all := map[string]any{"iss": issuer, "sub": "subject-1", "aud": "sigstore", "exp": now.Add(time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	part := base64.RawURLEncoding.EncodeToString
	tok, err := oidc.Parse(part([]byte(`{"alg":"ES256","typ":"JWT"}`))+"."+part(body)+"."+canary, "sigstore", now)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func alice(t *testing.T) oidc.Token {
	return token(t, map[string]any{"email": "alice@example.com", "email_verified": true})
}

// A fake is a certificate authority that may lie. Its certificates are found
// good by verify if they are signed by its CA.
type fake struct {
	t     *testing.T
	ca    *ecdsa.PrivateKey
	root  *x509.Certificate
	life  func(n int) (from, to time.Time) // of the nth certificate, from 1
	chain func(leaf []byte) []string       // of PEM
	wrap  func(chain []string) any         // the answer
	reply func(w http.ResponseWriter, body []byte) bool

	verify func(leaf []byte, at time.Time) (string, string, error)
	key    crypto.PublicKey // instead of the one asked for
	who    string           // certified, and by which issuer
	issuer string
	body   []byte // of the last request
	n      int
	at     time.Time // of the last verification
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t, ca: newKey(t), who: "alice@example.com", issuer: issuer}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, f.ca.Public(), f.ca)
	if err != nil {
		t.Fatal(err)
	}
	f.root, _ = x509.ParseCertificate(der)
	f.life = func(int) (time.Time, time.Time) { return now, now.Add(10 * time.Minute) }
	f.chain = func(leaf []byte) []string { return []string{pemOf(leaf), pemOf(f.root.Raw)} }
	f.wrap = func(chain []string) any {
		return map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": chain}}}
	}
	f.verify = f.good
	return f
}

// good stands for the verifier: it looks at the path and says who was certified.
func (f *fake) good(leaf []byte, at time.Time) (string, string, error) {
	f.at = at
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return "", "", err
	}
	if err := cert.CheckSignatureFrom(f.root); err != nil {
		return "", "", check.Refuse("CC-1", check.CertChain, "%v", err)
	}
	return f.who, f.issuer, nil
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.n++
	f.body, _ = io.ReadAll(r.Body)
	if r.Method != http.MethodPost || r.URL.Path != "/api/v2/signingCert" {
		f.t.Errorf("request %s %s", r.Method, r.URL.Path)
	}
	var q struct {
		Credentials struct {
			Token string `json:"oidcIdentityToken"`
		} `json:"credentials"`
		CSR []byte `json:"certificateSigningRequest"`
	}
	if err := json.Unmarshal(f.body, &q); err != nil || q.Credentials.Token == "" {
		f.t.Errorf("request %s: %v", f.body, err)
	}
	block, _ := pem.Decode(q.CSR)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil || csr.CheckSignature() != nil || len(csr.Subject.Names) != 0 {
		f.t.Errorf("certificate request: %v, %v", csr, err)
	}
	from, to := f.life(f.n)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to, EmailAddresses: []string{f.who}}
	key := csr.PublicKey
	if f.key != nil {
		key = f.key
	}
	leaf, err := x509.CreateCertificate(rand.Reader, template, f.root, key, f.ca)
	if err != nil {
		f.t.Error(err)
	}
	body, err := json.Marshal(f.wrap(f.chain(leaf)))
	if err != nil {
		f.t.Error(err)
	}
	if f.reply != nil && f.reply(w, body) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	w.Write(body)
}

// certify asks f for a certificate with our client.
func (f *fake) certify(tok oidc.Token) ([]byte, error) {
	f.t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	doer, err := fetch.New(server.URL, fetch.Config{})
	if err != nil {
		f.t.Fatal(err)
	}
	defer doer.CloseIdle()
	c, err := New(Config{Doer: doer, Verify: f.verify, Now: func() time.Time { return now }})
	if err != nil {
		f.t.Fatal(err)
	}
	return c.Certify(f.t.Context(), newKey(f.t), tok)
}

func TestSG6_SG7_Certify(t *testing.T) {
	f := newFake(t)
	tok := alice(t)
	leaf, err := f.certify(tok)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err := x509.ParseCertificate(leaf); err != nil || cert.EmailAddresses[0] != "alice@example.com" {
		t.Errorf("got %v, %v", cert, err)
	}
	if f.n != 1 || !bytes.Contains(f.body, []byte(`{"credentials":{"oidcIdentityToken":"`+tok.Reveal()+`"},"certificateSigningRequest":"`)) {
		t.Errorf("got %d requests, the last %s", f.n, f.body)
	}
}

func TestSG7_Identity(t *testing.T) {
	github := map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "sub": "repo:octo/hello:ref:refs/heads/main",
		"job_workflow_ref": "octo/hello/.github/workflows/release.yml@refs/heads/main",
	}
	const workflow = "https://github.com/octo/hello/.github/workflows/release.yml@refs/heads/main"
	mail := map[string]any{"email": "alice@example.com", "email_verified": true}
	dex := map[string]any{"email": "alice@example.com", "email_verified": true,
		"federated_claims": map[string]any{"connector_id": "https://accounts.example.com"}}
	for _, tt := range []struct {
		name        string
		claims      map[string]any
		who, issuer string
		want        check.Check
	}{
		{"e-mail", mail, "alice@example.com", issuer, ""},
		{"K14 another address", mail, "bob@example.com", issuer, check.Server},
		{"K14 ID-8 other case", mail, "Alice@example.com", issuer, check.Server},
		{"K14 another issuer", mail, "alice@example.com", "https://other.example.com", check.Server},
		{"K14 no issuer", mail, "alice@example.com", "", check.Server},
		{"K14 nobody", mail, "", issuer, check.Server},
		{"federated issuer", dex, "alice@example.com", "https://accounts.example.com", ""},
		{"K14 the issuer in between", dex, "alice@example.com", issuer, check.Server},
		{"workflow", github, workflow, "https://token.actions.githubusercontent.com", ""},
		{"K14 another workflow", github, workflow + "2", "https://token.actions.githubusercontent.com", check.Server},
		{"K14 the sub of a workflow", github, "repo:octo/hello:ref:refs/heads/main", "https://token.actions.githubusercontent.com", check.Server},
		{"issuer of no known kind", nil, "subject-1", issuer, ""},
		{"K14 issuer of no known kind, another subject", nil, "subject-2", issuer, check.Server},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.who, f.issuer = tt.who, tt.issuer
			leaf, err := f.certify(token(t, tt.claims))
			if check.Of(err) != tt.want || (leaf == nil) != (err != nil) {
				t.Errorf("got %v, want check %q", err, tt.want)
			}
		})
	}
}

func text(status int, kind, body string) func(http.ResponseWriter, []byte) bool {
	return func(w http.ResponseWriter, _ []byte) bool {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
}

func TestSG7_K13_K18_AuthorityThatLies(t *testing.T) {
	chain := func(edit func(f *fake, leaf string) []string) func(*fake) {
		return func(f *fake) {
			f.chain = func(leaf []byte) []string { return edit(f, pemOf(leaf)) }
		}
	}
	for _, tt := range []struct {
		name   string
		change func(f *fake)
		want   check.Check
		inner  check.Check
	}{
		{"K13 another key", func(f *fake) { f.key = newKey(f.t).Public() }, check.Server, ""},
		{"K15 untrusted CA with its root", func(f *fake) {
			other := newFake(f.t)
			f.verify = other.good
		}, check.Server, check.CertChain},
		{"K15 leaf missing", chain(func(f *fake, leaf string) []string { return []string{pemOf(f.root.Raw)} }), check.Server, ""},
		{"K15 order reversed", chain(func(f *fake, leaf string) []string { return []string{pemOf(f.root.Raw), leaf} }), check.Server, ""},
		{"K15 empty chain", chain(func(*fake, string) []string { return nil }), check.Server, ""},
		{"K15 empty certificate", chain(func(*fake, string) []string { return []string{""} }), check.Server, ""},
		{"K15 two in one", chain(func(f *fake, leaf string) []string { return []string{leaf + leaf} }), check.Server, ""},
		{"K15 text before", chain(func(f *fake, leaf string) []string { return []string{"text\n" + leaf} }), check.Server, ""},
		{"K15 text after", chain(func(f *fake, leaf string) []string { return []string{leaf + "text"} }), check.Server, ""},
		{"K15 PEM of another type", chain(func(f *fake, leaf string) []string {
			return []string{strings.ReplaceAll(leaf, "CERTIFICATE", "PUBLIC KEY")}
		}), check.Server, ""},
		{"K15 PEM with headers", chain(func(f *fake, leaf string) []string {
			return []string{strings.Replace(leaf, "-----\n", "-----\nA: b\n\n", 1)}
		}), check.Server, ""},
		{"K15 not DER", chain(func(*fake, string) []string { return []string{pemOf([]byte("x"))} }), check.Server, ""},
		{"K16 without certificate timestamp", func(f *fake) {
			f.verify = func([]byte, time.Time) (string, string, error) {
				return "", "", check.Refuse("CT-1", check.SCT, "no certificate timestamp")
			}
		}, check.Server, check.SCT},
		{"K17 expired", func(f *fake) {
			f.life = func(int) (time.Time, time.Time) { return now.Add(-time.Hour), now.Add(-time.Second) }
		}, check.Server, ""},
		{"K17 not yet valid", func(f *fake) {
			f.life = func(int) (time.Time, time.Time) { return now.Add(skew + time.Second), now.Add(10 * time.Minute) }
		}, check.Server, ""},
		{"K17 ten years", func(f *fake) {
			f.life = func(int) (time.Time, time.Time) { return now, now.AddDate(10, 0, 0) }
		}, check.Server, ""},
		{"K18 512 KiB and more", func(f *fake) { f.reply = text(200, "application/json", strings.Repeat(" ", maxBody+1)) }, check.Limit, ""},
		{"K18 11 certificates", chain(func(f *fake, leaf string) []string {
			return strings.SplitAfter(strings.Repeat(leaf+"|", 11), "|")[:11]
		}), check.Limit, ""},
		{"LM-4 certificate of 32 KiB and more", chain(func(*fake, string) []string { return []string{pemOf(make([]byte, maxCert+1))} }), check.Limit, ""},
		{"K18 HTML with 200", func(f *fake) { f.reply = text(200, "text/html", "<html>") }, check.Server, ""},
		{"K18 detached", func(f *fake) {
			wrap := f.wrap
			f.wrap = func(c []string) any {
				return map[string]any{"signedCertificateDetachedSct": wrap(c).(map[string]any)["signedCertificateEmbeddedSct"]}
			}
		}, check.Server, ""},
		{"K18 detached and embedded", func(f *fake) {
			wrap := f.wrap
			f.wrap = func(c []string) any {
				a := wrap(c).(map[string]any)
				a["signedCertificateDetachedSct"] = a["signedCertificateEmbeddedSct"]
				return a
			}
		}, check.Server, ""},
		{"K18 not JSON", func(f *fake) { f.reply = text(200, "application/json", "no") }, check.Server, check.Parse},
		{"K18 JSON of something else", func(f *fake) { f.reply = text(200, "application/json", `{"code":3}`) }, check.Server, ""},
		{"K27 206", func(f *fake) { f.reply = text(206, "application/json", "{}") }, check.Server, ""},
		{"503", func(f *fake) { f.reply = text(503, "application/json", "{}") }, check.Net, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			tt.change(f)
			leaf, err := f.certify(alice(t))
			if check.Of(err) != tt.want || leaf != nil {
				t.Fatalf("got %v, want check %s", err, tt.want)
			}
			if e := new(check.Error); tt.inner != "" && (!errors.As(err, &e) || check.Of(e.Err) != tt.inner) {
				t.Errorf("got reason %v, want check %s", e.Err, tt.inner)
			}
		})
	}
}

func TestSG7_ChainThatIsNotLookedAt(t *testing.T) {
	f := newFake(t)
	f.chain = func(leaf []byte) []string { return []string{pemOf(leaf), "anything", pemOf([]byte("else"))} }
	if _, err := f.certify(alice(t)); err != nil {
		t.Error(err)
	}
}

func TestSG7_LifeThatIsLeft(t *testing.T) {
	left := func(all ...time.Duration) func(int) (time.Time, time.Time) {
		return func(n int) (time.Time, time.Time) {
			to := now.Add(all[min(n, len(all))-1])
			return to.Add(-10 * time.Minute), to
		}
	}
	for _, tt := range []struct {
		name     string
		life     func(int) (time.Time, time.Time)
		requests int
		want     check.Check
	}{
		{"31 s", left(31 * time.Second), 1, ""},
		{"30 s, then fresh", left(30*time.Second, 10*time.Minute), 2, ""},
		{"30 s twice", left(30 * time.Second), 2, check.Server},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t)
			f.life = tt.life
			leaf, err := f.certify(alice(t))
			if check.Of(err) != tt.want || f.n != tt.requests || (leaf == nil) != (err != nil) {
				t.Errorf("got %v after %d requests, want check %q after %d", err, f.n, tt.want, tt.requests)
			}
		})
	}
}

// K29: a clock that is a little behind does not matter; one that is wrong is named.
func TestK29_ClockThatIsWrong(t *testing.T) {
	f := newFake(t)
	from := now.Add(skew)
	f.life = func(int) (time.Time, time.Time) { return from, from.Add(10 * time.Minute) }
	if _, err := f.certify(alice(t)); err != nil || !f.at.Equal(from) {
		t.Errorf("got %v, verified at %v, want it at the start of the certificate", err, f.at)
	}
	for _, off := range []time.Duration{10 * time.Minute, -11 * time.Minute, 24 * time.Hour, -24 * time.Hour, 50 * 365 * 24 * time.Hour, -50 * 365 * 24 * time.Hour} {
		f := newFake(t)
		f.life = func(int) (time.Time, time.Time) { return now.Add(off), now.Add(off + 10*time.Minute) }
		_, err := f.certify(alice(t))
		if check.Of(err) != check.Server || !strings.Contains(err.Error(), "the clock here says 2026-03-01T12:00:00Z") {
			t.Errorf("%v: got %v, want both clocks", off, err)
		}
	}
}

func TestM3_K19_TokenIsInNoError(t *testing.T) {
	tok := alice(t)
	for name, body := range map[string]string{
		"plain":         `{"message":"bad token %s"}`,
		"part":          `{"message":"bad signature ` + canary + `"}`,
		"not JSON":      `%s`,
		"in the middle": strings.Repeat("x", 600) + "%s",
	} {
		for _, status := range []int{400, 401, 200, 206, 500} {
			f := newFake(t)
			if strings.Contains(body, "%s") {
				body = fmt.Sprintf(body, tok.Reveal())
			}
			f.reply = text(status, "application/json", body)
			_, err := f.certify(tok)
			want := check.Server
			if status == 500 {
				want = check.Net
			}
			if check.Of(err) != want {
				t.Errorf("%s %d: got %v, want check %s", name, status, err, want)
			}
			said := fmt.Sprintf("%v %+v %#v", err, err, err)
			for _, secret := range []string{tok.Reveal(), canary, strings.Split(tok.Reveal(), ".")[1]} {
				if strings.Contains(said, secret) {
					t.Errorf("%s %d: error has the token: %s", name, status, said)
				}
			}
		}
	}
}

func TestSG7_ConfigThatCannotCheck(t *testing.T) {
	if _, err := New(Config{Doer: fetch.Offline{}}); check.Of(err) != check.Internal {
		t.Errorf("got %v, want check internal", err)
	}
	if _, err := New(Config{Verify: newFake(t).good}); check.Of(err) != check.Internal {
		t.Errorf("got %v, want check internal", err)
	}
}

// mute is a key that signs nothing.
type mute struct{ crypto.Signer }

func (mute) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("key is gone")
}

func TestSG6_KeyThatSignsNothing(t *testing.T) {
	c, err := New(Config{Doer: fetch.Offline{}, Verify: newFake(t).good})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Certify(t.Context(), mute{newKey(t)}, alice(t)); check.Of(err) != check.Internal {
		t.Errorf("got %v, want check internal", err)
	}
}

func FuzzParse(f *testing.F) {
	block := pemOf([]byte{0x30, 0})
	good, _ := json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{block}}}})
	f.Add(good)
	f.Add([]byte(`{"signedCertificateEmbeddedSct":{"chain":{"certificates":["",""]}}}`))
	f.Add([]byte(`{"signedCertificateDetachedSct":{},"signedCertificateEmbeddedSct":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		leaf, err := parse(body)
		if (err == nil) == (leaf == nil) && len(leaf) != 0 {
			t.Errorf("got %x, %v", leaf, err)
		}
		if err == nil { // what was accepted says the same when it is written again
			again, _ := json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{pemOf(leaf)}}}})
			if second, err := parse(again); err != nil || !bytes.Equal(leaf, second) {
				t.Errorf("got %x, %v, want %x", second, err, leaf)
			}
		} else if c := check.Of(err); c != check.Server && c != check.Limit {
			t.Errorf("got %v, want check server or limit", err)
		}
	})
}
