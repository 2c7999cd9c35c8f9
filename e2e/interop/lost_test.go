package interop

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

const (
	entries1 = "/api/v1/log/entries"
	entries2 = "/api/v2/log/entries"
)

// both applies one fault and then another.
func both(outer, inner sandbox.Fault) sandbox.Fault {
	return func(server http.Handler) http.Handler { return outer(inner(server)) }
}

// size returns the number of entries of a log of the sandbox.
func (s *scene) size(t *testing.T, generation int) int {
	t.Helper()
	base := map[int]string{1: s.URL(sandbox.Rekor1) + "/api/v1/log", 2: s.URL(sandbox.Rekor) + "/api/v2/checkpoint"}[generation]
	res, err := http.Get(base)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if generation == 1 {
		var log struct{ TreeSize int }
		if err := json.Unmarshal(data, &log); err != nil {
			t.Fatal(err)
		}
		return log.TreeSize
	}
	lines := strings.Split(string(data), "\n")
	if len(lines) < 3 {
		return 0
	}
	n, err := strconv.Atoi(lines[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The log takes the entry and its answer is lost; the log of the first generation then
// does not show the entry for some time. There is one entry and its bundle.
func TestSign_AnswerOfTheLogIsLost(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	for generation, fault := range map[int]sandbox.Fault{
		1: both(sandbox.Path(entries1+"/", sandbox.First(3, sandbox.Status(404))), sandbox.Path(entries1, sandbox.First(1, sandbox.DropAnswer()))),
		2: sandbox.Path(entries2, sandbox.First(1, sandbox.DropAnswer())),
	} {
		service, args := sandbox.Rekor, []string(nil)
		if generation == 1 {
			service, args = sandbox.Rekor1, s.on1(t)
		}
		before := s.size(t, generation)
		s.Fault(service, fault)
		s.run(t, 0, append(args, "sign", "f", "--force", "--identity-token", s.token(t, sandbox.Alice), "--yes")...)
		s.Fault(service, nil)
		if n := s.size(t, generation) - before; n != 1 {
			t.Errorf("log %d: %d entries were made, want 1", generation, n)
		}
		s.sameVerdicts(t, s.read(t, "f.sigstore.json"))
	}
}

// No answer comes through: the user is told, and the same command takes the entry up.
func TestSign_EveryAnswerOfTheLogIsLost(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	for generation := 1; generation <= 2; generation++ {
		service, args := sandbox.Rekor, []string(nil)
		if generation == 1 {
			service, args = sandbox.Rekor1, s.on1(t)
		}
		bundle := "log" + strconv.Itoa(generation) + ".json"
		before := s.size(t, generation)
		s.Fault(service, sandbox.Path("/api/", sandbox.DropAnswer()))
		command := append(args, "sign", "f", "--bundle", bundle, "--identity-token", s.token(t, sandbox.Alice), "--yes")
		r := s.run(t, 3, command...)
		if !strings.Contains(r.Stderr, "an entry may be public") || !strings.Contains(r.Stderr, "run the same command again") {
			t.Errorf("log %d: %s", generation, r.Stderr)
		}
		s.Fault(service, nil)
		s.run(t, 0, command...)
		if n := s.size(t, generation) - before; n != 1 {
			t.Errorf("log %d: %d entries were made, want 1", generation, n)
		}
		s.sameVerdicts(t, s.read(t, bundle))
	}
}

// A log of the first generation signs checkpoints under its own host name, which need
// not be where the trusted root has it: here it is behind another address.
func TestSign_Rekor1UnderAnotherName(t *testing.T) {
	t.Parallel()
	s := newScene(t, sandbox.Options{})
	s.write(t, "f", "content\n")
	own, err := url.Parse(s.URL(sandbox.Rekor1))
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(httputil.NewSingleHostReverseProxy(own))
	t.Cleanup(front.Close)
	root, err := os.ReadFile(s.TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	config, err := s.SigningConfigOf(sandbox.Logs{Versions: []uint32{1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"root.json": root, "config.json": config} {
		s.write(t, name, strings.ReplaceAll(string(data), own.Host, strings.TrimPrefix(front.URL, "http://")))
	}
	trust := []string{"--trusted-root", "root.json"}
	s.run(t, 0, append(trust, "sign", "f", "--signing-config", "config.json", "--identity-token", s.token(t, sandbox.Alice), "--yes")...)
	r := s.run(t, 0, append(with(s.from(sandbox.Alice), "verify", "f", "--json"), trust...)...)
	if !strings.Contains(r.Stdout, strings.TrimPrefix(front.URL, "http://")+" - ") || strings.Contains(r.Stdout, own.Host) {
		t.Errorf("the log is not named as in the trusted root: %s", r.Stdout)
	}
}
