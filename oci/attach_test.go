package oci

import (
	"crypto"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/verify"
)

// verified demands that a bundle verifies for an image.
func verified(t testing.TB, w *sigtest.World, f Found, digest string) {
	t.Helper()
	v := must(verify.New(w.Root(), verify.PublicGood))(t)
	sum := must(hex.DecodeString(strings.TrimPrefix(digest, "sha256:")))(t)
	about := must(verify.FromDigest(crypto.SHA256, sum))(t)
	if f.Payload != nil {
		about = must(verify.Hash(strings.NewReader(string(f.Payload))))(t)
	}
	who := sigtest.Alice()
	policy := verify.AnyOf(verify.Identity{Issuer: verify.Exactly(who.Issuer), Subject: verify.Exactly(who.Subject)})
	if _, err := v.Verify(f.Bundle, about, policy, w.Clock.Now()); err != nil {
		t.Fatal(err)
	}
}

func TestOC9_AttachedBundleIsFoundAndVerifies(t *testing.T) {
	for name, h := range map[string]*host{WhereReferrers: withReferrers(t), WhereFallback: newHost(t)} {
		t.Run(name, func(t *testing.T) {
			w, c := sigtest.New(t), newClient(t)
			pushImage(t, c, h, "app", "1", "x")
			a := resolved(t, c, h.name+"/app:1")
			raw := signed(t, w, a)
			at := must(c.Attach(t.Context(), a, Signature{Bundle: raw}, Referrers))(t)
			if len(at) != 1 || at[0].Where != name || at[0].Before {
				t.Errorf("got %+v, want it at the %s, new", at, name)
			}
			found, errs := collect(t, newClient(t), a)
			if len(found) != 1 || len(errs) != 0 || found[0].Where != name {
				t.Fatalf("found %+v, %v, want one at the %s", found, errs, name)
			}
			if string(found[0].Raw) != string(raw) {
				t.Error("the bundle that was found is not the one that was attached")
			}
			verified(t, w, found[0], a.Digest)
		})
	}
}

func TestOC9_AttachTwiceWritesOnce(t *testing.T) {
	for name, h := range map[string]*host{WhereReferrers: withReferrers(t), WhereFallback: newHost(t)} {
		t.Run(name, func(t *testing.T) {
			w, c := sigtest.New(t), newClient(t)
			pushImage(t, c, h, "app", "1", "x")
			a := resolved(t, c, h.name+"/app:1")
			s := Signature{Bundle: signed(t, w, a)}
			first := must(c.Attach(t.Context(), a, s, Referrers))(t)
			again := must(newClient(t).Attach(t.Context(), a, s, Referrers))(t)
			if !again[0].Before || again[0].Ref != first[0].Ref {
				t.Errorf("got %+v after %+v, want the same, from before", again, first)
			}
			if found, _ := collect(t, c, a); len(found) != 1 {
				t.Errorf("found %d bundles, want 1", len(found))
			}
		})
	}
}

func TestOC2_ManifestIsWhatOthersWrite(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	image := pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	raw := signed(t, w, a)
	at := must(c.Attach(t.Context(), a, Signature{Bundle: raw}, Referrers))(t)
	_, digest, _ := strings.Cut(at[0].Ref, "@")
	doc := must(c.repository(h.name, "app").manifest(t.Context(), digest))(t)
	const media = "application/vnd.dev.sigstore.bundle.v0.3+json"
	subject := image.descriptor()
	want := content{
		SchemaVersion: 2, MediaType: typeManifest, ArtifactType: media,
		Config:  &descriptor{MediaType: "application/vnd.oci.empty.v1+json", Size: 2, Digest: emptyDigest, ArtifactType: media},
		Layers:  &descriptors{{MediaType: media, Size: int64(len(raw)), Digest: sum(raw)}},
		Subject: &subject,
		Annotations: map[string]string{
			"org.opencontainers.image.created":  "2026-03-01T12:00:00Z",
			"dev.sigstore.bundle.content":       "dsse-envelope",
			"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
		},
	}
	if d := cmp.Diff(want, doc.content); d != "" {
		t.Errorf("manifest (-want +got):\n%s", d)
	}
}

