package oidc

import (
	"context"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A terminal is a person who pastes lines, and what they read.
type terminal struct {
	lines chan string

	mu   sync.Mutex
	text strings.Builder
}

func (s *terminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *terminal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *terminal) next(ctx context.Context) (string, error) {
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", io.EOF
		}
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// beginPasting starts a login whose browser can't be opened here.
func beginPasting(t *testing.T) (*manual, *terminal) {
	s := &terminal{lines: make(chan string)}
	m := begin(t, func(b *Browser) {
		open := b.Open
		b.Open = func(ctx context.Context, address string) error {
			return errors.Join(open(ctx, address), errors.New("no display"))
		}
		b.Out, b.Paste = s, s.next
	})
	return m, s
}

func TestOI8_WholeAddressIsAccepted(t *testing.T) {
	for name, form := range map[string]func(m *manual) string{
		"address":            func(m *manual) string { return m.base + m.right() },
		"without scheme":     func(m *manual) string { return m.host + m.right() },
		"query":              func(m *manual) string { return strings.TrimPrefix(m.right(), "/callback") },
		"bare query":         func(m *manual) string { return strings.TrimPrefix(m.right(), "/callback?") },
		"white space around": func(m *manual) string { return " \t" + m.base + m.right() + "\r\n" },
		"fragment":           func(m *manual) string { return m.base + m.right() + "#_=_" },
	} {
		t.Run("OI-8 L37 "+name, func(t *testing.T) {
			m, s := beginPasting(t)
			s.lines <- form(m)
			if err := <-m.result; err != nil {
				t.Fatal(err)
			}
			if m.token.Subject != "alice@example.com" {
				t.Errorf("token is for %v", m.token)
			}
			noCanary(t, s.String())
		})
	}
}

func TestOI8_WhatIsWrongEndsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		paste func(m *manual) string
		says  string
	}{
		"L37 code alone":             {func(*manual) string { return testCode }, "want the whole address"},
		"L37 code with white space":  {func(m *manual) string { return strings.Replace(m.base+m.right(), "code=", "code= ", 1) }, "white space"},
		"L37 control characters":     {func(m *manual) string { return m.base + m.right() + "\x1b[2J" }, "control characters"},
		"L37 1 MiB":                  {func(m *manual) string { return m.base + m.right() + strings.Repeat("x", 1<<20) }, "at most 16384 bytes"},
		"L37 state missing":          {func(m *manual) string { return m.base + "/callback?code=" + testCode }, "another login"},
		"L37 state wrong":            {func(m *manual) string { return m.base + "/callback?state=x&code=" + testCode }, "another login"},
		"L37 state doubled":          {func(m *manual) string { return m.base + m.right() + "&state=" + m.state }, "another login"},
		"L37 address of another":     {func(m *manual) string { return "http://127.0.0.1:1" + m.right() }, "begins with"},
		"L37 other path":             {func(m *manual) string { return m.base + strings.Replace(m.right(), "callback", "other", 1) }, "begins with"},
		"L37 https":                  {func(m *manual) string { return "https://" + m.host + m.right() }, "begins with"},
		"L37 address of the page":    {func(m *manual) string { return m.URL + "/auth?" + m.auth.Encode() }, "begins with"},
		"L37 nothing":                {func(*manual) string { return "" }, "want the whole address"},
		"L37 query that is no query": {func(m *manual) string { return "code=%zz&state=" + m.state }, "another login"},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := beginPasting(t)
			s.lines <- c.paste(m)
			s.lines <- m.base + m.right()
			if err := <-m.result; err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(s.String(), "That is not it: ") || !strings.Contains(s.String(), c.says) {
				t.Errorf("terminal says %q, want %q", s, c.says)
			}
			noCanary(t, s.String())
		})
	}
}

func TestOI8_PastingIsBounded(t *testing.T) {
	m, s := beginPasting(t)
	for range maxPastes {
		s.lines <- "state=wrong&code=x"
	}
	select {
	case s.lines <- m.base + m.right():
		t.Errorf("more than %d lines are read", maxPastes)
	case <-time.After(50 * time.Millisecond):
	}
	// The listener waits all the same.
	m.do("GET", m.right())
	if err := <-m.result; err != nil {
		t.Error(err)
	}
}

func TestOI8_ListenerWinsAndEndOfInputEndsNothing(t *testing.T) {
	m, s := beginPasting(t)
	close(s.lines)
	if res := m.do("GET", m.right()); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
	if err := <-m.result; err != nil {
		t.Error(err)
	}
}

func TestOI8_ErrorOfTheProviderIsPastedToo(t *testing.T) {
	m, s := beginPasting(t)
	s.lines <- m.base + "/callback?" + url.Values{"state": {m.state}, "error": {"access_denied"}}.Encode()
	wantCheck(t, <-m.result, check.OIDCCallback, "access_denied")
}

// TestOI8_OnlyWhenAskedFor: while a browser is open nothing is read.
func TestOI8_OnlyWhenAskedFor(t *testing.T) {
	read := make(chan struct{}, 1)
	m := begin(t, func(b *Browser) {
		b.Paste = func(context.Context) (string, error) { read <- struct{}{}; return "", io.EOF }
	})
	m.do("GET", m.right())
	if err := <-m.result; err != nil {
		t.Fatal(err)
	}
	select {
	case <-read:
		t.Error("a line was read though the browser opened")
	default:
	}
}

func TestOI8_NoOpenOpensNothing(t *testing.T) {
	p := newOP(t)
	s := &terminal{lines: make(chan string)}
	b := p.browser(nil)
	b.Open = func(context.Context, string) error { t.Error("a browser was opened"); return nil }
	b.Out, b.Paste, b.NoOpen = s, s.next, true
	result := make(chan error, 1)
	go func() {
		_, err := b.Token(t.Context(), "sigstore")
		result <- err
	}()
	address := regexp.MustCompile(`(?m)^  (http://\S+)$`)
	for !strings.Contains(s.String(), "Paste the address") {
		time.Sleep(time.Millisecond)
	}
	u, err := url.Parse(address.FindStringSubmatch(s.String())[1])
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.auth = u.Query()
	p.mu.Unlock()
	s.lines <- p.auth.Get("redirect_uri") + "?" + url.Values{"state": {p.auth.Get("state")}, "code": {testCode}}.Encode()
	if err := <-result; err != nil {
		t.Error(err)
	}
}
