package registry

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

func method(names ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		for _, n := range names {
			if r.Method == n {
				return true
			}
		}
		return false
	}
}

func upload(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/uploads/")
}

func writesManifest(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/")
}

func tooMany(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusTooManyRequests)
}

// What passes by itself does not end the command.
func TestTrouble_Passes(t *testing.T) {
	s := newScene(t)
	tests := []struct {
		name   string
		kind   kind
		match  func(*http.Request) bool
		answer http.HandlerFunc
	}{
		{"429 twice to any reading", plain, method(http.MethodGet, http.MethodHead), tooMany},
		{"429 twice to a beginning upload", plain, method(http.MethodPost), tooMany},
		{"429 twice to a manifest", plainTags, writesManifest, tooMany},
		{"an upload that breaks twice", distribution, upload, drop},
		{"a manifest that breaks twice", olaregTags, writesManifest, drop},
	}
	t.Run("on", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name+", "+tt.kind.name, func(t *testing.T) {
				h := s.open(t, tt.kind)
				t.Parallel()
				digest, _ := s.push(t, h, "app:1", 1)
				h.first(2, tt.match, tt.answer)
				s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
				h.set(nil)
				s.accepted(t, h, "app", digest, sandbox.Alice)
				s.verify(t, 0, sandbox.Alice, h.name+"/app:1", "--all-platforms")
			})
		}
	})
	s.made(t, int64(len(tests)), int64(len(tests)))
}

// What stays ends the command, which says what to repeat; the next run finishes
// and makes no second log entry, nor does the one after it write anything.
func TestTrouble_SecondRunIsIdempotent(t *testing.T) {
	s := newScene(t)
	tests := []struct {
		name   string
		kind   kind
		match  func(*http.Request) bool
		answer http.HandlerFunc

		pushOnly bool // the second run is the command that the first one named
	}{
		{"uploads are refused", plain, upload, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInsufficientStorage) }, false},
		{"uploads always break", distribution, upload, drop, true},
		{"manifests are refused", plainTags, writesManifest, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, true},
		{"too many requests for an hour", olaregTags, writesManifest, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}, false},
	}
	t.Run("on", func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name+", "+tt.kind.name, func(t *testing.T) {
				h := s.open(t, tt.kind)
				t.Parallel()
				digest, children := s.push(t, h, "app:1", 1)
				h.first(1<<30, tt.match, tt.answer)
				repeat := s.unfinished(t, h.name+"/app:1")
				s.run(t, 3, repeat...)
				h.set(nil)
				if tt.pushOnly {
					s.run(t, 0, repeat...)
				} else {
					s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
				}
				s.accepted(t, h, "app", digest, sandbox.Alice)
				s.accepted(t, h, "app", children[0], sandbox.Alice)
			})
		}
	})
	s.made(t, int64(len(tests)), int64(len(tests))) // of the first runs alone
}

// unfinished signs where it can't be attached, and returns the command that does
// no more than attach.
func (s *scene) unfinished(t *testing.T, ref string) []string {
	t.Helper()
	r := s.sign(t, 3, sandbox.Alice, ref)
	_, rest, found := strings.Cut(r.Stderr, "run the same command again, or hallmark ")
	command, _, ended := strings.Cut(rest, ": the signature was made and is kept")
	if !found || !ended || !strings.HasPrefix(command, "sign --push-only ") {
		t.Fatalf("the command does not say what to repeat:\n%s", r.Stderr)
	}
	return strings.Fields(command)
}

// The registry is restarted when the bundle is there and its manifest is not:
// a command that still runs goes on, and a later one takes up the work.
func TestTrouble_Restart(t *testing.T) {
	s := newScene(t)
	tests := []struct {
		name string
		kind kind
		open func(t testing.TB, dir string) http.Handler

		comesBack []bool
	}{
		{"distribution", distribution, distributionOpen, []bool{true, false}},
		{"olareg", olaregAPI, func(t testing.TB, dir string) http.Handler { return olaregAt(t, dir, true) }, []bool{true, false}},
	}
	for _, tt := range tests {
		for _, comesBack := range tt.comesBack {
			name := tt.name + map[bool]string{true: " comes back at once", false: " is down"}[comesBack]
			t.Run(name, func(t *testing.T) {
				dir := t.TempDir()
				k := tt.kind
				k.open = func(t testing.TB) http.Handler { return tt.open(t, dir) }
				h := s.open(t, k)
				digest, _ := s.push(t, h, "app:1", 1)
				down := make(chan struct{}, 1)
				h.first(1, writesManifest, func(http.ResponseWriter, *http.Request) {
					h.server.Close()
					down <- struct{}{}
				})
				if comesBack {
					up := make(chan struct{})
					go func() {
						defer close(up)
						<-down
						time.Sleep(300 * time.Millisecond)
						h.replace(tt.open(t, dir))
						h.start(t, h.name)
					}()
					s.sign(t, 0, sandbox.Alice, h.name+"/app:1", "--no-recursive")
					<-up
					s.made(t, 1, 1)
				} else {
					s.unfinished(t, h.name+"/app:1")
					s.made(t, 1, 1)
					h.replace(tt.open(t, dir))
					h.start(t, h.name)
					s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
					s.made(t, 0, 0)
				}
				s.accepted(t, h, "app", digest, sandbox.Alice)
				s.verify(t, 0, sandbox.Alice, h.name+"/app:1")
			})
		}
	}
}
