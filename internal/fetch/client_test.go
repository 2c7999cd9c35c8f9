package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/internal/check"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJkby1ub3QtcHJpbnQifQ.c2lnbmF0dXJl"

func client(t *testing.T, base string, c Config) *Client {
	t.Helper()
	cl, err := New(base, c)
	if err != nil {
		t.Fatalf("New(%q): %v", base, err)
	}
	cl.pause = time.Millisecond
	t.Cleanup(cl.CloseIdle)
	return cl
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// raw serves bytes that no well-behaved HTTP server would send.
func raw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(5 * time.Second))
				answer(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}

func wantCheck(t *testing.T, err error, want check.Check, text string) {
	t.Helper()
	if got := check.Of(err); got != want || !strings.Contains(fmt.Sprint(err), text) {
		t.Errorf("got check %q (%v), want %q with %q", got, err, want, text)
	}
}

func TestSC9_BaseURL(t *testing.T) {
	for _, base := range []string{
		"https://a.example", "https://a.example/", "https://a.example:8443/b/c", "https://[2001:db8::1]/x",
		"http://127.0.0.1:1", "http://[::1]:1/x", "http://127.8.9.1",
	} {
		c, err := New(base, Config{})
		if err != nil {
			t.Errorf("%q: %v", base, err)
		} else if c.Base() != base {
			t.Errorf("got base %q, want %q", c.Base(), base)
		}
	}
	for _, base := range []string{
		"", "a.example", "//a.example", "https:a.example", "https://", "https://:443", "ftp://a.example", "ftp://127.0.0.1:1", "file:///etc/passwd",
		"http://a.example", "http://localhost:1", "http://10.0.0.1", "http://0.0.0.0",
		"https://u@a.example", "https://u:hunter2@a.example", "https://u:hunter2@a.example:x/", "https://a.example?x", "https://a.example?", "https://a.example#",
		"https://a.example#x", "https://a.example/..", "https://a.example/./b", "https://a.example/%2e%2E/b", "https://a.example/b%5c..%5cc", "https://a.example/\x00",
	} {
		_, err := New(base, Config{})
		wantCheck(t, err, check.Usage, "want")
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%q: password in %v", base, err)
		}
	}
	if _, err := New("http://a.example", Config{AllowHTTP: true}); err != nil {
		t.Errorf("AllowHTTP: %v", err)
	}
}

func TestMisuseIsInternal(t *testing.T) {
	for _, c := range []Config{{Retries: -1}, {Timeout: -1}, {Deadline: -1}} {
		_, err := New("https://a.example", c)
		wantCheck(t, err, check.Internal, "negative")
	}
	c := client(t, "https://a.example", Config{Transport: refuse{}})
	_, err := c.Do(t.Context(), Request{Method: "BAD METHOD", MaxBody: 1})
	wantCheck(t, err, check.Internal, "cannot be made")
}

func TestSC9_PathStaysInOrigin(t *testing.T) {
	c := client(t, "https://a.example/base", Config{Transport: refuse{}})
	for _, path := range []string{"/../x", "%2e%2e", "/a#b", "\x00", "/a/../../b"} {
		_, err := c.Do(t.Context(), Request{Path: path, MaxBody: 1})
		wantCheck(t, err, check.Internal, "want a path below")
	}
	for path, want := range map[string]string{
		"": "https://a.example/base", "x": "https://a.example/base/x", "/x?q=1": "https://a.example/base/x?q=1",
		"?q=1": "https://a.example/base?q=1", "//evil.example/": "https://a.example/base//evil.example/",
		"@evil.example": "https://a.example/base/@evil.example",
	} {
		u, err := c.resolve(path)
		if err != nil || u.String() != want {
			t.Errorf("%q: got %v, %v, want %q", path, u, err, want)
		}
	}
}

type refuse struct{}

func (refuse) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no connection in this test")
}

