package login

import (
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// TestPaste_BrowserOnAnotherMachine: the browser can't reach the listener, as if
// it were on another machine, so the person pastes where it ended (OI-8, L37).
func TestPaste_BrowserOnAnotherMachine(t *testing.T) {
	b := openTab(t, true)
	s := newScene(t)
	in, typed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer typed.Close()
	defer in.Close()
	p := s.start(t, in, []string{"BROWSER=/nonexistent/browser"}, "sign", "--yes", "--no-browser", "app.txt")
	address := p.address(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	redirect := u.Query().Get("redirect_uri")
	b.cutOff(t, redirect+"*")
	b.do(t, chromedp.Navigate(address))
	byMouse(t, b)
	ended := b.endsAt(t, redirect)
	code := strings.Split(strings.Split(ended, "code=")[1], "&")[0]
	for _, wrong := range []string{code, strings.Replace(ended, "state=", "state=x", 1)} {
		io.WriteString(typed, wrong+"\n")
	}
	p.sees(t, `(?s)That is not it: .*That is not it: `)
	io.WriteString(typed, ended+"\n")
	p.ends(t, 0)
	if strings.Contains(p.said.String(), code) {
		t.Errorf("the code is printed:\n%s", p.said)
	}
	s.verify(t, "app.txt", s.Issuer(), sandbox.Bob)
}

// cutOff lets requests to some addresses fail, as if nothing listened there.
func (b *tab) cutOff(t *testing.T, pattern string) {
	t.Helper()
	chromedp.ListenTarget(b.ctx, func(event any) {
		if e, ok := event.(*fetch.EventRequestPaused); ok {
			go chromedp.Run(b.ctx, fetch.FailRequest(e.RequestID, network.ErrorReasonConnectionRefused))
		}
	})
	b.do(t, fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: pattern}}))
}

// endsAt waits until the browser wanted a page whose address begins like that.
func (b *tab) endsAt(t *testing.T, start string) string {
	t.Helper()
	for range 600 {
		b.mu.Lock()
		last := b.last
		b.mu.Unlock()
		if strings.HasPrefix(last, start) {
			return last
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("browser does not come to %q", start)
	return ""
}
