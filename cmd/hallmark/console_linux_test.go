package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// newTerminal returns both ends of a terminal: what somebody sees and types, and what a
// program has.
func newTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("SKIPPED: no terminals here: %v", err)
	}
	t.Cleanup(func() { person.Close() })
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// answering reads what a program shows and types answer when it asks.
func answering(person *os.File, answer string) <-chan string {
	shown := make(chan string, 1)
	go func() {
		var all bytes.Buffer
		buf := make([]byte, 4096)
		typed := false
		for {
			n, err := person.Read(buf)
			all.Write(buf[:n])
			if !typed && strings.Contains(all.String(), "[y/N] ") {
				typed = true
				_, _ = io.WriteString(person, answer)
			}
			if err != nil { // nobody has the other end any more
				shown <- all.String()
				return
			}
		}
	}()
	return shown
}

// A question is asked at the terminal where standard input is data, and the data is no
// answer to it. Where nobody could see it or where a pipeline runs, nothing is asked.
func TestConsent_IsAskedAtTheTerminalWhereStandardInputIsData(t *testing.T) {
	w := sigtest.New(t)
	w.Clock.Set(time.Now().Truncate(time.Second))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root.json"), w.TUF().Root())
	vars := []string{"HALLMARK_INSTANCE=test", "HALLMARK_CACHE_DIR=" + filepath.Join(dir, "cache"), "HALLMARK_STATE_DIR=" + filepath.Join(dir, "state"),
		"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	for _, test := range []struct {
		name, data, answer string
		blind              bool // standard error is no terminal
		detached           bool // the process has no terminal
		vars               []string
		want               int
		asked              bool
	}{
		{name: "yes", data: "n\n", answer: "y\n", want: check.ExitOK, asked: true},
		{name: "no", data: "y\n", answer: "n\n", want: check.ExitUsage, asked: true},
		{name: "only data says yes", data: "y\ny\n", answer: "\n", want: check.ExitUsage, asked: true},
		{name: "nobody sees the question", data: "y\n", blind: true, want: check.ExitUsage},
		{name: "no terminal", data: "y\n", detached: true, blind: true, want: check.ExitUsage},
		{name: "pipeline", data: "n\n", answer: "n\n", vars: []string{"CI=true"}, want: check.ExitOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := "HALLMARK_CONFIG_DIR=" + t.TempDir()
			add := exec.Command("hallmark", "trust", "add", "test", "--mirror", w.TUF().URL, "--root", filepath.Join(dir, "root.json"))
			add.Env = append([]string{config}, vars...)
			if out, err := add.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			person, program := newTerminal(t)
			output := filepath.Join(t.TempDir(), "data.sigstore.json")
			cmd := exec.CommandContext(t.Context(), "hallmark", "sign", "-", "--bundle", output)
			cmd.Env = append([]string{config, tokenVariable + "=" + w.Token(nil)}, append(vars, test.vars...)...)
			cmd.Stdin = strings.NewReader(test.data)
			var errs bytes.Buffer
			cmd.Stderr = program
			if test.blind {
				cmd.Stderr = &errs
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			if !test.detached {
				cmd.ExtraFiles = []*os.File{program}
				cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 3
			}
			shown := answering(person, test.answer)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			program.Close() // only the process has it now
			_ = cmd.Wait()
			text := errs.String()
			if !test.detached {
				text += <-shown
			}
			if got := cmd.ProcessState.ExitCode(); got != test.want {
				t.Errorf("exit status %d, want %d: %s", got, test.want, text)
			}
			if got := strings.Contains(text, "[y/N]"); got != test.asked {
				t.Errorf("asked: %v, want %v: %s", got, test.asked, text)
			}
			if got := exists(output); got != (test.want == check.ExitOK) {
				t.Errorf("there is a bundle: %v: %s", got, text)
			}
		})
	}
}

// What is typed is read from the terminal, and what is signed from standard input.
func TestTyped_AnswersAreNotTheData(t *testing.T) {
	e := &env{stdin: strings.NewReader("data\n"), answers: strings.NewReader("typed\n")}
	if line, err := e.line(t.Context()); err != nil || line != "typed\n" {
		t.Errorf("got %q, %v", line, err)
	}
	in, done := e.input(t.Context())
	defer done()
	if data, err := io.ReadAll(in); err != nil || string(data) != "data\n" {
		t.Errorf("got %q, %v", data, err)
	}
}
