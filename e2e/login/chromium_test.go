package login

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// drove and skipped count the tests that did and did not have a browser.
var drove, skipped atomic.Int32

func TestMain(m *testing.M) {
	status := m.Run()
	fmt.Printf("login: %d tests drove a browser, %d skipped what they lack\n", drove.Load(), skipped.Load())
	os.Exit(status)
}

func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	skipped.Add(1)
	t.Skipf("SKIPPED: "+format, args...)
}

// findChromium returns the browser, or skips the test.
func findChromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("HALLMARK_CHROMIUM"); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			t.Fatalf("HALLMARK_CHROMIUM: %v", err)
		}
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	skip(t, "there is no Chromium; apt-get install chromium")
	return ""
}

// A tab is one page of a browser of its own, and what happened in it.
type tab struct {
	ctx context.Context

	mu       sync.Mutex
	requests []string // addresses without queries
	last     string   // address of the last page asked for
	foreign  []string // requests to other machines
	problems []string // what a developer would see in red
}

// openTab starts a browser with a fresh profile, which the library removes, that can't reach anything but
// this machine.
func openTab(t *testing.T, scripts bool) *tab {
	t.Helper()
	path := findChromium(t)
	drove.Add(1)
	for _, build := range []func() (string, error){binary, sandboxBinary} { // not in the time of the browser
		if _, err := build(); err != nil {
			t.Fatal(err)
		}
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.WindowSize(1024, 720),
		chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, stopBrowser := chromedp.NewExecAllocator(t.Context(), options...)
	// The protocol of newer browsers has events that the library does not know.
	ctx, stopTab := chromedp.NewContext(ctx, chromedp.WithErrorf(func(string, ...any) {}))
	ctx, stopTime := context.WithTimeout(ctx, 2*time.Minute)
	b := &tab{ctx: ctx}
	t.Cleanup(func() { stopTime(); stopTab(); stopBrowser() })
	chromedp.ListenTarget(ctx, b.notice)
	err := chromedp.Run(ctx, network.Enable(), cdplog.Enable(), cdpruntime.Enable(), emulation.SetScriptExecutionDisabled(!scripts))
	if err != nil {
		t.Fatalf("browser: %v", err)
	}
	return b
}

// notice keeps what happens in the page.
func (b *tab) notice(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		address, _, _ := strings.Cut(e.Request.URL, "?")
		if e.Type == network.ResourceTypeDocument {
			b.last = e.Request.URL
		}
		b.requests = append(b.requests, address)
		if !onLoopback(e.Request.URL) {
			b.foreign = append(b.foreign, address)
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.LevelError || e.Entry.Level == cdplog.LevelWarning {
			b.problems = append(b.problems, fmt.Sprintf("%s: %s (%s)", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *cdpruntime.EventConsoleAPICalled:
		b.problems = append(b.problems, "console: "+string(e.Type))
	case *cdpruntime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+e.ExceptionDetails.Error())
	}
}

func onLoopback(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil {
		return false
	}
	if u.Scheme == "data" || u.Scheme == "about" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback()
}

// clean fails the test if a page had problems or asked another machine.
func (b *tab) clean(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		t.Error("no request was seen, so none was checked")
	}
	for _, r := range b.foreign {
		t.Errorf("request to another machine: %s", r)
	}
	for _, p := range b.problems {
		t.Errorf("console: %s", p)
	}
}

func (b *tab) do(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		var shot []byte
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), 5*time.Second)
		defer cancel()
		if chromedp.Run(ctx, chromedp.CaptureScreenshot(&shot)) == nil {
			keep(t, "failure", shot)
		}
		t.Fatalf("browser: %v; it asked for %q", err, b.requests)
	}
}

// until waits for a page with this title.
func (b *tab) until(title string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("page does not come"))
		defer cancel()
		var got string
		for {
			// Between two pages there is nothing to ask.
			if err := chromedp.Title(&got).Do(ctx); err == nil && got == title {
				return nil
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
				return fmt.Errorf("want page %q, got %q: %w", title, got, context.Cause(ctx))
			}
		}
	})
}

// picture keeps what a person sees now.
func (b *tab) picture(t *testing.T, name string) {
	t.Helper()
	var shot []byte
	b.do(t, chromedp.CaptureScreenshot(&shot))
	keep(t, name, shot)
}

// keep writes a picture into the folder for people.
func keep(t *testing.T, name string, shot []byte) {
	t.Helper()
	dir := os.Getenv("HALLMARK_SCREENSHOTS")
	if dir == "" {
		dir = t.ArtifactDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()) + "-" + name + ".png"
	if err := os.WriteFile(filepath.Join(dir, file), shot, 0o644); err != nil {
		t.Fatal(err)
	}
}
