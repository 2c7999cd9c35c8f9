package login

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// kilgore is whom dex's connector for tests signs in.
const kilgore = "kilgore@kilgore.trout"

// dexBinary builds the provider once, from its own module.
var dexBinary = sync.OnceValues(func() (string, error) {
	ctx, cancel := buildTime()
	defer cancel()
	module, err := sandbox.Module(ctx)
	if err != nil {
		return "", err
	}
	out := filepath.Join(filepath.Dir(module), "bin", "dex")
	return out, sandbox.Build(ctx, filepath.Join(module, "login", "dex"), ".", out)
})

// startDex runs the provider until the test ends and returns its issuer.
func startDex(t *testing.T) string {
	t.Helper()
	path, err := dexBinary()
	if err != nil {
		skip(t, "dex can't be built: %v", err)
	}
	return startProvider(t, exec.Command(path))
}

// startProvider runs a program that prints its issuer in one line and ends with
// its standard input.
func startProvider(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("provider does not start: %v", err)
	}
	return strings.TrimSpace(line)
}

// threePages chooses the way in, signs in with a password, and agrees, all by
// keyboard.
func threePages(t *testing.T, b *tab) {
	b.do(t, chromedp.WaitVisible(`a[href*="/auth/local"]`))
	b.picture(t, "provider")
	b.do(t, chromedp.Focus(`a[href*="/auth/local"]`), chromedp.KeyEvent(kb.Enter), chromedp.WaitVisible(`input[name="login"]`))
	b.do(t, chromedp.Focus(`input[name="login"]`), chromedp.KeyEvent(sandbox.Bob),
		chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent("any password"), chromedp.KeyEvent(kb.Enter))
	agree(t, b)
}

// agree grants the access that dex asks for.
func agree(t *testing.T, b *tab) {
	b.do(t, chromedp.WaitVisible(`input[name="approval"][value="approve"] ~ button`, chromedp.ByQuery))
	b.picture(t, "consent")
	b.do(t, chromedp.Focus(`input[name="approval"][value="approve"] ~ button`, chromedp.ByQuery), chromedp.KeyEvent(kb.Enter))
}