func TestDo_SendsWhatWasAskedAndNoMore(t *testing.T) {
	var got *http.Request
	var body []byte
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got, body = r, must(io.ReadAll(r.Body))
		w.Header().Set("X", "y")
		w.WriteHeader(201)
		io.WriteString(w, "{}")
	})
	res, err := client(t, s.URL, Config{UserAgent: "hallmark/1.2"}).Do(t.Context(), Request{
		Method: "POST", Path: "/a/b?c=d", Body: []byte("hello"), ContentType: "text/x", Accept: "application/json",
		Bearer: canary, MaxBody: 2, Header: http.Header{"Metadata-Flavor": {"Google"}},
	})
	if err != nil || res.Status != 201 || string(res.Body) != "{}" || res.Header.Get("X") != "y" {
		t.Fatalf("got %+v, %v", res, err)
	}
	want := map[string]string{ // M17: nothing about host or user
		"User-Agent": "hallmark/1.2", "Accept": "application/json", "Content-Type": "text/x", "Accept-Encoding": "identity",
		"Authorization": "Bearer " + canary, "Content-Length": "5", "Metadata-Flavor": "Google",
	}
	for name := range got.Header {
		if got.Header.Get(name) != want[name] {
			t.Errorf("M17: header %s is %q, want %q", name, got.Header.Get(name), want[name])
		}
	}
	if len(got.Header) != len(want) || string(body) != "hello" || got.URL.String() != "/a/b?c=d" {
		t.Errorf("got %v %q %v", got.Header, body, got.URL)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLM1_Body(t *testing.T) {
	var size int
	var chunked bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if chunked {
			w.(http.Flusher).Flush()
		}
		w.Write(make([]byte, size))
	})
	c := client(t, s.URL, Config{Retries: 2})
	for _, chunked = range []bool{false, true} {
		for _, tt := range []struct {
			size int
			want check.Check
		}{{0, ""}, {99, ""}, {100, ""}, {101, check.Limit}, {1 << 20, check.Limit}} {
			size = tt.size
			res, err := c.Do(t.Context(), Request{MaxBody: 100})
			if got := check.Of(err); got != tt.want || (err == nil && len(res.Body) != size) {
				t.Errorf("K18 Q14 %d bytes, chunked %v: got %v, want %q", size, chunked, err, tt.want)
			}
		}
	}
	_, err := c.Do(t.Context(), Request{})
	wantCheck(t, err, check.Internal, "bound")
}

func TestTU14_Redirects(t *testing.T) {
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) { t.Error("M7: a request arrived elsewhere") })
	var mu sync.Mutex
	var seen []*http.Request
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r)
		mu.Unlock()
		q := r.URL.Query()
		if n := len(q.Get("n")); n > 0 {
			w.Header().Set("Location", "/?n="+q.Get("n")[1:])
			w.WriteHeader(302)
			return
		}
		if to := q.Get("to"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(307)
			return
		}
		if q.Has("self") {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
			return
		}
		if q.Has("empty") {
			w.WriteHeader(302)
			return
		}
		io.WriteString(w, "there")
	})
	c := client(t, s.URL, Config{Retries: 3})
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, tt := range []struct {
		name, path, method string
		want               check.Check
		requests           int
	}{
		{"none", "/", "", "", 1},
		{"5 hops", "/?n=xxxxx", "", "", 6},
		{"Q18 6 hops", "/?n=xxxxxx", "", check.Net, 6},
		{"Q18 to itself", "/?self", "", check.Net, 6},
		{"Q18 loop", "/?n=" + strings.Repeat("x", 50), "", check.Net, 6},
		{"Q18 without Location", "/?empty", "", check.Net, 1},
		{"Q18 file", "/?to=file:///etc/passwd", "", check.Net, 1},
		{"Q18 gopher", "/?to=gopher://x/", "", check.Net, 1},
		{"Q18 data", "/?to=data:,x", "", check.Net, 1},
		{"M7 other port", "/?to=" + elsewhere.URL, "", check.Net, 1},
		{"M7 other name", "/?to=http://localhost" + port, "", check.Net, 1},
		{"M7 other scheme", "/?to=https://127.0.0.1" + port, "", check.Net, 1},
		{"M7 subdomain", "/?to=http://a.127.0.0.1" + port, "", check.Net, 1},
		{"Q19 metadata server", "/?to=http://169.254.169.254/", "", check.Net, 1},
		{"Q19 mapped", "/?to=http://[::ffff:127.0.0.1]" + port, "", check.Net, 1},
		{"Q19 unspecified", "/?to=http://0.0.0.0" + port, "", check.Net, 1},
		{"credentials", "/?to=http://u:p@127.0.0.1" + port + "/", "", check.Net, 1},
		{"POST", "/?n=x", "POST", check.Net, 1},
		{"POST 307", "/?to=/", "POST", check.Net, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen = nil
			res, err := c.Do(t.Context(), Request{Method: tt.method, Path: tt.path, Bearer: canary, MaxBody: 10, Idempotent: true})
			if got := check.Of(err); got != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && string(res.Body) != "there" {
				t.Errorf("got %q", res.Body)
			}
			if len(seen) != tt.requests {
				t.Errorf("got %d requests, want %d", len(seen), tt.requests)
			}
			for i, r := range seen {
				if got := r.Header.Get("Authorization") != ""; got != (i == 0) {
					t.Errorf("M7: request %d has Authorization: %v", i, got)
				}
				if r.Header.Get("Referer") != "" {
					t.Errorf("M5: request %d has a Referer", i)
				}
			}
		})
	}
}

