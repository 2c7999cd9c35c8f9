package oidc

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A login in which the test is the browser.
type manual struct {
	*op
	t      *testing.T
	state  string
	base   string // http://127.0.0.1:port
	host   string
	result chan error
	token  Token
}

// begin starts a login and waits for its address.
func begin(t *testing.T, change func(*Browser)) *manual {
	p := newOP(t)
	addresses := make(chan string, 1)
	b := p.browser(nil)
	b.Timeout = 20 * time.Second
	b.Open = func(_ context.Context, address string) error { addresses <- address; return nil }
	if change != nil {
		change(&b)
	}
	m := &manual{op: p, t: t, result: make(chan error, 1)}
	go func() {
		var err error
		m.token, err = b.Token(t.Context(), "sigstore")
		m.result <- err
	}()
	var address string
	select {
	case address = <-addresses:
	case err := <-m.result:
		t.Fatalf("login ended: %v", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	m.auth = u.Query()
	m.state = m.auth.Get("state")
	m.base = strings.TrimSuffix(m.auth.Get("redirect_uri"), "/callback")
	m.host = strings.TrimPrefix(m.base, "http://")
	return m
}

// do sends one request as a browser would.
func (m *manual) do(method, target string) *http.Response {
	m.t.Helper()
	req, err := http.NewRequest(method, m.base+target, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	res.Body.Close()
	res.Body = io.NopCloser(strings.NewReader(string(body)))
	return res
}

// raw sends text and returns the status of the answer, 0 if there is none.
func (m *manual) raw(text string) int {
	m.t.Helper()
	conn, err := net.Dial("tcp", strings.Replace(m.host, "localhost", "127.0.0.1", 1))
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(conn, text)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

func (m *manual) right() string {
	return "/callback?" + url.Values{"state": {m.state}, "code": {testCode}}.Encode()
}

// finish does what the right browser does and wants a login.
func (m *manual) finish() {
	m.t.Helper()
	if res := m.do("GET", m.right()); res.StatusCode != 200 {
		m.t.Errorf("right callback: got status %d, want 200", res.StatusCode)
	}
	if err := <-m.result; err != nil {
		m.t.Errorf("login: %v", err)
	} else if m.token.Subject != "alice@example.com" {
		m.t.Errorf("login: got %v", m.token)
	}
}

// TestOI5_WrongCallbacksDoNotEndTheFlow sends each bad request and then the
// right one, which must still work.
func TestOI5_WrongCallbacksDoNotEndTheFlow(t *testing.T) {
	m := begin(t, nil)
	s, c := m.state, "&code=evil-"+canary
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: " + m.host + "\r\n\r\n" }
	hosted := func(host string) string { return "GET " + m.right() + " HTTP/1.1\r\n" + host + "\r\n\r\n" }
	port := m.host[strings.LastIndex(m.host, ":"):]
	cases := []struct {
		name, request string
		status        int
	}{
		{"L1 state wrong", get("/callback?state=x" + c), 400},
		{"L1 state missing", get("/callback?code=x"), 400},
		{"L1 state empty", get("/callback?state=" + c), 400},
		{"L1 state doubled", get("/callback?state=" + s + "&state=" + s + c), 400},
		{"L1 state doubled, other first", get("/callback?state=x&state=" + s + c), 400},
		{"L1 code doubled", get("/callback?state=" + s + c + c), 400},
		{"L1 state longer", get("/callback?state=" + s + "A" + c), 400},
		{"L1 state shorter", get("/callback?state=" + s[:42] + c), 400},
		{"L1 state in other case", get("/callback?STATE=" + s + c), 400},
		{"L2 state of an earlier run", get("/callback?state=" + strings.Repeat("A", 43) + c), 400},
		{"L26 error with wrong state", get("/callback?state=x&error=access_denied"), 400},
		{"L29 no query (fragment)", get("/callback"), 400},
		{"query not encoded", get("/callback?state=" + s + "&code=%zz"), 400},
		{"L21 Host evil", hosted("Host: evil.example"), 400},
		{"L21 Host localhost", hosted("Host: localhost" + port), 400},
		{"L21 Host with other port", hosted("Host: 127.0.0.1:1"), 400},
		{"L21 Host without port", hosted("Host: 127.0.0.1"), 400},
		{"L21 Host empty", hosted("Host:"), 400},
		{"L21 Host absent", hosted("X: y"), 400},
		{"L21 Host twice", hosted("Host: " + m.host + "\r\nHost: " + m.host), 400},
		{"L21 HTTP/1.0", "GET " + m.right() + " HTTP/1.0\r\nHost: " + m.host + "\r\n\r\n", 400},
		{"L21 absolute form", get("http://" + m.host + m.right()), 404},
		{"L24 POST", "POST " + m.right() + " HTTP/1.1\r\nHost: " + m.host + "\r\nContent-Length: 0\r\n\r\n", 405},
		{"L24 HEAD", "HEAD " + m.right() + " HTTP/1.1\r\nHost: " + m.host + "\r\n\r\n", 405},
		{"L24 PUT", "PUT " + m.right() + " HTTP/1.1\r\nHost: " + m.host + "\r\n\r\n", 405},
		{"L24 OPTIONS", "OPTIONS /callback HTTP/1.1\r\nHost: " + m.host + "\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: GET\r\n\r\n", 405},
		{"L24 OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: " + m.host + "\r\n\r\n", 404},
		{"L25 //callback", get("/" + m.right()), 404},
		{"L25 /callback/", get("/callback/?state=" + s + c), 404},
		{"L25 /callback;x", get("/callback;x?state=" + s + c), 404},
		{"L25 encoded", get("/%63allback?state=" + s + c), 404},
		{"L25 dots", get("/x/../callback?state=" + s + c), 404},
		{"other path", get("/favicon.ico"), 404},
		{"L31 request line of 1 MiB", get("/callback?x=" + strings.Repeat("x", 1<<20)), 431},
		{"L31 10^4 headers", "GET " + m.right() + " HTTP/1.1\r\nHost: " + m.host + "\r\n" + strings.Repeat("X: yyyyyyyyyy\r\n", 10000) + "\r\n", 431},
		{"L31 many parameters", get("/callback?state=" + s + c + strings.Repeat("&a", 10000)), 414},
		{"not HTTP", "\x16\x03\x01\r\n\r\n", 400},
	}
	for _, tt := range cases {
		// The server may close before it has read a long request; then there is
		// no answer to see.
		got := m.raw(tt.request)
		if got != tt.status && !(tt.status == 431 && got == 0) {
			t.Errorf("%s: got status %d, want %d", tt.name, got, tt.status)
		}
	}
	if m.seen("POST /token") != 0 {
		t.Error("L1: a code of a wrong callback was used")
	}
	m.finish()
	if got := m.form.Get("code"); got != testCode {
		t.Errorf("code %q was used", got)
	}
}

func TestOI3_StateCountsOnce(t *testing.T) {
	m := begin(t, nil)
	first, second := make(chan struct{}), make(chan struct{})
	m.intercept = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			close(first)
			<-second
		}
		return false
	}
	go func() {
		<-first
		// L3: the right state again, with another code, while the first is being used.
		res := m.do("GET", "/callback?state="+m.state+"&code=other")
		if res.StatusCode != 400 {
			t.Errorf("L3: got status %d, want 400", res.StatusCode)
		}
		close(second)
	}()
	m.finish()
	if m.form.Get("code") != testCode || m.seen("POST /token") != 1 {
		t.Errorf("L3: code %q, %d exchanges", m.form.Get("code"), m.seen("POST /token"))
	}
}

func TestL4_TenThousandWrongCallbacks(t *testing.T) {
	m := begin(t, nil)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 10000
	if testing.Short() {
		n = 500
	}
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range 8 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if got := m.raw("GET /callback?state=wrong&code=x HTTP/1.1\r\nHost: " + m.host + "\r\n\r\n"); got != 400 {
					t.Errorf("got status %d, want 400", got)
					return
				}
			}
		})
	}
	wg.Wait()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	m.finish()
}

