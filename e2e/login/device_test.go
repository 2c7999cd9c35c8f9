package login

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// TestDevice_WaitsWithoutWork: a provider that omits the interval is asked every
// five seconds (RFC 8628, section 3.2), which takes less than 1 % of a CPU.
// Afterwards a person finishes the login on the provider's pages.
func TestDevice_WaitsWithoutWork(t *testing.T) {
	b := openTab(t, true)
	issuer := startPanva(t)
	s := newScene(t, issuer)
	p := s.start(t, nil, nil, append([]string{"sign", "--yes", "--device", "app.txt"}, s.services(t, issuer)...)...)
	complete := p.sees(t, `(?m)^  (http://\S+user_code=\S+)$`)
	before, begin := cpu(t, p.cmd.Process.Pid), time.Now()
	time.Sleep(12 * time.Second)
	used, waited := cpu(t, p.cmd.Process.Pid)-before, time.Since(begin)
	share := 100 * used.Seconds() / waited.Seconds()
	t.Logf("waiting %v took %v of CPU: %.2f %%", waited.Round(time.Millisecond), used, share)
	if share >= 1 {
		t.Errorf("waiting took %.2f %% of a CPU, want under 1", share)
	}
	b.do(t, chromedp.Navigate(complete))
	confirm(t, b)
	twoPages(t, b)
	p.ends(t, 0)
	s.verify(t, "app.txt", issuer, sandbox.Bob)
	b.clean(t)
}

// confirm agrees that the code on the page is the one on the terminal.
func confirm(t *testing.T, b *tab) {
	b.do(t, chromedp.WaitVisible(`button[autofocus], form button`))
	b.picture(t, "confirm")
	b.do(t, chromedp.KeyEvent(kb.Enter))
}

// TestDevice_AtTheSandbox is the same for the other provider, with the code typed
// by hand. It needs no flag: there is no display, so a code is offered.
func TestDevice_AtTheSandbox(t *testing.T) {
	b := openTab(t, false)
	s := newScene(t)
	p := s.start(t, nil, []string{"BROWSER="}, "sign", "--yes", "app.txt")
	page := p.address(t)
	code := p.sees(t, `enter the code\n\n  (\S+)`)
	b.do(t, chromedp.Navigate(page), chromedp.WaitVisible(`input[name="user_code"]`),
		chromedp.SendKeys(`input[name="user_code"]`, code), chromedp.Click(`button[value="bob@example.com"]`))
	p.ends(t, 0)
	s.verify(t, "app.txt", s.Issuer(), sandbox.Bob)
	b.clean(t)
}

// TestDevice_AtDex is the same at a third make, whose page has the code already.
func TestDevice_AtDex(t *testing.T) {
	b := openTab(t, true)
	issuer := startDex(t)
	s := newScene(t, issuer)
	p := s.start(t, nil, nil, append([]string{"sign", "--yes", "--device", "app.txt"}, s.services(t, issuer)...)...)
	b.do(t, chromedp.Navigate(p.sees(t, `(?m)^  (http://\S+user_code=\S+)$`)), chromedp.WaitVisible(`input[name="user_code"]`),
		chromedp.Focus(`input[name="user_code"]`), chromedp.KeyEvent(kb.Enter))
	threePages(t, b)
	p.ends(t, 0)
	s.verify(t, "app.txt", issuer, sandbox.Bob)
	b.clean(t)
}

// cpu is the time a process has used, user and system.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		skip(t, "no process times here: %v", err)
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadString('\n')
	_, line, _ = strings.Cut(line, ") ") // a name may hold spaces
	fields := strings.Fields(line)
	var ticks int
	for _, i := range []int{11, 12} { // utime and stime; field 3 is first here
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}