func TestRetry(t *testing.T) {
	var tries atomic.Int32
	var answer func(n int, w http.ResponseWriter)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		answer(int(tries.Add(1)), w)
	})
	status := func(codes ...int) func(int, http.ResponseWriter) {
		return func(n int, w http.ResponseWriter) { w.WriteHeader(codes[min(n, len(codes))-1]) }
	}
	for _, tt := range []struct {
		name   string
		req    Request
		answer func(int, http.ResponseWriter)
		tries  int32
		want   check.Check
	}{
		{"503 then 200", Request{}, status(503, 200), 2, ""},
		{"429 502 200", Request{}, status(429, 502, 200), 3, ""},
		{"K35 503 for ever", Request{}, status(503), 3, check.Net},
		{"404 is final", Request{}, status(404), 1, check.Net},
		{"501 is final", Request{}, status(501), 1, check.Net},
		{"304 is not an answer", Request{}, status(304), 1, check.Net},
		{"404 accepted", Request{AcceptStatus: []int{404}}, status(404), 1, ""},
		{"503 accepted", Request{AcceptStatus: []int{503}}, status(503), 1, ""},
		{"POST once", Request{Method: "POST"}, status(503, 200), 1, check.Net},
		{"POST idempotent", Request{Method: "POST", Body: []byte("x"), Idempotent: true}, status(503, 200), 2, ""},
		{"Q17 connection closed", Request{}, func(n int, w http.ResponseWriter) {
			if n < 3 {
				panic(http.ErrAbortHandler)
			}
		}, 3, ""},
		{"limit is final", Request{}, func(n int, w http.ResponseWriter) { w.Write(make([]byte, 99)) }, 1, check.Limit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tries.Store(0)
			answer = tt.answer
			tt.req.MaxBody = 10
			_, err := client(t, s.URL, Config{Retries: 2}).Do(t.Context(), tt.req)
			if got := check.Of(err); got != tt.want || tries.Load() != tt.tries {
				t.Errorf("got %v after %d tries, want %q after %d", err, tries.Load(), tt.want, tt.tries)
			}
		})
	}
}

func TestK34_RetryAfter(t *testing.T) {
	now := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "3": 3 * time.Second, "-3": 0, "1.5": 0, "soon": 0,
		"1000000000": 24 * time.Hour, "18446744073709551615": 24 * time.Hour, "18446744073709551616": 0,
		"Sat, 01 Aug 2026 00:00:10 GMT": 10 * time.Second,
		"Fri, 31 Jul 2026 00:00:10 GMT": 0,
		"Sat, 01 Aug 2099 00:00:10 GMT": 24 * time.Hour,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
	var tries atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", r.URL.Query().Get("after"))
		if tries.Add(1) == 1 {
			w.WriteHeader(429)
		}
	})
	c := client(t, s.URL, Config{Retries: 1, Deadline: 3 * time.Second})
	start := time.Now()
	_, err := c.Do(t.Context(), Request{Path: "?after=1000000000", MaxBody: 1})
	wantCheck(t, err, check.Net, "got 429")
	if took := time.Since(start); took > time.Second {
		t.Errorf("waited %v though the deadline comes first", took)
	}
	tries.Store(0)
	start = time.Now()
	if _, err = c.Do(t.Context(), Request{Path: "?after=1", MaxBody: 1}); err != nil || time.Since(start) < time.Second {
		t.Errorf("got %v after %v, want an answer after 1 s", err, time.Since(start))
	}
}