func TestOC9_FallbackListingHasArtifactTypeAndAnnotations(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), newHost(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	must(c.Attach(t.Context(), a, Signature{Bundle: signed(t, w, a)}, Referrers))(t)
	index := must(c.repository(h.name, "app").manifest(t.Context(), "sha256-"+strings.TrimPrefix(a.Digest, "sha256:")))(t)
	if index.media != typeIndex || len(index.children()) != 1 {
		t.Fatalf("got %q with %d entries, want an index with one", index.media, len(index.children()))
	}
	d := index.children()[0]
	if d.ArtifactType != "application/vnd.dev.sigstore.bundle.v0.3+json" || d.Annotations[noteContent] != "dsse-envelope" || d.MediaType != typeManifest {
		t.Errorf("got %+v, want artifact type and annotations of the manifest", d)
	}
}

// O31: publishers that do not know of each other lose nothing.
func TestO31_PublishersOnARegistryWithoutReferrers(t *testing.T) {
	const publishers, runs = 8, 3
	for run := range runs {
		h, w := newHost(t), sigtest.New(t)
		c := newClient(t)
		pushImage(t, c, h, "app", "1", fmt.Sprint(run))
		a := resolved(t, c, h.name+"/app:1")
		var bundles [][]byte
		for i := range publishers {
			statement := must(SigningStatement(map[string]string{"n": fmt.Sprint(i)}, a))(t)
			bundles = append(bundles, w.Make(sigtest.Maker{Statement: statement}).JSON)
		}
		var all sync.WaitGroup
		for _, raw := range bundles {
			p := newClient(t) // each with a lock of its own, like another process
			p.settle = 100 * 1e6
			all.Go(func() {
				b, err := p.Resolve(t.Context(), h.name+"/app:1")
				if err == nil {
					_, err = p.Attach(t.Context(), b, Signature{Bundle: raw}, Referrers)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		found, errs := collect(t, c, a)
		if len(found) != publishers || len(errs) != 0 {
			t.Fatalf("run %d: found %d bundles and %v, want %d", run, len(found), errs, publishers)
		}
	}
}

// O32: a publication that breaks at any request is completed by the next.
func TestO32_AttachAfterEachInterruption(t *testing.T) {
	for name, options := range map[string]bool{WhereReferrers: true, WhereFallback: false} {
		for _, to := range []Storage{Referrers, Tags} {
			t.Run(fmt.Sprint(name, to), func(t *testing.T) {
				done := 0
				for stop := 0; ; stop++ {
					h := newHost(t)
					if options {
						h = withReferrers(t)
					}
					w, c := sigtest.New(t), newClient(t)
					pushImage(t, c, h, "app", "1", "x")
					a := resolved(t, c, h.name+"/app:1")
					s := signatureFor(t, w, a, to)
					n := 0
					var mu sync.Mutex
					h.set(func(rw http.ResponseWriter, r *http.Request) bool {
						mu.Lock()
						defer mu.Unlock()
						n++
						if n-1 < stop {
							return false
						}
						panic(http.ErrAbortHandler) // the connection breaks
					})
					broken := newClient(t, func(c *Config) { c.Retries = -1 })
					_, err := broken.Attach(t.Context(), a, s, to)
					h.set(nil)
					if err == nil {
						done = stop
						break
					}
					refused(t, err, check.Net)
					if _, err := c.Attach(t.Context(), a, s, to); err != nil {
						t.Fatalf("stopped at request %d, then: %v", stop, err)
					}
					found, errs := collect(t, c, a)
					if len(found) != 1 || len(errs) != 0 {
						t.Fatalf("stopped at request %d: found %d, %v, want one", stop, len(found), errs)
					}
				}
				if done < 6 {
					t.Errorf("interrupted at %d places, want at least 6", done)
				}
			})
		}
	}
}

// signatureFor makes what belongs into a storage.
func signatureFor(t testing.TB, w *sigtest.World, a Artifact, to Storage) Signature {
	t.Helper()
	if to != Tags {
		return Signature{Bundle: signed(t, w, a)}
	}
	payload := must(SimplePayload(nil, a))(t)
	return Signature{Bundle: w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}}).JSON, Payload: payload}
}

func TestOC9_BusyRegistryIsAskedAgain(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	s := Signature{Bundle: signed(t, w, a)}
	var waits []string
	var mu sync.Mutex
	count := map[string]int{}
	h.set(func(rw http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		key := r.Method + r.URL.Path
		count[key]++
		switch {
		case count[key] <= 2 && r.Method == http.MethodPost:
			rw.Header().Set("Retry-After", "0")
			rw.WriteHeader(http.StatusTooManyRequests)
		case count[key] == 1 && r.Method == http.MethodPut:
			rw.Header().Set("X-RateLimit-Remaining", "0")
			rw.WriteHeader(http.StatusForbidden)
		case count[key] == 1:
			rw.WriteHeader(http.StatusBadGateway)
		default:
			return false
		}
		waits = append(waits, key)
		return true
	})
	must(c.Attach(t.Context(), a, s, Referrers))(t)
	if len(waits) < 8 {
		t.Errorf("refused %d requests, want at least 8: %q", len(waits), waits)
	}
	if found, errs := collect(t, c, a); len(found) != 1 || errs != nil {
		t.Errorf("found %d, %v, want one", len(found), errs)
	}
}

// A registry that says that it knows the subject and never lists it: what was
// attached would not be found.
func TestOC9_AcceptedAndNotListed(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	a := resolved(t, c, h.name+"/app:1")
	s := Signature{Bundle: signed(t, w, a)}
	for _, says := range []bool{true, false} {
		h.set(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, "/referrers/") {
				w.Header().Set("Content-Type", typeIndex)
				fmt.Fprint(w, listOf(t))
				return true
			}
			if says && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/sha256:") {
				w.Header().Set("OCI-Subject", a.Digest)
			}
			return false
		})
		_, err := c.Attach(t.Context(), a, s, Referrers)
		if says {
			if refused(t, err, check.Server); !strings.Contains(err.Error(), "does not list it") {
				t.Errorf("got %v", err)
			}
			continue
		}
		// One that says nothing gets what other clients fall back to.
		if err != nil {
			t.Fatal(err)
		}
		if found, errs := collect(t, c, a); len(found) != 1 || found[0].Where != WhereFallback || errs != nil {
			t.Errorf("found %+v, %v, want one at the fallback tag", found, errs)
		}
	}
}

