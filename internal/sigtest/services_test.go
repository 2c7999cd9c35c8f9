package sigtest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/checkpoint"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/oidc"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/sign/fulcio"
	"github.com/hallmarksign/hallmark/sign/tsa"
	hallmark "github.com/hallmarksign/hallmark/tlog"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/trustroot/tuf"
	"github.com/hallmarksign/hallmark/verify"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func client(t *testing.T, s *sigtest.Service) *fetch.Client {
	t.Helper()
	c, err := fetch.New(s.URL, fetch.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c
}

// signer is a signer that uses every service of the world.
func signer(t *testing.T, w *sigtest.World, generation int, token string) *sign.Signer {
	t.Helper()
	root := w.Root()
	ca := must(fulcio.New(fulcio.Config{
		Doer: client(t, w.Fulcio()), Now: w.Clock.Now,
		Verify: func(_ []byte, _ time.Time) (string, string, error) {
			return sigtest.Alice().Subject, w.Issuer().URL, nil
		},
	}))
	stamper := must(tsa.New(tsa.Config{Doer: client(t, w.Stamper()), Authorities: root.TSAs, Now: w.Clock.Now}))
	rekor := w.Rekor(generation)
	log := must(hallmark.New(generation, rekor.URL, hallmark.Config{Doer: client(t, rekor), Root: root, Now: w.Clock.Now()}))
	return &sign.Signer{
		Tokens: oidc.Static(token, w.Clock.Now), Audience: w.Audience, CA: ca, Now: w.Clock.Now,
		Logs: sign.All[sign.Log](log), Times: sign.All[sign.TimestampAuthority](stamper),
		Check: func(_ context.Context, serialised []byte, _ sign.Job, who oidc.Token) error {
			v := must(verify.New(root, verify.PublicGood))
			a := must(verify.Hash(bytes.NewReader(artifact), crypto.SHA256))
			policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.Issuer), Subject: verify.Exactly(who.Subject)})
			_, err := v.Verify(must(bundle.Parse(serialised)), a, policy, w.Clock.Now())
			return err
		},
	}
}

// TestServices: the real clients sign with the servers, and what comes out
// verifies.
func TestServices(t *testing.T) {
	for _, generation := range []int{1, 2} {
		digest := sha256.Sum256(artifact)
		jobs := map[string]sign.Job{
			"message":   {Name: "a", Digest: digest[:]},
			"statement": {Name: "a", Statement: sigtest.Statement("a", artifact, "https://example.com/p")},
		}
		for name, job := range jobs {
			t.Run(fmt.Sprintf("generation %d %s", generation, name), func(t *testing.T) {
				w := sigtest.New(t)
				done := 0
				err := signer(t, w, generation, w.Token(nil)).Sign(t.Context(), []sign.Job{job}, func(r sign.Result) error {
					done++
					return r.Err
				})
				if err != nil || done != 1 {
					t.Errorf("signed %d: %v", done, err)
				}
				for _, s := range []*sigtest.Service{w.Fulcio(), w.Stamper(), w.Rekor(generation)} {
					if n := len(s.Requests()); n != 1 {
						t.Errorf("%s was asked %d times, want once", s.URL, n)
					}
				}
			})
		}
	}
}