func TestDeadlines(t *testing.T) {
	silent := raw(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	t.Run("Q17 silence", func(t *testing.T) {
		_, err := client(t, silent, Config{Timeout: 50 * time.Millisecond}).Do(t.Context(), Request{MaxBody: 1})
		wantCheck(t, err, check.Net, "want an answer within 50ms")
	})
	t.Run("overall", func(t *testing.T) {
		start := time.Now()
		_, err := client(t, silent, Config{Timeout: 40 * time.Millisecond, Deadline: 150 * time.Millisecond, Retries: 1000}).Do(t.Context(), Request{MaxBody: 1})
		wantCheck(t, err, check.Net, "want an answer within")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := client(t, silent, Config{Retries: 5}).Do(ctx, Request{MaxBody: 1})
		wantCheck(t, err, check.Net, "canceled")
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled inside", err)
		}
	})
	t.Run("cancelled while waiting", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
		c := client(t, s.URL, Config{Retries: 5})
		c.pause = time.Hour
		c.deadline = 100 * time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := c.Do(ctx, Request{MaxBody: 1})
		if check.Of(err) != check.Net || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled inside", err)
		}
	})
	t.Run("Q16 slow body", func(t *testing.T) {
		stop := make(chan struct{})
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			for i := 0; ; i++ {
				w.Write([]byte("x"))
				w.(http.Flusher).Flush()
				select {
				case <-stop:
					return
				case <-r.Context().Done():
					return
				case <-time.After(10 * time.Millisecond):
				}
			}
		})
		defer close(stop)
		c := client(t, s.URL, Config{})
		c.window = 60 * time.Millisecond
		_, err := c.Do(t.Context(), Request{MaxBody: 1 << 20})
		wantCheck(t, err, check.Net, "want at least 10240 bytes in")
	})
	t.Run("fast body passes the windows", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			for range 20 {
				w.Write(make([]byte, 32<<10))
				w.(http.Flusher).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		})
		c := client(t, s.URL, Config{})
		c.window = 60 * time.Millisecond
		res, err := c.Do(t.Context(), Request{MaxBody: 1 << 20})
		if err != nil || len(res.Body) != 20*32<<10 {
			t.Errorf("got %v", err)
		}
	})
}

func TestBadHTTP(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		want         check.Check
	}{
		{"good", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", ""},
		{"Q17 nothing", "", check.Net},
		{"Q17 half a header", "HTTP/1.1 200 OK\r\nContent-Le", check.Net},
		{"Q17 half a body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", check.Net},
		{"Q22 negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", check.Net},
		{"Q22 two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", check.Net},
		{"Q22 chunk of 2^63", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\nok", check.Net},
		{"Q22 unknown transfer encoding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", check.Net},
		{"Q22 length over the bound", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nok", check.Limit},
		{"Q15 1 MiB header", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", check.Net},
		{"Q15 10^5 headers", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 100000) + "\r\n", check.Net},
		{"Q25 100 without end", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100000), check.Net},
		{"Q25 103 without end", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 100000), check.Net},
		{"not HTTP", "SSH-2.0-OpenSSH_9.9\r\n", check.Net},
		{"Q23 content encoding", "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nok", check.Server},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := raw(t, func(c net.Conn) {
				buf := make([]byte, 4096)
				c.Read(buf)
				io.WriteString(c, tt.answer)
			})
			_, err := client(t, base, Config{Timeout: 5 * time.Second}).Do(t.Context(), Request{MaxBody: 1000})
			if got := check.Of(err); got != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestQ23_GzipBomb(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(make([]byte, 1<<20))
	w.Close()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(z.Bytes())
	})
	// A transport of the caller's making would undo the compression unasked.
	given := &http.Transport{}
	defer given.CloseIdleConnections()
	for _, c := range []Config{{}, {Transport: given}} {
		_, err := client(t, s.URL, c).Do(t.Context(), Request{MaxBody: 1 << 21})
		wantCheck(t, err, check.Server, `content encoding "gzip"`)
	}
}

