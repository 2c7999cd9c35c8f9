package oci

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