// TestRekor1Conflict: an equal entry is found and fetched.
func TestRekor1Conflict(t *testing.T) {
	w := sigtest.New(t)
	made := w.Make(sigtest.Maker{Artifact: artifact, Logs: []*sigtest.Log{w.Log1}})
	log := must(hallmark.New(1, w.Rekor(1).URL, hallmark.Config{Doer: client(t, w.Rekor(1)), Root: w.Root(), Now: w.Clock.Now()}))
	e, err := log.Append(t.Context(), sign.Record{
		Hash: crypto.SHA256, Digest: made.Bodies[0].Digest, Signature: made.Signature, Certificate: made.Certificate,
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := made.Bundle.Entries[0].LogIndex; e.LogIndex != want {
		t.Errorf("index is %d, want %d", e.LogIndex, want)
	}
	if n := len(w.Rekor(1).Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// TestRefusals: the servers refuse what the real ones refuse.
func TestRefusals(t *testing.T) {
	w := sigtest.New(t)
	digest := sha256.Sum256(artifact)
	sign1 := func(t *testing.T, token string) error {
		return signer(t, w, 2, token).Sign(t.Context(), []sign.Job{{Name: "a", Digest: digest[:]}}, func(r sign.Result) error { return r.Err })
	}
	t.Run("token of another key", func(t *testing.T) {
		parts := strings.Split(w.Token(nil), ".")
		other := strings.Split(w.Token(map[string]any{"sub": "bob"}), ".")
		refused(t, sign1(t, parts[0]+"."+parts[1]+"."+other[2]), check.Server)
	})
	t.Run("token of another issuer", func(t *testing.T) {
		refused(t, sign1(t, w.Token(map[string]any{"iss": "https://other.example"})), check.Server)
	})
	t.Run("lying authority", func(t *testing.T) {
		w.CAEdits.Template = ca
		defer func() { w.CAEdits = sigtest.LeafEdits{} }()
		if err := sign1(t, w.Token(nil)); err == nil || !strings.Contains(err.Error(), "is a CA") {
			t.Errorf("error is %v", err)
		}
	})
	for name, body := range map[string]string{
		"nothing": "", "no request": "{}", "dsse": `{"dsseRequestV002":{}}`, "no signature": `{"hashedRekordRequestV002":{"digest":"AA=="}}`,
	} {
		t.Run("rekor "+name, func(t *testing.T) {
			status, _ := post(t, w.Rekor(2).URL+"/api/v2/log/entries", "application/json", body)
			if status != http.StatusBadRequest {
				t.Errorf("status is %d", status)
			}
		})
	}
	for name, body := range map[string]string{"nothing": "", "no request": "{}", "dsse": `{"kind":"dsse"}`} {
		t.Run("rekor 1 "+name, func(t *testing.T) {
			status, _ := post(t, w.Rekor(1).URL+"/api/v1/log/entries", "application/json", body)
			if status != http.StatusBadRequest {
				t.Errorf("status is %d", status)
			}
		})
	}
	for name, body := range map[string]string{"nothing": "", "no request": "{}"} {
		t.Run("fulcio "+name, func(t *testing.T) {
			if status, _ := post(t, w.Fulcio().URL+"/api/v2/signingCert", "application/json", body); status != http.StatusBadRequest {
				t.Errorf("status is %d", status)
			}
		})
		t.Run("tsa "+name, func(t *testing.T) {
			if status, _ := post(t, w.Stamper().URL, "application/timestamp-query", body); status != http.StatusBadRequest {
				t.Errorf("status is %d", status)
			}
		})
	}
}

// TestIdentities: claims become names as Fulcio makes them.
func TestIdentities(t *testing.T) {
	w := sigtest.New(t)
	c := client(t, w.Fulcio())
	for _, tt := range []struct {
		claims map[string]any
		status int
	}{
		{nil, 200},
		{map[string]any{"email": nil, "sub": "https://example.com/workflow"}, 200},
		{map[string]any{"email": nil}, 200},
		{map[string]any{"email_verified": false}, 400},
		{map[string]any{"aud": "other"}, 400},
		{map[string]any{"exp": w.Clock.Now().Unix()}, 400},
	} {
		body := must(csrBody(w.Token(tt.claims), w.SignerKey()))
		res, err := c.Do(t.Context(), fetch.Request{Method: "POST", Path: "/api/v2/signingCert", Body: body, ContentType: "application/json",
			MaxBody: 1 << 20, AcceptStatus: []int{400}})
		if err != nil || res.Status != tt.status {
			t.Errorf("%v: %v, %v", tt.claims, res, err)
		}
	}
}

// TestFaults: a fault answers instead of the service, or changes its answer.
func TestFaults(t *testing.T) {
	w := sigtest.New(t)
	get := func() string {
		res, err := http.Get(w.Rekor(2).URL + "/api/v2/checkpoint")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return fmt.Sprint(res.StatusCode, " ", string(must(io.ReadAll(res.Body))))
	}
	good := get()
	if !strings.HasPrefix(good, "200 127.0.0.1/log2\n3\n") {
		t.Errorf("checkpoint is %q", good)
	}
	w.Rekor(2).SetFault(sigtest.Times(1, sigtest.Answer(503, "busy")))
	if got := get(); got != "503 busy" {
		t.Errorf("got %q", got)
	}
	if got := get(); got != good {
		t.Errorf("got %q after the fault", got)
	}
	w.Rekor(2).SetFault(sigtest.Rewrite(bytes.ToUpper))
	if got := get(); got != strings.ToUpper(good) {
		t.Errorf("got %q", got)
	}
	w.Rekor(2).SetFault(nil)
	if n := len(w.Rekor(2).Requests()); n != 4 {
		t.Errorf("%d requests were noted, want 4", n)
	}
}

// TestTUF: a client gets both files, now and after a second publication.
func TestTUF(t *testing.T) {
	w := sigtest.New(t)
	repo := w.TUF()
	http := client(t, repo.Service)
	c := must(tuf.New(&tuf.Config{Mirror: repo.URL, Root: repo.Root(), HTTP: http, Now: w.Clock.Now}))
	root, err := c.Root(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if root.Digest != w.Root().Digest {
		t.Error("trusted root is another")
	}
	services, err := c.Services(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := services.AllowLoopback().Select(w.Root(), w.Clock.Now()); err != nil || s.CA.URL != w.Fulcio().URL || s.Logs.Candidates[0].URL != w.Rekor(2).URL {
		t.Errorf("services are %+v, %v", s, err)
	}
	w.CTs = append(w.CTs, w.NewCT("ct2"))
	repo.Publish()
	w.Clock.Add(25 * time.Hour)
	if root, err = c.Root(t.Context()); err != nil || len(root.CTLogs) != 2 {
		t.Errorf("second root is %v, %v", root, err)
	}
	w.Clock.Add(8 * 24 * time.Hour)
	refused(t, c.Refresh(t.Context()), check.TUFFreeze)
}

// TestTiles: package tlog of the checksum database sees the same tree.
func TestTiles(t *testing.T) {
	w := sigtest.New(t)
	for i := range 300 {
		w.Log2.Add("hashedrekord", "0.0.2", fmt.Appendf(nil, "body %d", i), sigtest.LogEdits{})
	}
	c := client(t, w.Rekor(2))
	read := func(path string) []byte {
		t.Helper()
		res, err := c.Do(t.Context(), fetch.Request{Path: "/api/v2/" + path, MaxBody: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		return res.Body
	}
	point := must(checkpoint.Parse(string(read("checkpoint"))))
	if err := point.Verify(checkpoint.Key{Name: w.Log2.Name, Public: w.Log2.Key.Public()}); err != nil {
		t.Error(err)
	}
	first, second := read("tile/0/000"), read("tile/0/001.p/47")
	var leaves []tlog.Hash
	for _, tile := range [][]byte{first, second} {
		for ; len(tile) > 0; tile = tile[32:] {
			leaves = append(leaves, tlog.Hash(tile[:32]))
		}
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, leaf := range leaves {
		stored = append(stored, must(tlog.StoredHashesForRecordHash(int64(i), leaf, reader))...)
	}
	if got := must(tlog.TreeHash(int64(len(leaves)), reader)); len(leaves) != 303 || point.Size != 303 || got != tlog.Hash(point.Root) {
		t.Errorf("%d leaves with root %v, checkpoint has %d and %x", len(leaves), got, point.Size, point.Root)
	}
	if upper := read("tile/1/000.p/1"); !bytes.Equal(upper, sliced(must(tlog.TreeHash(256, reader)))) {
		t.Errorf("tile of level 1 is %s", hex.EncodeToString(upper))
	}
	if entries := read("tile/entries/001.p/47"); !bytes.HasSuffix(entries, []byte("\x00\x08body 299")) {
		t.Errorf("entries end with %q", entries[max(0, len(entries)-20):])
	}
	for _, path := range []string{"tile/0/002", "tile/0/001.p/48", "tile/2/000", "tile/x/000", "tile/0/0", "tile/0/000.p/0", "tile/entries/001", "tile/0/999/000"} {
		if _, err := c.Do(t.Context(), fetch.Request{Path: "/api/v2/" + path, MaxBody: 1 << 20}); err == nil {
			t.Errorf("%s was answered", path)
		}
	}
}

// TestWitness: a cosigned checkpoint is one for package checkpoint.
func TestWitness(t *testing.T) {
	w := sigtest.New(t)
	witness := &sigtest.Witness{Name: "witness.example", Key: sigtest.Ed25519("witness")}
	made := w.Make(sigtest.Maker{Artifact: artifact, Log: sigtest.LogEdits{Envelope: func(note string) string {
		text, _, _ := strings.Cut(note, "\n\n")
		return note + witness.Line(text+"\n", w.Clock.Now())
	}}})
	c := must(checkpoint.Parse(made.Bundle.Entries[0].Proof.Checkpoint))
	at, err := c.VerifyWitness(witness.Name, witness.Key.Public().(ed25519.PublicKey), w.Clock.Now())
	if err != nil || !at.Equal(w.Clock.Now()) {
		t.Errorf("witness at %v, %v", at, err)
	}
	refused(t, verdict(t, w, made.JSON, verify.PublicGood), "")
}

// TestWriteBody: what is written is read.
func TestWriteBody(t *testing.T) {
	for _, kind := range []string{"hashedrekord 0.0.1", "hashedrekord 0.0.2", "dsse 0.0.1", "intoto 0.0.2"} {
		k, v, _ := strings.Cut(kind, " ")
		digest := sha256.Sum256(artifact)
		b := &entry.Body{Kind: k, Version: v, Hash: crypto.SHA256, Digest: digest[:], Signature: []byte("s"), PublicKey: []byte("key")}
		if kind == "hashedrekord 0.0.2" {
			b.KeyDetails = "PKIX_ECDSA_P256_SHA_256"
		}
		if got, err := entry.Parse(k, v, must(sigtest.WriteBody(b))); err != nil || !bytes.Equal(got.Signature, b.Signature) || !bytes.Equal(got.PublicKey, b.PublicKey) {
			t.Errorf("%s: %+v, %v", kind, got, err)
		}
	}
	if _, err := sigtest.WriteBody(&entry.Body{Kind: "rpm"}); err == nil {
		t.Error("rpm was written")
	}
}

// TestRoot: the trusted root is read without warnings, with the ids that it has.
func TestRoot(t *testing.T) {
	w := sigtest.New(t)
	root := w.Root()
	if len(root.Warnings) > 0 || len(root.Logs) != 2 || !bytes.Equal(root.Logs[1].ID, w.Log2.ID()) {
		t.Errorf("root is %+v", root)
	}
	if _, err := trustroot.Parse(w.TrustedRoot(func(doc map[string]any) { doc["mediaType"] = "x" })); check.Of(err) != check.TrustRoot {
		t.Errorf("edited root: %v", err)
	}
}