func TestOC9_AttachRefuses(t *testing.T) {
	w, c, h := sigtest.New(t), newClient(t), withReferrers(t)
	pushImage(t, c, h, "app", "1", "x")
	pushImage(t, c, h, "app", "2", "y")
	a, other := resolved(t, c, h.name+"/app:1"), resolved(t, c, h.name+"/app:2")
	payload := must(SimplePayload(nil, other))(t)
	message := w.Make(sigtest.Maker{Artifact: payload, Logs: []*sigtest.Log{w.Log1}}).JSON
	for _, row := range []struct {
		name string
		s    Signature
		to   Storage
		want check.Check
	}{
		{"O18 bundle of another image", Signature{Bundle: signed(t, w, other)}, Referrers, check.Statement},
		{"O19 payload of another image", Signature{Bundle: message, Payload: payload}, Tags, check.Statement},
		{"O18 signature of something else", Signature{Bundle: message}, Referrers, check.Digest},
		{"O19 signature of another payload", Signature{Bundle: message, Payload: must(SimplePayload(nil, a))(t)}, Tags, check.Digest},
		{"no payload", Signature{Bundle: message}, Tags, check.Usage},
		{"no promise", Signature{Bundle: signed(t, w, a)}, Tags, check.Content},
		{"no bundle", Signature{Bundle: []byte("{}")}, Referrers, check.Version},
		{"no storage", Signature{Bundle: signed(t, w, a)}, 0, check.Usage},
		{"unknown storage", Signature{Bundle: signed(t, w, a)}, 4, check.Usage},
		{"unknown storage and known", Signature{Bundle: signed(t, w, a)}, Both | 4, check.Usage},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.forget()
			_, err := c.Attach(t.Context(), a, row.s, row.to)
			refused(t, err, row.want)
			if lines := h.lines(); slices.ContainsFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "GET") && !strings.HasPrefix(l, "HEAD") }) {
				t.Errorf("wrote %q, want nothing written", lines)
			}
		})
	}
}