func TestL22_NobodyElseReachesTheListener(t *testing.T) {
	m := begin(t, nil)
	_, port, _ := net.SplitHostPort(m.host)
	others := []string{"::1"}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			others = append(others, ip.IP.String())
		}
	}
	for _, host := range others {
		if conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, port), time.Second); err == nil {
			conn.Close()
			t.Errorf("connected to %s", host)
		}
	}
	m.finish()
	if conn, err := net.DialTimeout("tcp", m.host, time.Second); err == nil {
		conn.Close()
		t.Error("still listening after the login")
	}
}

func TestL23_LocalhostOnlyWhenAskedFor(t *testing.T) {
	m := begin(t, func(b *Browser) { b.RedirectHost = "localhost" })
	_, port, _ := net.SplitHostPort(m.host)
	if m.base != "http://localhost:"+port {
		t.Errorf("redirect to %q", m.base)
	}
	request := func(host string) string { return "GET " + m.right() + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	if got := m.raw(request("127.0.0.1:" + port)); got != 400 {
		t.Errorf("Host of the address: got status %d, want 400", got)
	}
	if got := m.raw(request("localhost:" + port)); got != 200 {
		t.Errorf("Host localhost: got status %d, want 200", got)
	}
	if err := <-m.result; err != nil {
		t.Error(err)
	}
	_, err := listen(0, "0.0.0.0")
	wantCheck(t, err, check.Usage, "0.0.0.0")
}

func TestOI6_Pages(t *testing.T) {
	m := begin(t, nil)
	m.claims = func(c map[string]any) { c["email"] = "<i>a&b@example.com" }
	wrong := m.do("GET", "/callback?state=x&error_description=REFLECTED&next=https://evil.example&redirect_uri=https://evil.example")
	m.claims = func(c map[string]any) { c["email"] = "a&b'@example.com" }
	right := m.do("GET", m.right()+"&next=https://evil.example&redirect_uri=https://evil.example")
	if err := <-m.result; err != nil {
		t.Fatal(err)
	}
	for _, res := range []*http.Response{wrong, right} {
		body, _ := io.ReadAll(res.Body)
		page := string(body)
		sum := sha256.Sum256([]byte(regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)[1]))
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
				"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY",
			"Access-Control-Allow-Origin": "", "Location": "", "Set-Cookie": "",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("L27 L28: %s is %q, want %q", name, got, want)
			}
		}
		for _, bad := range []string{"REFLECTED", "evil.example", "<script", "http:", "https:", "src=", "href=", "style=", m.state, canary} {
			if strings.Contains(page, bad) {
				t.Errorf("L27: %q in %s", bad, page)
			}
		}
		for _, want := range []string{`<html lang="en">`, `<meta name="viewport"`, "<main>", "<h1>", "<title>", "color-scheme:light dark"} {
			if !strings.Contains(page, want) {
				t.Errorf("no %q in %s", want, page)
			}
		}
		if res == right && !strings.Contains(page, "Signed in as a&amp;b&#39;@example.com") {
			t.Errorf("page %s", page)
		}
	}
	if got := successPage(`<script>"&`).body; !strings.Contains(got, "&lt;script&gt;&#34;&amp;") || strings.Contains(got, "<script") {
		t.Errorf("not escaped: %s", got)
	}
}

