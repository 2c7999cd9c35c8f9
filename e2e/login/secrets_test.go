package login

import (
	"bufio"
	"cmp"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// calls are those by which bytes leave a process for a file, another program or
// a new name.
const calls = "trace=execve,execveat,open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mkdir,mkdirat"

// TestSecretsStayInMemory is a whole browser login and signature under strace:
// no token, code or verifier is in an argument, in an environment, in a file or in
// the name of one, in what is printed, or in what the servers get that have
// nothing to do with the login (OI-9, M5, M8, M11, M15, M17; acceptance).
func TestSecretsStayInMemory(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{{"browser", nil}, {"browser and agent", []string{"--agent"}}} {
		t.Run(c.name, func(t *testing.T) {
			strace := findStrace(t)
			s := newScene(t)
			w := tap(s.Sandbox)
			trace := filepath.Join(t.TempDir(), "trace")
			temp := t.TempDir()
			run := s.hallmark.With("BROWSER=/bin/true", "TMPDIR="+temp, "HALLMARK_RUNTIME_DIR="+filepath.Join(temp, "run"), "SIGSTORE_ID_TOKEN_FILE=")
			cmd := run.Command(t.Context(), append([]string{"sign", "--yes", "app.txt"}, c.args...)...)
			cmd.Args = append([]string{strace, "-f", "-v", "-y", "-s", "1000000", "-e", calls, "-o", trace}, cmd.Args...)
			cmd.Path = strace
			p := begin(t, nil, cmd)
			if err := s.Login(t.Context(), p.address(t), sandbox.Bob); err != nil {
				t.Fatal(err)
			}
			p.sees(t, `(?m)^signed `)
			if c.args != nil {
				if r, err := run.Run(t.Context(), "agent", "stop"); err != nil || r.Status != 0 {
					t.Fatalf("agent stop: %v %v", err, r)
				}
			}
			p.ends(t, 0)
			w.complete(t)
			if n := w.leaks(p.said.String()); n != nil {
				t.Errorf("%v printed:\n%s", n, p.said)
			}
			w.checkTrace(t, trace)
			w.checkFiles(t, s.hallmark.Dir, temp)
			w.checkServers(t)
		})
	}
}

// findStrace returns the program, or skips the test.
func findStrace(t *testing.T) string {
	t.Helper()
	named := os.Getenv("HALLMARK_STRACE")
	give := skip
	if named != "" {
		give = (*testing.T).Fatalf
	}
	path, err := exec.LookPath(cmp.Or(named, "strace"))
	if err != nil {
		give(t, "there is no strace; apt-get install strace: %v", err)
	}
	if out, err := exec.Command(path, "-f", "/bin/true").CombinedOutput(); err != nil {
		give(t, "strace can't trace here: %v %s", err, out)
	}
	return path
}

// TestSecretsStayInMemory_WithoutStrace is the same where nothing can be traced:
// the browser keeps what it was started with, and the system says what the
// process was and which files it has open while it waits (OI-9, M8, M11, M15).
func TestSecretsStayInMemory_WithoutStrace(t *testing.T) {
	s := newScene(t)
	w := tap(s.Sandbox)
	temp, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	browser := filepath.Join(t.TempDir(), "browser")
	script := "#!/bin/sh\n{ echo \"$0 $*\"; env; } > " + kept + ".new && mv " + kept + ".new " + kept + "\n"
	if err := os.WriteFile(browser, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	given := "canary-" + strings.Repeat("c4n4ry", 8)
	w.keep("token of the environment", given)
	p := s.start(t, nil, []string{"BROWSER=" + browser, "TMPDIR=" + temp, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + given}, "sign", "--yes", "app.txt")
	address := p.address(t)
	seen := whatIsOpen(t, p.cmd.Process.Pid)
	started := await(t, kept)
	if err := s.Login(t.Context(), address, sandbox.Bob); err != nil {
		t.Fatal(err)
	}
	p.ends(t, 0)
	w.complete(t)
	if !strings.Contains(string(started), browser+" http://") || !strings.Contains(string(started), "\nPATH=") {
		t.Errorf("the browser kept %q, want its arguments and its environment", started)
	}
	for place, text := range map[string]string{"what is printed": p.said.String(), "the browser": string(started), "the process": seen} {
		if n := w.leaks(text); n != nil {
			t.Errorf("%v in %s:\n%s", n, place, text)
		}
	}
	w.checkFiles(t, s.hallmark.Dir, temp)
	w.checkServers(t)
}

// await reads a file that another program writes.
func await(t *testing.T, path string) []byte {
	t.Helper()
	for range 200 {
		if data, err := os.ReadFile(path); err == nil {
			return data
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s was not written", path)
	return nil
}

// whatIsOpen is the command line of a process and the content of each file that it
// has open, where the system shows them.
func whatIsOpen(t *testing.T, pid int) string {
	t.Helper()
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		t.Logf("nothing is known of the process: %v", err)
		return ""
	}
	text := string(line)
	links, err := filepath.Glob(filepath.Join(proc, "fd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if info, err := os.Stat(link); err == nil && info.Mode().IsRegular() {
			data, _ := os.ReadFile(link) // may be closed by now
			text += "\n" + string(data)
		}
	}
	return text
}

// toSocket matches a write to a socket: what strace prints for the descriptor.
var toSocket = regexp.MustCompile(`^\d+ +\w+\(\d+<(socket|TCP|UNIX)[^>]*>`)

// checkTrace reads what the system was asked for. Secrets go to sockets, which
// shows that the search finds them, and nowhere else.
func (w *wiretap) checkTrace(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	var programs, writes, found int
	for lines.Scan() {
		line := lines.Text()
		if strings.Contains(line, "execve(") {
			programs++
		}
		names := w.leaks(line)
		if toSocket.MatchString(line) {
			found += len(names)
			continue
		}
		writes++
		if names != nil {
			t.Errorf("%v in %.200s", names, line)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d programs started, %d other calls, %d secrets sent to servers", programs, writes-programs, found)
	// strace's own program is one, the browser the other.
	if programs < 2 || writes < 20 || found < 3 {
		t.Errorf("got %d programs, %d calls and %d secrets on their way to servers; the trace is not complete", programs, writes, found)
	}
}

// checkFiles reads everything that is left.
func (w *wiretap) checkFiles(t *testing.T, dirs ...string) {
	t.Helper()
	files := 0
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			if n := w.leaks(string(data)); n != nil {
				t.Errorf("%v in %s", n, path)
			}
			if strings.Contains(string(data), "PRIVATE KEY") {
				t.Errorf("M11: a private key in %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 3 {
		t.Errorf("%d files were read, want the artifact, its bundle and the cache", files)
	}
}

// checkServers wants each secret at the server it is for only (M7, M17).
func (w *wiretap) checkServers(t *testing.T) {
	t.Helper()
	host, _ := os.Hostname()
	for service, sent := range w.sent {
		text := sent.String()
		if text == "" {
			t.Errorf("%s was not asked", service)
		}
		for _, name := range w.leaks(text) {
			if service != sandbox.OIDC && (service != sandbox.Fulcio || name != "id_token") {
				t.Errorf("%s was sent to %s", name, service)
			}
		}
		for line := range strings.Lines(text) {
			if agent, ok := strings.CutPrefix(line, "User-Agent: hallmark"); ok && len(host) > 3 && strings.Contains(agent, host) {
				t.Errorf("M17: user agent %q names the machine", line)
			}
		}
	}
}
