//go:build linux || darwin

package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxPath is what the shortest of the systems takes as the name of a socket.
const maxPath = 103

// Dir returns the folder of the agent's socket: HALLMARK_RUNTIME_DIR, or one in
// XDG_RUNTIME_DIR, or one in the folder for temporary files with the number of
// the user in its name. The user's own folder for configuration could be on a
// network file system, where sockets do not work.
func Dir(env func(string) string) string {
	if d := env("HALLMARK_RUNTIME_DIR"); d != "" {
		return d
	}
	if d := env("XDG_RUNTIME_DIR"); filepath.IsAbs(d) {
		return filepath.Join(d, "hallmark")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("hallmark-%d", os.Geteuid()))
}

// A Listener is the agent's end of the socket.
type Listener struct {
	unix *net.UnixListener
	path string
	once sync.Once
	err  error
}

// Listen makes the socket in a folder, which it makes too. A socket that an agent
// left behind is replaced; anything else in its place is refused, and so is a
// folder that others own or may enter.
func Listen(dir string) (*Listener, error) {
	path := filepath.Join(dir, socketName)
	if len(path) > maxPath {
		return nil, check.Refuse("SG-5", check.FS, "path has %d bytes, a socket's can have %d", len(path), maxPath).At(path)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fsError(dir, err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	// Two agents that start at once must not remove each other's socket.
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeDead(dir, path); err != nil {
		return nil, err
	}
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fsError(path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		unix.Close()
		return nil, fsError(path, err)
	}
	return &Listener{unix: unix, path: path}, nil
}

// removeDead removes the socket of an agent that is dead.
func removeDead(dir, path string) error {
	conn, err := dial(context.Background(), dir)
	if err == nil {
		conn.Close()
		return &check.Error{Check: check.FS, Rule: "SG-5", Field: path, Err: ErrRunning}
	}
	if !errors.Is(err, ErrNone) {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fsError(path, err)
	}
	return nil
}

// Path returns the name of the socket.
func (l *Listener) Path() string { return l.path }

// Close ends the listening and removes the socket.
func (l *Listener) Close() error {
	l.once.Do(func() { l.err = l.unix.Close() })
	return l.err
}

// accept returns the next connection of this user.
func (l *Listener) accept() (*net.UnixConn, error) {
	conn, err := l.unix.AcceptUnix()
	if err != nil {
		return nil, err
	}
	if err := checkPeer(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// dial connects to the agent of this user and to nobody else's.
func dial(ctx context.Context, dir string) (*net.UnixConn, error) {
	path := filepath.Join(dir, socketName)
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &check.Error{Check: check.FS, Rule: "SG-5", Field: path, Err: ErrNone}
	}
	if err != nil {
		return nil, fsError(path, err)
	}
	if info.Mode().Type() != fs.ModeSocket || owner(info) != os.Geteuid() {
		return nil, check.Refuse("SG-5", check.FS, "want a socket of user %d, got %v of user %d", os.Geteuid(), info.Mode(), owner(info)).At(path).
			WithNext("find out who put it there")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, &check.Error{Check: check.FS, Rule: "SG-5", Field: path, Err: ErrNone}
	}
	if err != nil {
		return nil, fsError(path, err)
	}
	u := conn.(*net.UnixConn)
	if err := checkPeer(u); err != nil {
		conn.Close()
		return nil, err
	}
	return u, nil
}

// checkDir wants a folder, no link to one, of this user alone.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &check.Error{Check: check.FS, Rule: "SG-5", Field: dir, Err: ErrNone}
	}
	if err != nil {
		return fsError(dir, err)
	}
	if !info.IsDir() || owner(info) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return check.Refuse("SG-5", check.FS, "want a folder of user %d alone (mode 0700), got %v of user %d", os.Geteuid(), info.Mode(), owner(info)).At(dir).
			WithNext("set HALLMARK_RUNTIME_DIR to a folder of your own")
	}
	return nil
}

// checkPeer wants the other side to be this user, whatever the files say.
func checkPeer(conn *net.UnixConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return check.Refuse("SG-5", check.FS, "agent: %v", err)
	}
	uid, asked := -1, error(nil)
	if err := raw.Control(func(fd uintptr) { uid, asked = peer(int(fd)) }); err != nil || asked != nil {
		return check.Refuse("SG-5", check.FS, "agent: the system does not say who is there: %v", errors.Join(err, asked))
	}
	if uid != os.Geteuid() {
		return check.Refuse("SG-5", check.FS, "agent: want user %d on the other side, got %d", os.Geteuid(), uid)
	}
	return nil
}

func owner(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// lock keeps other agents from starting in the same folder meanwhile.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fsError(dir, err)
	}
	if err := syscall.Flock(int(d.Fd()), syscall.LOCK_EX); err != nil {
		d.Close()
		return nil, fsError(dir, err)
	}
	return func() { d.Close() }, nil
}

// fsError is err without the path, which the field has.
func fsError(path string, err error) *check.Error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return &check.Error{Check: check.FS, Rule: "SG-5", Field: path, Err: err}
}

// Harden keeps other programs of the same user from reading the memory of this
// process, and its memory out of crash dumps (SG-5, OI-9).
func Harden() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return check.Refuse("SG-5", check.Internal, "crash dumps: %v", err)
	}
	return notDumpable()
}