// What may be packed is bounded by what it is when it is unpacked.
func TestQ23_GzipThatIsWanted(t *testing.T) {
	pack := func(plain []byte) []byte {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(plain)
		w.Close()
		return z.Bytes()
	}
	plain := bytes.Repeat([]byte("tile "), 20000)
	good := pack(plain)
	for name, tt := range map[string]struct {
		body     []byte
		encoding string
		most     int64
		want     check.Check
	}{
		"packed":              {good, "gzip", 100000, ""},
		"not packed":          {plain, "", 100000, ""},
		"one byte too many":   {good, "gzip", 99999, check.Limit},
		"Q23 bomb":            {pack(make([]byte, 1<<24)), "gzip", 1 << 20, check.Limit},
		"cut off":             {good[:len(good)-9], "gzip", 100000, check.Server},
		"wrong checksum":      {append(good[:len(good)-8:len(good)-8], make([]byte, 8)...), "gzip", 100000, check.Server},
		"something behind":    {append(good[:len(good):len(good)], 'x'), "gzip", 100000, check.Server},
		"not gzip":            {plain, "gzip", 100000, check.Server},
		"not packed, and so":  {plain, "identity", 100000, ""},
		"packed in other way": {good, "br", 100000, check.Server},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != "gzip, identity" {
				t.Errorf("asked for %q", got)
			}
			if tt.encoding != "" {
				w.Header().Set("Content-Encoding", tt.encoding)
			}
			w.Write(tt.body)
		})
		res, err := client(t, s.URL, Config{}).Do(t.Context(), Request{MaxBody: tt.most, Gzip: true})
		if check.Of(err) != tt.want || err == nil && !bytes.Equal(res.Body, plain) {
			t.Errorf("%s: got %v, want check %q", name, err, tt.want)
		}
	}
}

func TestQ21_TLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	var conns atomic.Int32
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	_, err := client(t, s.URL, Config{Retries: 3}).Do(t.Context(), Request{MaxBody: 1})
	wantCheck(t, err, check.Net, "certificate")
	if n := conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1: the certificate will not change", n)
	}
	given := s.Client().Transport
	if _, err := client(t, s.URL, Config{Transport: given}).Do(t.Context(), Request{MaxBody: 1}); err != nil {
		t.Errorf("trusted: %v", err)
	}
	t.Run("M18 key log file", func(t *testing.T) {
		if newTransport(time.Second, false).TLSClientConfig.KeyLogWriter != nil {
			t.Error("a key log is written")
		}
	})
}

func TestQ27_CaptivePortal(t *testing.T) {
	var typ, body string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typ)
		io.WriteString(w, body)
	})
	c := client(t, s.URL, Config{})
	for _, tt := range []struct {
		typ, body, accept string
		want              check.Check
	}{
		{"application/json", "{}", "application/json", ""},
		{"text/plain", " {}", "application/json", ""},
		{"text/html; charset=utf-8", "{}", "application/json", check.Server},
		{"application/json", "\n <!doctype html>", "application/json", check.Server},
		{"text/html", "<p>", "", ""},
	} {
		typ, body = tt.typ, tt.body
		_, err := c.Do(t.Context(), Request{Accept: tt.accept, MaxBody: 100})
		if got := check.Of(err); got != tt.want {
			t.Errorf("%+v: got %v", tt, err)
		}
		if err != nil && !strings.Contains(err.Error(), "not JSON: looks like a captive portal page") {
			t.Errorf("got %v", err)
		}
	}
}

