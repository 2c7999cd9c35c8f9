package logs

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A lie is what a log does instead of answering, and how commands must end.
type lie struct {
	name  string // with the rows of the catalogue
	fault sandbox.Fault
	want  refusal
	but   map[string]refusal // of commands that end in another way
	skip  string             // commands that do not ask for what is changed
}

// A question is a command by its short name.
type question struct {
	name string
	args []string
}

// asked has commands ask while the log lies: two of them about each lie, in turn, or
// all if HALLMARK_ALL is set. Each has no memory of the log.
func (s *scene) asked(t *testing.T, g generation, questions []question, lies []lie) {
	t.Helper()
	for _, q := range questions { // before anything lies, all is well
		if q.name != "watch" { // news have a status of their own
			s.ask(t, q, refusal{})
		}
	}
	n := 0
	for i, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			s.Fault(g.service, l.fault)
			defer s.Fault(g.service, nil)
			var wg sync.WaitGroup
			for _, q := range turn(questions, i, l.skip) {
				want, ok := l.but[q.name]
				if !ok {
					want = l.want
				}
				n++
				wg.Go(func() { s.ask(t, q, want) })
			}
			wg.Wait()
		})
	}
	t.Logf("%d lies, %d commands", len(lies), n)
	if n < len(lies) {
		t.Errorf("%d commands are not enough for %d lies", n, len(lies))
	}
}

// turn chooses two of the questions that are not skipped.
func turn(questions []question, i int, skip string) (out []question) {
	for _, q := range questions {
		if !strings.Contains(" "+skip+" ", " "+q.name+" ") {
			out = append(out, q)
		}
	}
	if os.Getenv("HALLMARK_ALL") != "" || len(out) < 3 {
		return out
	}
	return []question{out[i%len(out)], out[(i+1)%len(out)]}
}

// ask runs a command as a user who never saw the log, and wants it to be refused,
// or to succeed if want is zero.
func (s *scene) ask(t *testing.T, q question, want refusal) {
	home := t.TempDir()
	r, err := s.hallmark.With("HALLMARK_CONFIG_DIR="+home).Run(t.Context(),
		append(q.args, "--trusted-root", s.TrustedRoot(), "--signing-config", s.SigningConfig())...)
	if err == nil && want == (refusal{}) {
		err = r.Want(0)
	}
	if err != nil {
		t.Error(err)
	}
	if err != nil || want == (refusal{}) {
		return
	}
	s.refusal(t, r, want)
	if r.Stdout != "" {
		t.Errorf("%s\nprints %s", r.Line, r.Stdout)
	}
	// A watch that was refused begins anew the next time.
	if left, _ := filepath.Glob(filepath.Join(home, "logs", "*", "watch*.json")); len(left) > 0 {
		t.Errorf("%s\nleaves %v", r.Line, left)
	}
}

// signed has one command sign a file for each lie, which the log tells about the
// entry with the digest of that file.
func (s *scene) signed(t *testing.T, g generation, lies []lie) {
	t.Helper()
	byDigest := map[string]http.Handler{}
	args := []string{"sign", "--identity-token", s.token(t), "--yes"}
	if g.number == 1 {
		args = append(args, s.own(t)...)
	}
	file := func(i int) string { return fmt.Sprintf("lie-%03d", i) }
	s.Fault(g.service, func(server http.Handler) http.Handler {
		for i, l := range lies {
			s.write(t, file(i), []byte(g.name+" "+l.name+s.email))
			sum := sha256.Sum256([]byte(g.name + " " + l.name + s.email))
			byDigest[hex.EncodeToString(sum[:])] = l.fault(server)
			byDigest[base64.StdEncoding.EncodeToString(sum[:])] = l.fault(server)
			args = append(args, file(i))
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			for digest, handler := range byDigest {
				if bytes.Contains(body, []byte(digest)) {
					handler.ServeHTTP(w, r)
					return
				}
			}
			server.ServeHTTP(w, r)
		})
	})
	defer s.Fault(g.service, nil)
	r := s.run(t, 1, args...)
	for i, l := range lies {
		t.Run(l.name, func(t *testing.T) {
			var said string
			for line := range strings.Lines(r.Stderr) {
				if strings.Contains(line, file(i)) {
					said += line
				}
			}
			if strings.Contains(" "+l.skip+" ", " sign ") {
				if said != "" {
					t.Errorf("does not matter here, but is refused: %s", said)
				}
				return
			}
			if !strings.Contains(said, "hallmark: "+l.want.check+": ") || !strings.Contains(said, l.want.text) {
				t.Errorf("got %q, want check %q and %q", said, l.want.check, l.want.text)
			}
			if _, err := os.Stat(s.path(file(i) + ".sigstore.json")); err == nil || strings.Contains(r.Stdout, file(i)) {
				t.Errorf("was written or printed: %v, %s", err, r.Stdout)
			}
		})
	}
	t.Logf("%d lies", len(lies))
}

// endless never ends its answer.
func endless(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		for block := []byte(strings.Repeat("0", 1<<20)); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
}

// troubles are what any server can do to any client.
func troubles() []lie {
	elsewhere := func(http.Handler) http.Handler {
		return http.RedirectHandler("http://127.0.0.2:9/elsewhere", http.StatusFound)
	}
	return []lie{
		{name: "K35 Q17 500 for ever", fault: sandbox.Status(500), want: refusal{check: "net"}},
		{name: "Q17 dropped", fault: sandbox.Drop(), want: refusal{check: "net"}},
		{name: "Q18 Q19 redirect to another host", fault: elsewhere, want: refusal{check: "net"}},
		{name: "Q14 endless body", fault: endless, want: refusal{check: "limit"}},
		{name: "Q17 cut short", fault: sandbox.Truncate(40), want: refusal{check: "net"}},
		{name: "K27 Q27 page instead of an answer", fault: sandbox.Answer(200, "text/html", []byte("<html><body>log in</body></html>")), want: refusal{check: "server"}},
		{name: "K27 206", fault: sandbox.Answer(206, "application/json", []byte("{}")), want: refusal{check: "server"}},
		{name: "K27 304", fault: sandbox.Answer(304, "application/json", nil), want: refusal{check: "server"}},
		{name: "K27 error in JSON", fault: sandbox.Answer(200, "application/json", []byte(`{"code":500,"message":"error"}`)), want: refusal{check: "server"}},
		{name: "K27 nothing", fault: sandbox.Answer(200, "application/json", nil), want: refusal{check: "server"}},
	}
}
