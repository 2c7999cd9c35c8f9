package oci

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Bounds of TestOC3_AnswersOfTheListing: MaxPages.
// Bounds of TestO33_LongTag: maxTag.
// Bounds of TestOC8_MoreCandidatesThanAsked: hallmark.maxCandidates.

func TestO36_FilesOfAnArchive(t *testing.T) {
	a := &archive{found: map[string]section{}}
	add := func(n int) error {
		return a.add(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprint(n)}, 0)
	}
	for n := range maxFiles {
		if err := add(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(maxFiles); check.Of(err) != check.Limit {
		t.Errorf("got %v, want check limit", err)
	}
}

// An announcer has blobs of any size without content, and counts what is asked for.
type announcer struct {
	source
	asked int
}

func (a *announcer) blob(context.Context, descriptor) (io.ReadCloser, error) {
	a.asked++
	return io.NopCloser(strings.NewReader("")), nil
}

func TestOC8_LayersWithSignatures(t *testing.T) {
	for media, limit := range map[string]int64{typeSimple: maxPayload, typeEnvelope: MaxBundle} {
		var a announcer
		for more, want := range []int{1, 1} {
			_, err := heldOld(t.Context(), &a, descriptor{MediaType: media, Size: limit + int64(more)}, media, "sha256:x")
			if (check.Of(err) == check.Limit) != (more == 1) || a.asked != want {
				t.Errorf("%s of %d bytes: got %v, asked %d times", media, limit+int64(more), err, a.asked)
			}
		}
	}
}

func TestO33_LongTag(t *testing.T) {
	for n, want := range map[int]check.Check{128: "", 129: check.Usage} {
		if _, err := parseReference("registry.example.com/app:" + strings.Repeat("x", n)); check.Of(err) != want {
			t.Errorf("tag of %d bytes: got %v, want check %q", n, err, want)
		}
	}
}

// The other fields of an answer count, so that these are not next to each other.
func TestOC8_Header(t *testing.T) {
	for n, good := range map[int]bool{maxHeader - 4096: true, maxHeader + 4096: false} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", n)) }))
		client := &http.Client{Transport: newTransport(Config{})}
		res, err := client.Get(s.URL)
		if err == nil {
			res.Body.Close()
		}
		if (err == nil) != good {
			t.Errorf("header of %d bytes: got %v, want good %v", n, err, good)
		}
		client.CloseIdleConnections()
		s.Close()
	}
}

// A reader counts what is read of it.
type reader struct{ n int64 }

func (r *reader) Read(p []byte) (int, error) { r.n += int64(len(p)); return len(p), nil }
func (r *reader) Close() error               { return nil }

func TestDrain(t *testing.T) {
	for n, want := range map[int64]int64{-1: 0, 0: 0, maxDrained: maxDrained, maxDrained + 1: 0} {
		var body reader
		drain(&http.Response{Body: &body, ContentLength: n})
		if body.n != want {
			t.Errorf("body of %d bytes: read %d, want %d", n, body.n, want)
		}
	}
}

// What is remembered of referrers to list is bounded: each descriptor counts, also the
// first after a listing.
func TestOC8_ReferrersAreListedInTime(t *testing.T) {
	c, h := newClient(t), newHost(t)
	h.set(func(w http.ResponseWriter, _ *http.Request) bool { // whatever is asked for, all are listed
		var all []descriptor
		for i := range 6 {
			all = append(all, descriptor{MediaType: typeManifest, Digest: sum(fmt.Append(nil, i)), Size: 1})
		}
		w.Header().Set("Content-Type", typeIndex)
		_, _ = io.WriteString(w, listOf(t, all...))
		return true
	})
	cp := &copying{extras: c.repository(h.name, "app"), links: map[string]*linked{}, report: &Report{}}
	for i, tt := range []struct{ size, listed int }{{maxLater - 1, 0}, {1, 0}, {1, 2}, {maxLater - 1, 2}, {maxLater, 4}, {1, 5}} {
		doc := &document{digest: sum(fmt.Append(nil, i)), media: typeManifest, content: content{Annotations: map[string]string{"": strings.Repeat("x", tt.size)}}}
		if err := cp.later(t.Context(), node{doc: doc, of: emptyDigest}, true); err != nil {
			t.Fatal(err)
		}
		cp.report.Moved = append(cp.report.Moved, Moved{})
		listed := 0
		for _, m := range cp.report.Moved {
			if m.To != "" {
				listed++
			}
		}
		if listed != tt.listed {
			t.Fatalf("after number %d, of %d bytes: %d are listed, want %d", i, tt.size, listed, tt.listed)
		}
	}
}

// A listing may fill its bytes to the last; after that there may be no further page.
func TestOC8_BytesOfAListing(t *testing.T) {
	c, h := newClient(t), newHost(t)
	const full = MaxListing / MaxManifest // pages
	for less, want := range map[int]check.Check{0: check.Limit, 1: ""} {
		h.forget()
		h.set(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.Contains(r.URL.Path, "/referrers/") {
				return false
			}
			k, _ := strconv.Atoi(r.URL.Query().Get("k"))
			list, size := listOf(t, descriptor{MediaType: typeManifest, Digest: sum(fmt.Append(nil, k)), Size: 1, ArtifactType: "x"}), MaxManifest
			w.Header().Set("Content-Type", typeIndex)
			if k < full {
				w.Header().Set("Link", fmt.Sprintf(`<?k=%d>; rel="next"`, k+1))
			}
			if k == full-1 {
				size -= less
			}
			_, _ = io.WriteString(w, list+strings.Repeat(" ", size-len(list)))
			return true
		})
		seen := 0
		err := c.repository(h.name, "app").referrers(t.Context(), emptyDigest, func(descriptor) bool { seen++; return true })
		if wanted := full + less; check.Of(err) != want || seen != wanted {
			t.Errorf("%d bytes less: saw %d, %v, want %d and check %q", less, seen, err, wanted, want)
		}
	}
}
