package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix/app"
)

// rekorOrigin names the log in checkpoints and, as its base URL, in the
// trusted root. Verifiers disagree about a port in the name (some compare with
// the whole scheme-less base URL, some with its host only), so the name has
// none; it also stays the same when ports change. Signers find the log in the
// trusted root by this host, and its address in the signing configuration.
const rekorOrigin = "127.0.0.1"

// rekorStarted guards the server's command, which lives on global state:
// command line, flags, metrics and signal handlers.
var rekorStarted atomic.Bool

// A rekorServer is the real Rekor v2 POSIX server with its read path in front.
type rekorServer struct {
	http.Handler
	base string
	done chan struct{}
}

// rekor starts the server; it ends on SIGINT or SIGTERM to this process.
func rekor(dir, keyFile string, interval time.Duration) (*rekorServer, error) {
	if !rekorStarted.CompareAndSwap(false, true) {
		return nil, errors.New("rekor: one server for each process")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ports, err := freePorts(3) // the server refuses port 0
	if err != nil {
		return nil, err
	}
	os.Args = []string{"rekor-server", "serve",
		"--http-address=127.0.0.1", "--http-port=" + strconv.Itoa(ports[0]),
		"--grpc-address=127.0.0.1", "--grpc-port=" + strconv.Itoa(ports[1]),
		"--http-metrics-port=" + strconv.Itoa(ports[2]),
		"--hostname=" + rekorOrigin, "--storage-dir=" + dir, "--signer-filepath=" + keyFile,
		"--checkpoint-interval=" + interval.String(), "--batch-max-age=50ms", "--log-level=warn",
	}
	s := &rekorServer{base: fmt.Sprintf("http://127.0.0.1:%d", ports[0]), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		app.Execute()
	}()
	target, err := url.Parse(s.base)
	if err != nil {
		return nil, err
	}
	// The server writes only: checkpoint and tiles are files beside it.
	files := http.StripPrefix("/api/v2", http.FileServerFS(os.DirFS(dir)))
	mux := http.NewServeMux()
	mux.Handle("GET /api/v2/checkpoint", files)
	mux.Handle("GET /api/v2/tile/", files)
	mux.Handle("/", httputil.NewSingleHostReverseProxy(target))
	s.Handler = mux
	return s, nil
}

// ready waits until the server answers and has signed its first checkpoint.
func (s *rekorServer) ready(ctx context.Context, checkpoint string) error {
	for {
		resp, err := http.Get(s.base + "/healthz")
		if err == nil {
			resp.Body.Close()
			if _, err := os.Stat(checkpoint); err == nil && resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("rekor: not ready: %w", ctx.Err())
		case <-s.done:
			return errors.New("rekor: ended at start")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// freePorts asks the system for ports that are free at this moment.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
