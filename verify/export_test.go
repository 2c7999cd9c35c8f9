package verify

// Forget makes a verifier forget all bundles it has seen. What it proved about
// the authorities of the trusted root stays.
func (v *Verifier) Forget() {
	v.leaves.forget()
	v.ForgetEvidence()
}

// ForgetEvidence makes a verifier forget log entries and timestamps, as if the
// next bundle were another one with the same certificate.
func (v *Verifier) ForgetEvidence() {
	v.entries.forget()
	v.tokens.forget()
}

func (c *cache[V]) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
}
