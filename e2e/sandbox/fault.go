package sandbox

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Fault stands between a client and a server.
type Fault = func(server http.Handler) http.Handler

// Delay lets each request wait before the server sees it.
func Delay(d time.Duration) Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
				server.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// Hang takes requests and never answers.
func Hang() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body) // only then is it seen that the client is gone
			<-r.Context().Done()
		})
	}
}

// Status answers with a status code and its name, and nothing reaches the server.
func Status(code int) Fault {
	return Answer(code, "text/plain; charset=utf-8", []byte(http.StatusText(code)+"\n"))
}

// RetryAfter answers 429 with a Retry-After header of whole seconds.
func RetryAfter(wait time.Duration) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)))
			w.WriteHeader(http.StatusTooManyRequests)
		})
	}
}

// Answer gives a fixed answer, and nothing reaches the server.
func Answer(code int, contentType string, body []byte) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			w.Write(body)
		})
	}
}

// Drop closes the connection without an answer, and nothing reaches the server.
func Drop() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	}
}

// DropAnswer lets the server work and then closes the connection: the client
// cannot know that its request was carried out.
func DropAnswer() Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			record(server, r)
			panic(http.ErrAbortHandler)
		})
	}
}

// Truncate sends the first n bytes of the server's answer, under its full
// length, and closes the connection. An answer that is no longer than that is said
// to be.
func Truncate(n int) Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := record(server, r)
			body := got.Body.Bytes()
			copyHeader(w, got)
			w.Header().Set("Content-Length", strconv.Itoa(max(len(body), n+1)))
			w.WriteHeader(got.Code)
			w.Write(body[:min(n, len(body))])
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
	}
}

// Rewrite changes the body of the server's answer.
func Rewrite(change func(body []byte) []byte) Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := record(server, r)
			pass(w, got, change(bytes.Clone(got.Body.Bytes())))
		})
	}
}

// First applies a fault to the first n requests only.
func First(n int, fault Fault) Fault {
	return func(server http.Handler) http.Handler {
		var count atomic.Int64
		faulty := fault(server)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if count.Add(1) <= int64(n) {
				faulty.ServeHTTP(w, r)
				return
			}
			server.ServeHTTP(w, r)
		})
	}
}

// Path applies a fault to requests whose path begins with prefix only.
func Path(prefix string, fault Fault) Fault {
	return Match(func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, prefix) }, fault)
}

// Match applies a fault to the requests that match only.
func Match(match func(*http.Request) bool, fault Fault) Fault {
	return func(server http.Handler) http.Handler {
		faulty := fault(server)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if match(r) {
				faulty.ServeHTTP(w, r)
				return
			}
			server.ServeHTTP(w, r)
		})
	}
}

// Late lets the server work at once and holds its answer back.
func Late(d time.Duration) Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := record(server, r)
			select {
			case <-time.After(d):
				pass(w, got, got.Body.Bytes())
			case <-r.Context().Done():
			}
		})
	}
}

// Arrival calls hook with each request before the server sees it.
func Arrival(hook func(*http.Request)) Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hook(r)
			server.ServeHTTP(w, r)
		})
	}
}

// Finish lets the server finish each request, also when its client is gone.
// busy counts the requests that are not finished.
func Finish(busy *atomic.Int64) Fault {
	return func(server http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			busy.Add(1)
			defer busy.Add(-1)
			got := record(server, r)
			pass(w, got, got.Body.Bytes())
		})
	}
}

// record has the server answer into memory, uncompressed and whole, even when
// the client is gone.
func record(server http.Handler, r *http.Request) *httptest.ResponseRecorder {
	r = r.Clone(context.WithoutCancel(r.Context()))
	r.Header.Del("Accept-Encoding")
	got := httptest.NewRecorder()
	server.ServeHTTP(got, r)
	return got
}

// pass hands a recorded answer on, with a body.
func pass(w http.ResponseWriter, got *httptest.ResponseRecorder, body []byte) {
	copyHeader(w, got)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(got.Code)
	w.Write(body)
}

func copyHeader(w http.ResponseWriter, from *httptest.ResponseRecorder) {
	for name, values := range from.Header() {
		w.Header()[name] = values
	}
}
