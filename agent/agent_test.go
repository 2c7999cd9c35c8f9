//go:build linux || darwin

package agent

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is an agent that runs.
type world struct {
	*sigtest.Clock
	dir   string
	done  chan struct{}
	stop  func()
	agent *Client
}

func begin(t *testing.T) *world {
	t.Helper()
	return beginWith(t, Config{})
}

func beginWith(t *testing.T, c Config) *world {
	t.Helper()
	clock := &sigtest.Clock{}
	clock.Set(sigtest.T0)
	w := &world{Clock: clock, dir: folder(t), done: make(chan struct{})}
	l, err := Listen(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(t.Context())
	go func() {
		defer close(w.done)
		c.Now, c.Tick = w.Now, time.Millisecond
		if err := Serve(ctx, l, c); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { w.stop(); <-w.done })
	if w.agent, err = Open(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	return w
}

// folder is one with a short name, for sockets.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run")
}

// ends waits until the agent is gone and its socket with it.
func (w *world) ends(t *testing.T) {
	t.Helper()
	select {
	case <-w.done:
	case <-time.After(5 * time.Second):
		t.Fatal("agent does not end")
	}
	if _, err := os.Lstat(filepath.Join(w.dir, socketName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket stays: %v", err)
	}
	if _, err := Open(t.Context(), w.dir); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want %v", err, ErrNone)
	}
}

// certify makes a certificate for a public key.
func (w *world) certify(t *testing.T, public any, life time.Duration) []byte {
	t.Helper()
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: w.Now().Add(-time.Hour), NotAfter: w.Now().Add(life)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, leaf, public, ca)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (w *world) login(t *testing.T, scope string) (*Key, []byte) {
	t.Helper()
	k, err := w.agent.NewKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leaf := w.certify(t, k.Public(), 10*time.Minute)
	if err := w.agent.Hold(t.Context(), k, leaf, scope); err != nil {
		t.Fatal(err)
	}
	return k, leaf
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

func wantCheck(t *testing.T, err error, want check.Check, text string) {
	t.Helper()
	if got := check.Of(err); err == nil || got != want || !strings.Contains(err.Error(), text) {
		t.Errorf("got check %q (%v), want %q with %q", got, err, want, text)
	}
}

func TestSG5_OneLoginForManyRuns(t *testing.T) {
	w := begin(t)
	_, leaf := w.login(t, "here")
	second, err := Open(t.Context(), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	k, got, err := second.Held(t.Context(), "here", w.Now().Add(30*time.Second))
	if err != nil || k == nil || !slices.Equal(got, leaf) {
		t.Fatalf("got key %v, %v", k, err)
	}
	sig, err := k.Sign(rand.Reader, digest("x"), crypto.SHA256)
	if err != nil || !ecdsa.VerifyASN1(k.Public().(*ecdsa.PublicKey), digest("x"), sig) {
		t.Errorf("signature %x, %v", sig, err)
	}
	for name, c := range map[string]struct {
		scope string
		until time.Duration
	}{"another scope": {"there", 0}, "not enough life": {"here", 10 * time.Minute}} {
		if k, _, err := second.Held(t.Context(), c.scope, w.Now().Add(c.until)); k != nil || err != nil {
			t.Errorf("%s: got %v, %v; want nothing", name, k, err)
		}
	}
}

func TestSG5_LaterLoginTakesThePlaceOfAnEarlierOne(t *testing.T) {
	w := begin(t)
	first, _ := w.login(t, "here")
	w.login(t, "there")
	_, leaf := w.login(t, "here")
	held, err := w.agent.Status(t.Context())
	if err != nil || len(held) != 2 || !slices.Equal(held[0].Leaf, leaf) {
		t.Fatalf("held %v, %v", held, err)
	}
	_, err = first.Sign(nil, digest("x"), crypto.SHA256)
	wantCheck(t, err, check.Server, "is not here")
}

func TestSG5_ExpiryDropsTheKeyAndEndsTheAgent(t *testing.T) {
	w := begin(t)
	k, _ := w.login(t, "here")
	w.Add(10*time.Minute - time.Second)
	if _, err := k.Sign(nil, digest("x"), crypto.SHA256); err != nil {
		t.Errorf("a second before the end: %v", err)
	}
	w.Add(time.Second)
	w.ends(t)
	_, err := k.Sign(nil, digest("x"), crypto.SHA256)
	if !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want %v", err, ErrNone)
	}
}

func TestSG5_LongCertificateIsHeldForAnHour(t *testing.T) {
	w := begin(t)
	k, err := w.agent.NewKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.agent.Hold(t.Context(), k, w.certify(t, k.Public(), 24*time.Hour), ""); err != nil {
		t.Fatal(err)
	}
	w.Add(time.Hour)
	w.ends(t)
}

func TestSG5_KeyWithoutCertificateIsDropped(t *testing.T) {
	w := begin(t)
	k, err := w.agent.NewKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.Add(pendingLife)
	err = w.agent.Hold(t.Context(), k, w.certify(t, k.Public(), time.Minute), "")
	wantCheck(t, err, check.Server, "is not here")
}

func TestSG5_IdleAgentEnds(t *testing.T) {
	w := begin(t)
	w.Add(10*time.Minute - time.Second)
	if _, err := w.agent.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Add(10 * time.Minute)
	w.ends(t)
}

func TestSG5_Stop(t *testing.T) {
	w := begin(t)
	w.login(t, "here")
	if err := w.agent.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.ends(t)
}

func TestSG5_HoldIsRefused(t *testing.T) {
	w := begin(t)
	k, err := w.agent.NewKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key   *Key
		leaf  []byte
		scope string
		says  string
	}{
		"certificate of another key": {k, w.certify(t, &other.PublicKey, time.Minute), "", "another key"},
		"certificate that ran out":   {k, w.certify(t, k.Public(), -time.Second), "", "ran out"},
		"no certificate":             {k, []byte("x"), "", "certificate"},
		"LM-4 large certificate":     {k, make([]byte, maxLeaf+1), "", "want at most"},
		"long scope":                 {k, w.certify(t, k.Public(), time.Minute), strings.Repeat("x", maxScope+1), "want at most"},
		"unknown key":                {&Key{id: "00"}, w.certify(t, k.Public(), time.Minute), "", "is not here"},
	} {
		t.Run(name, func(t *testing.T) {
			wantCheck(t, w.agent.Hold(t.Context(), c.key, c.leaf, c.scope), check.Server, c.says)
		})
	}
	if held, err := w.agent.Status(t.Context()); err != nil || len(held) != 0 {
		t.Errorf("held %v, %v; want nothing", held, err)
	}
}

func TestSG5_SignIsRefused(t *testing.T) {
	w := begin(t)
	k, _ := w.login(t, "")
	_, err := k.Sign(nil, digest("x"), crypto.SHA512)
	wantCheck(t, err, check.Internal, "SHA-256 digests only")
	_, err = k.Sign(nil, []byte("short"), crypto.SHA256)
	wantCheck(t, err, check.Internal, "SHA-256 digests only")
	_, err = k.Sign(nil, digest("x"), nil)
	wantCheck(t, err, check.Internal, "SHA-256 digests only")
	_, err = w.agent.ask(t.Context(), request{Do: "sign", Key: k.id, Digest: []byte("short")})
	wantCheck(t, err, check.Server, "digest has 5 bytes")
}

// TestSG3_AgentThatLies: what an agent says is checked before it is used.
func TestSG3_AgentThatLies(t *testing.T) {
	l, err := Listen(folder(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answer := func(r response) {
		go func() {
			conn, err := l.unix.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			var q request
			if err := receive(conn, &q); err != nil {
				t.Error(err)
			}
			if err := send(conn, r); err != nil {
				t.Error(err)
			}
		}()
	}
	c := &Client{filepath.Dir(l.Path())}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	answer(response{Public: der})
	_, err = c.NewKey(t.Context())
	wantCheck(t, err, check.Server, "want ECDSA")
	answer(response{Public: []byte("x")})
	_, err = c.NewKey(t.Context())
	wantCheck(t, err, check.Server, "key of the agent")

	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.key(own.Public())
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.SignASN1(rand.Reader, own, digest("other"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range [][]byte{nil, []byte("x"), other} {
		answer(response{Signature: sig})
		got, err := k.Sign(nil, digest("x"), crypto.SHA256)
		if wantCheck(t, err, check.Server, "signature does not verify"); got != nil {
			t.Errorf("got a signature with the error")
		}
	}
}

func TestLM1_TooManyKeys(t *testing.T) {
	w := begin(t)
	for range maxKeys {
		if _, err := w.agent.NewKey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.agent.NewKey(t.Context())
	wantCheck(t, err, check.Server, "at most 16 keys")
}

// TestSG5_Nonsense: what is no request is refused, and ends nothing.
func TestSG5_Nonsense(t *testing.T) {
	w := begin(t)
	w.login(t, "")
	for name, c := range map[string]struct{ send, says string }{
		"empty":          {"", "agent: "},
		"text":           {"GET / HTTP/1.1\r\n\r\n", "agent: "},
		"other version":  {`{"version":2,"do":"stop"}`, "want version 1"},
		"other word":     {`{"version":1,"do":"export"}`, "got \\\"export\\\""},
		"unknown member": {`{"version":1,"do":"stop","x":1}`, "agent: "},
		"LM-1 too long":  {`{"version":1,"do":"` + strings.Repeat("x", maxMessage) + `"}`, "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := dial(t.Context(), w.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, _ = conn.Write([]byte(c.send)) // may be refused before it is read
			_ = conn.CloseWrite()
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			if got := string(buf[:n]); !strings.Contains(got, `"refused":`) || !strings.Contains(got, c.says) {
				t.Errorf("answer %q, want one with %q", got, c.says)
			}
		})
	}
	if held, err := w.agent.Status(t.Context()); err != nil || len(held) != 1 {
		t.Errorf("held %v, %v; want one", held, err)
	}
}

// TestSG5_ManyAtOnce: connections that say nothing do not keep others out for
// longer than one may talk.
func TestSG5_ManyAtOnce(t *testing.T) {
	w := begin(t)
	k, _ := w.login(t, "")
	var silent []net.Conn
	for range maxAtOnce - 1 {
		conn, err := dial(t.Context(), w.dir)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := k.Sign(nil, digest("x"), crypto.SHA256); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range silent {
		c.Close()
	}
}

// M10: what keeps a login is a socket for its owner alone, and "agent stop" ends it.
func TestSG5_Modes(t *testing.T) {
	w := begin(t)
	for path, want := range map[string]fs.FileMode{w.dir: fs.ModeDir | 0o700, filepath.Join(w.dir, socketName): fs.ModeSocket | 0o600} {
		if info, err := os.Lstat(path); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("folder has %v, want the socket alone (%v)", entries, err)
	}
	if _, err := Listen(w.dir); !errors.Is(err, ErrRunning) {
		t.Errorf("second agent: got %v, want %v", err, ErrRunning)
	}
}

// TestSG5_SomethingElseInThePlace: nobody can put anything where the socket is
// expected and be taken for the agent, or have an agent listen there.
func TestSG5_SomethingElseInThePlace(t *testing.T) {
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	listen := func(path string) func() {
		l, err := net.Listen("unix", path)
		must(err)
		return func() { l.Close() }
	}
	for name, c := range map[string]struct {
		make func(dir, path string) (undo func())
		says string
	}{
		"file": {func(dir, path string) func() {
			must(os.Mkdir(dir, 0o700))
			must(os.WriteFile(path, nil, 0o600))
			return nil
		}, "want a socket"},
		"link to a socket": {func(dir, path string) func() {
			must(os.Mkdir(dir, 0o700))
			undo := listen(path + "2")
			must(os.Symlink(path+"2", path))
			return undo
		}, "want a socket"},
		"folder": {func(dir, path string) func() { must(os.MkdirAll(path, 0o700)); return nil }, "want a socket"},
		"folder that others enter": {func(dir, path string) func() {
			must(os.Mkdir(dir, 0o700))
			undo := listen(path)
			must(os.Chmod(dir, 0o750))
			return undo
		}, "want a folder"},
		"link to a folder": {func(dir, path string) func() {
			must(os.Mkdir(dir+"2", 0o700))
			must(os.Symlink(dir+"2", dir))
			return listen(path)
		}, "want a folder"},
		"file instead of folder": {func(dir, path string) func() { must(os.WriteFile(dir, nil, 0o600)); return nil }, "want a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			if undo := c.make(dir, filepath.Join(dir, socketName)); undo != nil {
				defer undo()
			}
			_, err := Listen(dir)
			wantCheck(t, err, check.FS, c.says)
			_, err = Open(t.Context(), dir)
			wantCheck(t, err, check.FS, c.says)
		})
	}
}

func TestSG5_SocketOfADeadAgentIsReplaced(t *testing.T) {
	dir := folder(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := Open(t.Context(), dir); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want %v", err, ErrNone)
	}
	again, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestSG5_LongPath(t *testing.T) {
	_, err := Listen(filepath.Join(t.TempDir(), strings.Repeat("x", 120)))
	wantCheck(t, err, check.FS, "a socket's can have")
}

func TestDir(t *testing.T) {
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	for want, e := range map[string]func(string) string{
		"/a":                   env("HALLMARK_RUNTIME_DIR", "/a", "XDG_RUNTIME_DIR", "/run/user/1"),
		"/run/user/1/hallmark": env("XDG_RUNTIME_DIR", "/run/user/1"),
	} {
		if got := Dir(e); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := Dir(env("XDG_RUNTIME_DIR", "relative")); !strings.HasPrefix(got, os.TempDir()) {
		t.Errorf("got %q, want a folder for temporary files", got)
	}
}
