package sign_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/sign/fulcio"
	"github.com/hallmarksign/hallmark/sign/tsa"
	"github.com/hallmarksign/hallmark/tlog"
	"github.com/hallmarksign/hallmark/verify"
)

// tokens gives a new token of the world's issuer each time.
type tokens struct{ w *sigtest.World }

func (tokens) Name() string { return "test" }

func (p tokens) Token(ctx context.Context, audience string) (oidc.Token, error) {
	raw := p.w.Token(map[string]any{"email": "alice@example.com", "email_verified": true})
	return oidc.Static(raw, p.w.Clock.Now).Token(ctx, audience)
}

// signer returns a signer for the services of a world, which the verifier of
// this module checks as the command would.
func signer(t *testing.T, w *sigtest.World, generation int) *sign.Signer {
	t.Helper()
	root := w.Root()
	verifier := must(t)(verify.New(root, verify.PublicGood))
	connect := func(url string) fetch.Doer {
		c, err := fetch.New(url, fetch.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.CloseIdle)
		return c
	}
	ca, err := fulcio.New(fulcio.Config{Doer: connect(w.Fulcio().URL), Verify: verifier.Certificate, Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	stamper, err := tsa.New(tsa.Config{Doer: connect(w.Stamper().URL), Authorities: root.TSAs, Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	url := w.Rekor(generation).URL
	log, err := tlog.New(generation, url, tlog.Config{Doer: connect(url), Root: root, Now: w.Clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	return &sign.Signer{
		Tokens: tokens{w}, Audience: "sigstore", CA: ca,
		Logs: sign.All[sign.Log](log), Times: sign.All[sign.TimestampAuthority](stamper), Now: w.Clock.Now,
		Check: func(_ context.Context, serialised []byte, job sign.Job, who oidc.Token) error {
			b, err := bundle.Parse(serialised)
			if err != nil {
				return err
			}
			digest := job.Digest
			if job.Statement != nil {
				sum := sha256.Sum256([]byte("artifact"))
				digest = sum[:]
			}
			artifact, err := verify.FromDigest(crypto.SHA256, digest)
			if err != nil {
				return err
			}
			policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.CertificateIssuer()), Subject: verify.Exactly(who.Subject)})
			_, err = verifier.Verify(b, artifact, policy, w.Clock.Now())
			return err
		},
	}
}

func must(t *testing.T) func(*verify.Verifier, error) *verify.Verifier {
	return func(v *verify.Verifier, err error) *verify.Verifier {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// work returns an artifact and a statement about it.
func work() []sign.Job {
	sum := sha256.Sum256([]byte("artifact"))
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"artifact","digest":{"sha256":"%x"}}],`+
		`"predicateType":"https://example.com/p","predicate":{}}`, sum)
	return []sign.Job{{Name: "artifact", Digest: sum[:]}, {Name: "statement", Statement: []byte(statement)}}
}

func TestSG13_WholeFlow(t *testing.T) {
	for _, generation := range []int{1, 2} {
		w := sigtest.New(t)
		n := 0
		err := signer(t, w, generation).Sign(t.Context(), work(), func(r sign.Result) error {
			if r.Err == nil && r.Serialised != nil {
				n++
			}
			return nil
		})
		if err != nil || n != 2 {
			t.Errorf("generation %d: got %d bundles, %v", generation, n, err)
		}
		if got := len(w.Fulcio().Requests()); got != 1 {
			t.Errorf("generation %d: got %d certificates, want 1", generation, got)
		}
	}
}

func TestK28_CertificateExpiresWhileWaiting(t *testing.T) {
	w := sigtest.New(t)
	w.Stamper().SetFault(sigtest.Times(1, func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Clock.Add(11 * time.Minute)
		next.ServeHTTP(rw, r)
	}))
	if err := signer(t, w, 2).Sign(t.Context(), work()[:1], func(sign.Result) error { return nil }); err != nil {
		t.Error(err)
	}
	if got := len(w.Fulcio().Requests()); got != 2 {
		t.Errorf("got %d certificates, want 2", got)
	}
}

// In all these rows there is no bundle.
func TestGroupK_ServicesThatLie(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *sigtest.World)
		want   check.Check
	}{
		{"K16 without certificate timestamp", func(w *sigtest.World) { w.CTs = append(w.CTs, w.CT); w.CT = w.NewCT("unknown") }, check.Server},
		{"K19 token reflected", func(w *sigtest.World) {
			w.Fulcio().SetFault(func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
				rw.WriteHeader(400)
				fmt.Fprint(rw, w.Token(map[string]any{"email": "alice@example.com", "email_verified": true}))
			})
		}, check.Server},
		{"K10 timestamp authority down", func(w *sigtest.World) { w.Stamper().SetFault(sigtest.Answer(503, "")) }, check.Net},
		{"K10 log down", func(w *sigtest.World) { w.Rekor(2).SetFault(sigtest.Answer(503, "")) }, check.Net},
		{"K21 empty timestamp", func(w *sigtest.World) { w.Stamper().SetFault(sigtest.Rewrite(func([]byte) []byte { return nil })) }, check.Server},
		{"K25 body other than sent", func(w *sigtest.World) {
			w.Rekor(2).SetFault(sigtest.Rewrite(func(b []byte) []byte {
				return sigtest.EditJSON(b, func(doc map[string]any) { doc["canonicalizedBody"] = "e30=" })
			}))
		}, check.Server},
		{"K27 error with 200", func(w *sigtest.World) { w.Rekor(2).SetFault(sigtest.Answer(200, `{"code":13}`)) }, check.Server},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := sigtest.New(t)
			tt.change(w)
			err := signer(t, w, 2).Sign(t.Context(), work(), func(r sign.Result) error {
				if r.Serialised != nil {
					t.Error("got a bundle")
				}
				return nil
			})
			if check.Of(err) != tt.want {
				t.Errorf("got %v, want check %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "eyJ") {
				t.Errorf("a token is in %v", err)
			}
		})
	}
}
