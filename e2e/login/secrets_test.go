package login

import (
	"bufio"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
	strace, err := exec.LookPath("strace")
	if err != nil {
		skip(t, "there is no strace; apt-get install strace")
	}
	if out, err := exec.Command(strace, "-f", "/bin/true").CombinedOutput(); err != nil {
		skip(t, "strace can't trace here: %v %s", err, out)
	}
	for _, c := range []struct {
		name string
		args []string
	}{{"browser", nil}, {"browser and agent", []string{"--agent"}}} {
		t.Run(c.name, func(t *testing.T) {
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