func TestL30_SlowConnections(t *testing.T) {
	m := begin(t, nil)
	n := 1000
	if testing.Short() {
		n = 100
	}
	var conns []net.Conn
	for range n {
		conn, err := net.Dial("tcp", m.host)
		if err != nil {
			t.Fatalf("connection %d: %v", len(conns), err)
		}
		io.WriteString(conn, "G")
		conns = append(conns, conn)
	}
	start := time.Now()
	m.finish()
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the right callback took %v", took)
	}
	for _, c := range conns { // closed by the other side
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("got an answer to nothing")
		} else if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Error("a connection outlived the login")
		}
		c.Close()
	}
}

func TestL32_PortTaken(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := newOP(t)
	b := p.browser(nil)
	b.Port = l.Addr().(*net.TCPAddr).Port
	_, err = b.Token(t.Context(), "sigstore")
	wantCheck(t, err, check.OIDCCallback, fmt.Sprintf("want to listen on port %d", b.Port))
}

func TestOI5_ListenerLimits(t *testing.T) {
	l, err := listen(0, "")
	if err != nil {
		t.Fatal(err)
	}
	l.serve(t.Context(), callback{state: newSecret("s")})
	defer l.close()
	if s := l.server; s.ReadHeaderTimeout != 10*time.Second || s.ReadTimeout != 10*time.Second || s.MaxHeaderBytes > 64<<10 {
		t.Errorf("got limits %v, %v, %d", s.ReadHeaderTimeout, s.ReadTimeout, s.MaxHeaderBytes)
	}
}

// FuzzCallback: only a query with exactly one right state passes.
func FuzzCallback(f *testing.F) {
	const state = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
	for _, q := range []string{"", "state=" + state + "&code=x", "state=" + state + "&state=" + state, "state=x&code=y", "a;b", "%zz", "state=" + state + "&error=e"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		c := callback{state: newSecret(state), issuer: "https://a.example"}
		q, ok := c.parameters(query)
		if !ok {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("accepted %q: %v", query, err)
		}
		if len(values["state"]) > 1 || len(values["code"]) > 1 {
			t.Fatalf("accepted doubled parameters in %q", query)
		}
		code, err := c.read(q)
		if err == nil && (code.reveal() == "" || code.reveal() != values.Get("code") || values.Get("error") != "") {
			t.Fatalf("code %q out of %q", code.reveal(), query)
		}
	})
}

// TestL30_OldestConnectionGivesWay: no more than so many are open, and the one
// whose callback is being used is not closed to make place.
func TestL30_OldestConnectionGivesWay(t *testing.T) {
	m := begin(t, nil)
	using, use := make(chan struct{}), make(chan struct{})
	m.intercept = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			close(using)
			<-use
		}
		return false
	}
	open := func() net.Conn {
		conn, err := net.Dial("tcp", m.host)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	oldest := open()
	answer := make(chan int, 1)
	go func() { answer <- m.raw("GET " + m.right() + " HTTP/1.1\r\nHost: " + m.host + "\r\n\r\n") }()
	<-using
	var newest net.Conn
	for range maxOpen + 1 {
		newest = open()
	}
	oldest.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := oldest.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("oldest connection: got %v, want it closed", err)
	}
	newest.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := newest.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("newest connection: got %v, want it open", err)
	}
	close(use)
	if got := <-answer; got != 200 {
		t.Errorf("the right callback got status %d, want 200", got)
	}
	if err := <-m.result; err != nil {
		t.Error(err)
	}
}
