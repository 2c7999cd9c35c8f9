package login

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

const signedIn = "Signed in - hallmark"

// A person signs in at a provider's pages.
type person func(t *testing.T, b *tab)

// byMouse presses the button with Bob's address.
func byMouse(t *testing.T, b *tab) {
	b.do(t, chromedp.WaitVisible(`button[value="bob@example.com"]`))
	b.picture(t, "provider")
	b.do(t, chromedp.Click(`button[value="bob@example.com"]`))
}

// byKeyboard walks to the field with the tab key, types and confirms.
func byKeyboard(t *testing.T, b *tab) {
	b.do(t, chromedp.WaitVisible(`input[name="email"]`))
	b.do(t, tabTo("email"), chromedp.KeyEvent("bob@example.com"), chromedp.KeyEvent(kb.Enter))
}

// tabTo presses the tab key until the field with this name has the focus.
func tabTo(name string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for range 20 {
			if err := chromedp.KeyEvent(kb.Tab).Do(ctx); err != nil {
				return err
			}
			var focus string
			if err := chromedp.Evaluate(`document.activeElement.name || ""`, &focus).Do(ctx); err != nil {
				return err
			}
			if focus == name {
				return nil
			}
		}
		return context.DeadlineExceeded
	})
}

// twoPages signs in with a name and a password, and then agrees, all by keyboard.
func twoPages(t *testing.T, b *tab) {
	b.do(t, chromedp.WaitVisible(`input[name="login"]`))
	b.picture(t, "provider")
	b.do(t, chromedp.Focus(`input[name="login"]`), chromedp.KeyEvent("bob@example.com"),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("any password"), chromedp.KeyEvent(kb.Enter))
	b.do(t, chromedp.WaitVisible(`input[name="prompt"][value="consent"] ~ button, form[action*="interaction"] button[autofocus]`))
	b.picture(t, "consent")
	b.do(t, chromedp.KeyEvent(kb.Enter))
}

// TestSignInABrowser is the whole of "hallmark sign" with a person before a real
// browser, at providers of three makes.
func TestSignInABrowser(t *testing.T) {
	for _, c := range []struct {
		name     string
		provider func(*testing.T) string // returns its issuer; nil: the sandbox's
		login    string
		person   person
		scripts  bool
		who      string
	}{
		{"sandbox by mouse", nil, "", byMouse, true, sandbox.Bob},
		{"sandbox by keyboard without scripts", nil, "", byKeyboard, false, sandbox.Bob},
		{"panva by keyboard", startPanva, "", twoPages, true, sandbox.Bob},
		{"panva without scripts", startPanva, "", twoPages, false, sandbox.Bob},
		{"dex by keyboard", startDex, "", threePages, true, sandbox.Bob},
		{"dex without scripts", startDex, "", threePages, false, sandbox.Bob},
		{"dex without the page that asks which", startDex, "google", agree, true, kilgore},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := openTab(t, c.scripts)
			args := []string{"sign", "--yes", "app.txt"}
			if c.login != "" {
				args = append(args, "--login", c.login)
			}
			var s *scene
			var issuer string
			if c.provider != nil {
				issuer = c.provider(t)
				s = newScene(t, issuer)
				args = append(args, s.services(t, issuer)...)
			} else {
				s = newScene(t)
				issuer = s.Issuer()
			}
			p := s.start(t, nil, nil, args...)
			b.do(t, chromedp.Navigate(p.address(t)))
			c.person(t, b)
			b.do(t, b.until(signedIn))
			p.ends(t, 0)
			var text string
			b.do(t, chromedp.Text("body", &text))
			for _, want := range []string{"Signed in as " + c.who, "You can close this window"} {
				if !strings.Contains(text, want) {
					t.Errorf("page is %q, want it to say %q", text, want)
				}
			}
			checkLook(t, b, "success")
			b.clean(t)
			s.verify(t, "app.txt", issuer, c.who)
		})
	}
}

// TestRefusedAtTheProvider: a person who presses Cancel is told so at once, on the
// page and in the terminal (L26).
func TestRefusedAtTheProvider(t *testing.T) {
	b := openTab(t, false)
	issuer := startPanva(t)
	s := newScene(t, issuer)
	p := s.start(t, nil, nil, append([]string{"sign", "--yes", "app.txt"}, s.services(t, issuer)...)...)
	b.do(t, chromedp.Navigate(p.address(t)), chromedp.WaitVisible(`a[href$="/abort"]`), chromedp.Click(`a[href$="/abort"]`),
		b.until("Not signed in - hallmark"))
	p.ends(t, 1)
	if !strings.Contains(p.said.String(), "access_denied") {
		t.Errorf("hallmark does not say why:\n%s", p.said)
	}
}

// TestPagesOfFailure looks at what a person sees when a login goes wrong: they
// refuse at the provider, or something else calls the listener. Bytes of the
// request are on neither page (L26, L27, L28).
func TestPagesOfFailure(t *testing.T) {
	b := openTab(t, false)
	s := newScene(t)
	p := s.start(t, nil, nil, "sign", "--yes", "app.txt")
	u, err := url.Parse(p.address(t))
	if err != nil {
		t.Fatal(err)
	}
	callback := u.Query().Get("redirect_uri")
	b.do(t, chromedp.Navigate(callback+"?state=wrong&error=access_denied&error_description=REFLECTED&next=https://evil.example/"),
		b.until("Nothing here - hallmark"))
	checkLook(t, b, "wrong")
	b.do(t, chromedp.Navigate(callback+"?state="+url.QueryEscape(u.Query().Get("state"))+"&error=access_denied&error_description=REFLECTED"),
		b.until("Not signed in - hallmark"))
	checkLook(t, b, "failure")
	var text string
	b.do(t, chromedp.OuterHTML("html", &text))
	if strings.Contains(text, "REFLECTED") {
		t.Errorf("page repeats the request: %s", text)
	}
	p.ends(t, 1)
	if !strings.Contains(p.said.String(), "access_denied") {
		t.Errorf("hallmark does not say why:\n%s", p.said)
	}
	if len(b.foreign) > 0 {
		t.Errorf("requests to other machines: %q", b.foreign)
	}
}
