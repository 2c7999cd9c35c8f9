package vectors

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

// An Expectation is what expect.json holds.
type Expectation struct {
	Row      string          `json:"row"`
	Name     string          `json:"name"`
	Checks   []check.Check   `json:"checks,omitempty"` // any of these must refuse; none: must verify
	Digest   string          `json:"digest,omitempty"` // asked for instead of the artifact
	Policy   Policy          `json:"policy"`
	Evidence verify.Evidence `json:"evidence"`
	Now      time.Time       `json:"now"`
}

// Write writes the fixtures below a directory in the layout of
// sigstore-conformance: one directory each, whose name ends in _fail if the
// bundle must be refused, and a directory for each twin. It returns how many it
// wrote, and how many no file can hold.
func Write(dir string, o Options) (written, left int, err error) {
	w := &writer{dir: dir, twins: map[*Case]bool{}, perRow: map[string]int{}}
	Each(o, w.use)
	return w.written, w.left, w.fault
}

type writer struct {
	dir           string
	mu            sync.Mutex
	twins         map[*Case]bool
	perRow        map[string]int
	written, left int
	fault         error
}

func (w *writer) use(f *Fixture) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !f.Bad.Portable() {
		w.left++
		return
	}
	w.perRow[f.Row]++
	name := fmt.Sprintf("%s-%04d", strings.ToLower(f.Row), w.perRow[f.Row])
	if f.Good != nil && !w.twins[f.Good] {
		w.twins[f.Good] = true
		w.keep(w.write(name+"-twin", f.Good, Expectation{Row: f.Row, Name: "good twin of: " + f.Name}))
	}
	if len(f.Want) > 0 {
		name += "_fail"
	}
	w.keep(w.write(name, f.Bad, Expectation{Row: f.Row, Name: f.Name, Checks: f.Want}))
}

func (w *writer) keep(err error) {
	if w.written++; w.fault == nil {
		w.fault = err
	}
}

func (w *writer) write(name string, c *Case, e Expectation) error {
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	e.Digest, e.Policy, e.Evidence, e.Now = c.Digest, c.Policy, c.Evidence, c.Now
	expect, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"bundle.sigstore.json": c.Bundle,
		"trusted_root.json":    c.Root,
		"artifact":             c.Artifact,
		"expect.json":          append(expect, '\n'),
		"README":               []byte(e.Row + ": " + e.Name + "\n"),
	}
	if len(c.Policy.Keys) > 0 {
		files["key.pub"] = []byte(c.Policy.Keys[0].PEM)
	} else if len(c.Policy.Identities) > 0 {
		files["identity"], files["issuer"] = []byte(c.Policy.Identities[0].Subject), []byte(c.Policy.Identities[0].Issuer)
	}
	for file, data := range files {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