func TestM3_ErrorsDoNotRepeatSecrets(t *testing.T) {
	const code = "SplxlOBeZQQYbYS6WxSbIA-and-more"
	b64 := base64.StdEncoding.EncodeToString
	for name, body := range map[string]string{
		"K19 whole":     "bad token " + canary + " sorry",
		"twice":         canary + canary,
		"cut":           "bad token " + canary[:40],
		"tail":          "…" + canary[30:],
		"secret":        `{"code":"` + code + `"}`,
		"secret cut":    code[:20],
		"M15 base64":    b64([]byte("xx" + code + "yy")),
		"M15 base64 +1": b64([]byte("x" + code)),
		"M15 base64 +0": b64([]byte(code)),
		"long":          strings.Repeat(code+" ", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(400)
				io.WriteString(w, body)
			})
			_, err := client(t, s.URL, Config{}).Do(t.Context(),
				Request{Method: "POST", Path: "/api?code=" + code, Bearer: canary, Secrets: []string{code}, MaxBody: 10})
			wantCheck(t, err, check.Net, "POST "+s.URL+"/api: want status 2xx, got 400")
			text := fmt.Sprintf("%v %+v %#v", err, err, err)
			for i := 0; i+14 <= len(code); i++ {
				if part := code[i : i+14]; strings.Contains(text, part) || strings.Contains(text, b64([]byte(part))[:16]) {
					t.Errorf("part %q of the secret in %v", part, err)
				}
			}
			for i := 0; i+14 <= len(canary); i++ {
				if strings.Contains(text, canary[i:i+14]) {
					t.Errorf("part %q of the bearer in %v", canary[i:i+14], err)
				}
			}
			if len(err.Error()) > maxExcerpt+200 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
			if !strings.Contains(text, redacted) {
				t.Errorf("nothing was redacted in %v", err)
			}
		})
	}
}

func TestER4_ErrorTextIsEscaped(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(400)
		io.WriteString(w, "a\x1b[31m\u202eb\xff\n\"c"+strings.Repeat("\x00", 1000))
	})
	_, err := client(t, s.URL, Config{}).Do(t.Context(), Request{MaxBody: 10})
	wantCheck(t, err, check.Net, `"a\x1b[31m\u202eb\xff\n\"c\x00\x00`)
	for _, r := range err.Error() {
		if r < ' ' || r > '~' {
			t.Errorf("%q in %q", r, err)
		}
	}
}

func TestM5_NoQueryInErrors(t *testing.T) {
	for _, c := range []Config{{Transport: refuse{}}, {}} {
		_, err := client(t, "http://127.0.0.1:1", c).Do(t.Context(), Request{Path: "/a?code=hunter2secret", MaxBody: 1})
		wantCheck(t, err, check.Net, "GET http://127.0.0.1:1/a: ")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("query in %v", err)
		}
	}
	_, err := Offline{}.Do(t.Context(), Request{Path: "/a?code=hunter2"})
	wantCheck(t, err, check.Net, `offline: GET "/a" is not sent`)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("query in %v", err)
	}
}

func TestM6_ProxyPassword(t *testing.T) {
	got := Redact(`proxyconnect tcp: dial http://user:hunter2@proxy.example:3128: refused`)
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "//[redacted]@proxy.example") {
		t.Errorf("got %q", got)
	}
}

func TestQ19_AddressAtDial(t *testing.T) {
	for addr, ok := range map[string]bool{
		"93.184.216.34:443": true, "127.0.0.1:1": true, "10.0.0.1:443": true, "[2001:db8::1]:443": true,
		"169.254.169.254:80": false, "[::ffff:169.254.169.254]:80": false, "0.0.0.0:443": false, "[::]:443": false,
		"[fe80::1]:443": false, "224.0.0.1:443": false, "name:443": false, "1.2.3.4": false,
	} {
		err := checkAddress(addr)
		if (err == nil) != ok {
			t.Errorf("%s: got %v, want accepted %v", addr, err, ok)
		}
		if err != nil && check.Of(err) != check.Net {
			t.Errorf("%s: got check %q", addr, check.Of(err))
		}
	}
	_, err := newTransport(time.Second, false).DialContext(t.Context(), "tcp", "0.0.0.0:1")
	wantCheck(t, err, check.Net, "special")
	_, err = newTransport(time.Second, true).DialContext(t.Context(), "tcp", "0.0.0.0:1")
	if err == nil || strings.Contains(err.Error(), "special") {
		t.Errorf("chosen by the user: got %v", err)
	}
}

func TestClientIsShared(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	c := client(t, s.URL, Config{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			res, err := c.Do(t.Context(), Request{Path: fmt.Sprint("/", i), MaxBody: 10})
			if err != nil || string(res.Body) != fmt.Sprint("/", i) {
				t.Errorf("got %v, %v", res, err)
			}
		})
	}
	wg.Wait()
}
