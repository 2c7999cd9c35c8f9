package vectors

import (
	"crypto/sha256"
	"sync"

	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// A Runner verifies cases and keeps what many of them share. It is safe for
// concurrent use.
type Runner struct {
	mu        sync.Mutex
	roots     map[[sha256.Size]byte]*trustroot.Root
	verifiers map[question]*verify.Verifier
}

// A question is what a verifier is made for.
type question struct {
	root     [sha256.Size]byte
	evidence verify.Evidence
}

// kept bounds what a Runner remembers.
const kept = 64

// NewRunner returns a Runner that has seen nothing.
func NewRunner() *Runner {
	return &Runner{roots: map[[sha256.Size]byte]*trustroot.Root{}, verifiers: map[question]*verify.Verifier{}}
}

// Cold does all that lies between the bytes and the verdict, with a verifier that
// knows nothing yet.
func (r *Runner) Cold(c *Case) (*verify.Result, error) { return r.verify(c, false) }

// Warm is Cold with a verifier that has seen other cases under the same root.
// What a verifier remembers must not change a verdict.
func (r *Runner) Warm(c *Case) (*verify.Result, error) { return r.verify(c, true) }

func (r *Runner) verify(c *Case, warm bool) (*verify.Result, error) {
	if c.Call != nil {
		return nil, c.Call()
	}
	b, err := c.parse()
	if err != nil {
		return nil, err
	}
	v, err := r.verifier(c, warm && c.ByRoot == nil)
	if err != nil {
		return nil, err
	}
	return c.ask(v, b)
}

func (r *Runner) verifier(c *Case, warm bool) (*verify.Verifier, error) {
	q := question{sha256.Sum256(c.Root), c.Evidence}
	if warm {
		if v, ok := get(r, r.verifiers, q); ok {
			return v, nil
		}
	}
	root, err := r.root(c, q.root)
	if err != nil {
		return nil, err
	}
	v, err := verify.New(root, c.Evidence)
	if err == nil && warm {
		remember(r, r.verifiers, q, v)
	}
	return v, err
}

func (r *Runner) root(c *Case, key [sha256.Size]byte) (*trustroot.Root, error) {
	if root, ok := get(r, r.roots, key); ok && c.ByRoot == nil {
		return root, nil
	}
	root, err := trustroot.Parse(c.Root)
	if err != nil {
		return nil, err
	}
	if c.ByRoot != nil {
		c.ByRoot(root)
		return root, nil
	}
	remember(r, r.roots, key, root)
	return root, nil
}

func get[K comparable, V any](r *Runner, m map[K]V, key K) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := m[key]
	return v, ok
}

// remember remembers v, and forgets everything else when there is too much of it.
func remember[K comparable, V any](r *Runner, m map[K]V, key K, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(m) >= kept {
		clear(m)
	}
	m[key] = v
}
