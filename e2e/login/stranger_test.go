package login

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// TestStrangerAtTheListener: another process knows the port, and races, floods and
// probes the listener of a login. It gets nothing, and the person's login is
// neither ended nor taken (OI-5, L1, L4, L21, L24, L25, L30, L31), also where few
// files may be open.
func TestStrangerAtTheListener(t *testing.T) {
	for _, files := range []int{0, 256} {
		t.Run(fmt.Sprintf("%d files", files), func(t *testing.T) {
			s := newScene(t)
			cmd := s.hallmark.With("BROWSER=/bin/true").Command(t.Context(), "sign", "--yes", "app.txt")
			if files != 0 {
				sh, err := exec.LookPath("sh")
				if err != nil {
					skip(t, "there is no sh to lower a limit")
				}
				cmd.Args = append([]string{sh, "-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, files), "sh"}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
				cmd.Path = sh
			}
			p := begin(t, nil, cmd)
			address := p.address(t)
			host := probe(t, address)
			stop := flood(t, host)
			begin := time.Now()
			if err := s.Login(t.Context(), address, sandbox.Bob); err != nil {
				t.Fatalf("%v after %v:\n%s", err, time.Since(begin), p.said)
			}
			p.ends(t, 0)
			t.Logf("login took %v", time.Since(begin))
			stop()
			s.verify(t, "app.txt", s.Issuer(), sandbox.Bob)
		})
	}
}

// probe sends what is not the callback, and wants each answered as such. It returns
// where the listener is.
func probe(t *testing.T, address string) (host string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(u.Query().Get("redirect_uri"))
	if err != nil {
		t.Fatal(err)
	}
	host = back.Host
	right := back.Path + "?code=stolen&state=" + url.QueryEscape(u.Query().Get("state"))
	get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	for name, c := range map[string]struct {
		request string
		status  int
	}{
		"L1 wrong state":        {get(back.Path + "?code=x&state=wrong"), 400},
		"L1 no state":           {get(back.Path + "?code=x"), 400},
		"L26 error":             {get(back.Path + "?error=access_denied&state=wrong"), 400},
		"L21 wrong host":        {strings.Replace(get(right), host, "evil.example", 1), 400},
		"L21 localhost":         {strings.Replace(get(right), "127.0.0.1", "localhost", 1), 400},
		"L21 HTTP/1.0":          {"GET " + right + " HTTP/1.0\r\nHost: " + host + "\r\n\r\n", 400},
		"L24 POST":              {strings.Replace(get(right), "GET", "POST", 1), 405},
		"L25 other path":        {get("/" + right), 404},
		"L31 long request line": {get(right + "&x=" + strings.Repeat("x", 1<<20)), 431},
		"L31 many headers":      {strings.TrimSuffix(get(right), "\r\n") + strings.Repeat("X-Y: z\r\n", 10000) + "\r\n", 431},
	} {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		go io.WriteString(conn, c.request) // may be refused before it is read
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%s: got %v, %v; want status %d", name, res, err, c.status)
		}
		conn.Close()
	}
	return host
}

// flood opens 1,000 connections that go on for ever, and sends wrong callbacks as
// fast as they are answered, until it is stopped.
func flood(t *testing.T, host string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var conns []net.Conn
	for range 1000 {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatalf("connection %d: %v", len(conns), err)
		}
		conns = append(conns, conn)
		io.WriteString(conn, "GET /callback")
	}
	for range 4 {
		wg.Go(func() {
			client := &http.Client{Timeout: time.Second}
			for ctx.Err() == nil {
				if res, err := client.Get("http://" + host + "/callback?state=wrong&code=x"); err == nil {
					res.Body.Close()
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
		for _, c := range conns {
			c.Close()
		}
	}
}
