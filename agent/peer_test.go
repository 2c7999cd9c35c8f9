//go:build linux

package agent

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

const stranger = 65534 // nobody

// TestStranger is not a test: it is the other user of those below.
func TestStranger(t *testing.T) {
	path := os.Getenv("HALLMARK_TEST_STRANGER")
	if path == "" {
		return
	}
	switch os.Getenv("HALLMARK_TEST_DO") {
	case "connect":
		conn, err := net.Dial("unix", path)
		if err != nil {
			os.Stdout.WriteString("no connection\n")
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		conn.Write([]byte(`{"version":1,"do":"status"}`))
		conn.(*net.UnixConn).CloseWrite()
		buf := make([]byte, 100)
		n, _ := conn.Read(buf)
		os.Stdout.WriteString("answer: [" + string(buf[:n]) + "]\n")
	case "squat":
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, 0o777)
		os.Stdout.WriteString("listens\n")
		os.Stdin.Read(make([]byte, 1))
		l.Close()
	}
}

// asStranger runs this program as another user, from a folder that they may enter.
func asStranger(t *testing.T, do, path string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can become another user")
	}
	dir, err := os.MkdirTemp("", "stranger")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "stranger")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(binary, self, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestStranger$")
	cmd.Dir = dir
	cmd.Env = []string{"HALLMARK_TEST_STRANGER=" + path, "HALLMARK_TEST_DO=" + do}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	return cmd
}

// TestSG5_OtherUserIsRefused: neither the modes nor, when somebody widened those,
// the system lets another user have an answer.
func TestSG5_OtherUserIsRefused(t *testing.T) {
	w := begin(t)
	w.login(t, "")
	path := filepath.Join(w.dir, socketName)
	for _, c := range []struct {
		name string
		open bool
		want string
	}{{"modes", false, "no connection"}, {"peer credentials", true, "answer: []"}} {
		t.Run(c.name, func(t *testing.T) {
			if c.open {
				for _, p := range []string{path, w.dir, filepath.Dir(w.dir)} {
					if err := os.Chmod(p, 0o777); err != nil {
						t.Fatal(err)
					}
				}
			}
			out, err := asStranger(t, "connect", path).CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("stranger: %v %s, want %q", err, out, c.want)
			}
		})
	}
}

// TestSG5_SocketOfOtherUserIsRefused: somebody else listens where the agent is
// expected, even if the folder looks right again.
func TestSG5_SocketOfOtherUserIsRefused(t *testing.T) {
	dir := folder(t)
	path := filepath.Join(dir, socketName)
	if err := errors.Join(os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o777)); err != nil {
		t.Fatal(err)
	}
	cmd := asStranger(t, "squat", path)
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
	defer cmd.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir)
	wantCheck(t, err, check.FS, "want a socket of user 0")
	_, err = Listen(dir)
	wantCheck(t, err, check.FS, "want a socket of user 0")
	// And if even its owner were right, the process would be the wrong one.
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir)
	wantCheck(t, err, check.FS, "want user 0 on the other side, got 65534")
}

// TestSG5_FolderOfOtherUserIsRefused: they could exchange what is in it.
func TestSG5_FolderOfOtherUserIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give a folder to another user")
	}
	dir := folder(t)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, stranger, stranger)); err != nil {
		t.Fatal(err)
	}
	_, err := Listen(dir)
	wantCheck(t, err, check.FS, "of user 65534")
	_, err = Open(t.Context(), dir)
	wantCheck(t, err, check.FS, "of user 65534")
}
