package verify

import "sync"

// cacheSize bounds each cache. An entry holds a few kilobytes.
const cacheSize = 1024

// A cache remembers what was proved about some bytes, by their SHA-256. Only
// proofs that do not depend on the moment of verification or on a policy are
// kept, and refusals never are.
type cache[V any] struct {
	mu sync.Mutex
	m  map[[32]byte]V
}

func (c *cache[V]) get(key [32]byte) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.m[key]
	return v, ok
}

// put remembers v. When the cache is full, something else is forgotten: which
// one does not matter for anything but speed.
func (c *cache[V]) put(key [32]byte, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil {
		c.m = make(map[[32]byte]V)
	}
	if len(c.m) >= cacheSize {
		for old := range c.m {
			delete(c.m, old)
			break
		}
	}
	c.m[key] = v
}
