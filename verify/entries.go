package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/logproof"
)

// A logged entry is one of a bundle together with what was proved about it. What
// is in facts does not depend on the rest of the bundle and is shared.
type logged struct {
	body     *entry.Body
	origin   string // of the log by the trusted root, with the tree id of the checkpoint
	size     int64  // of the checkpoint; 0 without inclusion proof
	promised bool   // the log signed entry and integrated time
	included bool   // the log's tree has the entry
}

// A candidate is an entry on its way through the checks.
type candidate struct {
	entry *bundle.Entry
	log   *logKey // nil if the trusted root does not have it
	facts *logged
	key   [32]byte // of the cache
	kept  bool     // facts came from the cache, all proved
}

// firstEntries are the entries of a bundle, with those of the first generation
// proved to be in their logs. Those of the second are proved after they were
// found to be what the bundle signs, because their leaf is made of that.
type firstEntries struct{ list []candidate }

// checkFirstGeneration looks up the logs of all entries and proves those of the
// first generation (Rekor v1). That comes before their bodies are read: what no
// log vouches for is not worth an explanation.
func (v *Verifier) checkFirstGeneration(q *question) (firstEntries, error) {
	if err := v.checkLogs(q.bundle); err != nil {
		return firstEntries{}, err
	}
	list := make([]candidate, len(q.bundle.Entries))
	for i := range list {
		e := &q.bundle.Entries[i]
		c := candidate{entry: e, log: v.logs[string(e.LogID)]}
		if err := v.readFirst(q, &c); err != nil {
			return firstEntries{}, err
		}
		if c.log != nil && !c.facts.included && !logproof.Second(e) && q.bundle.Version != bundle.V01 {
			return firstEntries{}, check.Refuse("R1-6", check.Content, "proof with checkpoint is missing, versions 0.2 and 0.3 want it").
				At("verificationMaterial.tlogEntries.inclusionProof")
		}
		list[i] = c
	}
	return firstEntries{list}, nil
}

// checkLogs counts the distinct logs that the entries are said to be in (TT-1,
// TT-2). As every entry of a known log has to pass, they are the logs that will
// have been proved.
func (v *Verifier) checkLogs(b *bundle.Bundle) error {
	if len(b.Entries) > bundle.MaxEntries {
		return check.Refuse("LM-3", check.Limit, "bundle has %d log entries, want at most %d", len(b.Entries), bundle.MaxEntries)
	}
	distinct := units{}
	var unknown []byte
	for i := range b.Entries {
		if log := v.logs[string(b.Entries[i].LogID)]; log != nil {
			distinct.add(log.unit)
		} else {
			unknown = b.Entries[i].LogID
		}
	}
	if len(distinct) >= v.evidence.Logs {
		return nil
	}
	if unknown != nil {
		return check.Refuse("R1-1", check.TlogUnknown, "log %x is not in the trusted root", unknown).
			At("verificationMaterial.tlogEntries.logId")
	}
	return check.Refuse("TT-1", check.Threshold, "entries of %d distinct logs, want %d", len(distinct), v.evidence.Logs).
		At("verificationMaterial.tlogEntries")
}

// readFirst proves an entry of the first generation and reads its body; of
// another entry it reads the body only.
func (v *Verifier) readFirst(q *question, c *candidate) error {
	e := c.entry
	if err := entry.Known(e.Kind, e.Version); err != nil {
		return err
	}
	if c.log == nil {
		q.warn("entry of a log that is not in the trusted root was not examined")
	} else {
		c.key = fingerprint(e)
		if c.facts, c.kept = v.entries.get(c.key); c.kept {
			q.noteUnused(e, c.facts)
			return nil
		}
	}
	c.facts = new(logged)
	if c.log != nil && !logproof.Second(e) {
		if err := proveFirst(c.facts, e, c.log); err != nil {
			return declaredOtherwise(e, err)
		}
		q.noteUnused(e, c.facts)
	}
	body, err := entry.Parse(e.Kind, e.Version, e.Body)
	if err != nil {
		return err
	}
	c.facts.body = body
	if c.log != nil && !logproof.Second(e) {
		v.entries.put(c.key, c.facts)
	}
	return nil
}

// proveFirst checks promise and proof of an entry in a Rekor v1 log (R1-2..R1-7).
func proveFirst(f *logged, e *bundle.Entry, log *logKey) error {
	if len(e.Body) == 0 {
		return check.Refuse("R1-2", check.Content, "is missing").At("verificationMaterial.tlogEntries.canonicalizedBody")
	}
	if log.fault != nil {
		return log.fault
	}
	if e.Promise != nil {
		if err := logproof.Promised(e, log.Log); err != nil {
			return err
		}
		f.promised = true
	}
	if e.Proof == nil || e.Proof.Checkpoint == "" {
		if !f.promised {
			return check.Refuse("R1-6", check.Content, "entry has neither a promise nor a proof with checkpoint").
				At("verificationMaterial.tlogEntries")
		}
		return nil
	}
	return proveIncluded(f, e, log)
}

// proveIncluded checks an inclusion proof and its checkpoint (R1-4, R1-5, R2-6,
// R2-7).
func proveIncluded(f *logged, e *bundle.Entry, log *logKey) error {
	c, err := logproof.Included(e, log.Log)
	if err != nil {
		return err
	}
	f.included, f.origin, f.size = true, c.Origin, e.Proof.TreeSize
	if name, tree, ok := strings.Cut(c.Origin, " - "); ok && name != log.Origin {
		f.origin = log.Origin + " - " + tree // a log of the first generation names itself as it likes (R1-5)
	}
	return nil
}

// declaredOtherwise prefers to say that an entry is of another kind than claimed
// when its body says so (EB-1): evidence of one kind never fits the other.
func declaredOtherwise(e *bundle.Entry, err error) error {
	for _, k := range []struct{ kind, version string }{
		{"hashedrekord", "0.0.1"}, {"hashedrekord", "0.0.2"}, {"dsse", "0.0.1"}, {"intoto", "0.0.2"},
	} {
		if k.kind == e.Kind && k.version == e.Version {
			continue
		}
		if _, other := entry.Parse(k.kind, k.version, e.Body); other == nil {
			return check.Refuse("EB-1", check.Entry, "body is %q %q, want %q %q", k.kind, k.version, e.Kind, e.Version)
		}
	}
	return err
}

// noteUnused reports a proof that proves nothing (decision 19).
func (q *question) noteUnused(e *bundle.Entry, f *logged) {
	if e.Proof != nil && !f.included && !logproof.Second(e) {
		q.warn("inclusion proof has no checkpoint and was not used")
	}
}

// checkedEntries are entries that are in their logs and about the signature.
type checkedEntries struct{ list []candidate }

// checkSecondGeneration proves the entries of the second generation (Rekor v2),
// R2-5..R2-7.
func (v *Verifier) checkSecondGeneration(q *question, b boundEntries) (checkedEntries, error) {
	list := slices.DeleteFunc(slices.Clone(b.list), func(c candidate) bool { return c.log == nil })
	for i := range list {
		c := &list[i]
		if c.kept || !logproof.Second(c.entry) {
			continue
		}
		if err := v.proveSecond(c.facts, c.entry, c.log); err != nil {
			return checkedEntries{}, err
		}
		v.entries.put(c.key, c.facts)
	}
	return checkedEntries{list}, nil
}

func (v *Verifier) proveSecond(f *logged, e *bundle.Entry, log *logKey) error {
	const field = "verificationMaterial.tlogEntries"
	if e.Promise != nil {
		return check.Refuse("R2-5", check.Content, "is present, want none from a log of the second generation").At(field + ".inclusionPromise")
	}
	if e.IntegratedTime != 0 {
		return check.Refuse("R2-5", check.Content, "is %d, want none from a log of the second generation", e.IntegratedTime).At(field + ".integratedTime")
	}
	if e.Proof == nil {
		return check.Refuse("R2-6", check.Content, "is missing").At(field + ".inclusionProof")
	}
	if other := v.logOf(e.Proof.Checkpoint); other != nil && other.unit != log.unit && other.Origin != log.Origin {
		return check.Refuse("R2-7", check.TlogUnknown, "log id is of %q, checkpoint is of %q", log.Origin, other.Origin).At(field + ".logId")
	}
	if log.fault != nil {
		return log.fault
	}
	return proveIncluded(f, e, log)
}

// logOf returns the log that a checkpoint names as its origin.
func (v *Verifier) logOf(checkpoint string) *logKey {
	origin, _, _ := strings.Cut(checkpoint, "\n")
	for _, l := range v.logs {
		if l.Origin == origin {
			return l
		}
	}
	return nil
}

// index is the index that evidence covers. A promise is over the global one; the
// proof of the first generation only over that of its tree, so that without a
// promise the global one is anybody's word (R1-2, R1-4).
func (c *candidate) index() int64 {
	if c.facts.included && !c.facts.promised {
		return c.entry.Proof.LogIndex // the same in the second generation (R2-6)
	}
	return c.entry.LogIndex
}

// proofs tells about entries that were proved.
func (e checkedEntries) proofs() []LogProof {
	var out []LogProof
	for i := range e.list {
		c := &e.list[i]
		p := LogProof{
			Name:     c.facts.origin,
			LogID:    c.log.id,
			Index:    c.index(),
			Kind:     c.entry.Kind + " " + c.entry.Version,
			TreeSize: c.facts.size,
		}
		if p.Name == "" {
			p.Name = c.log.Origin
		}
		if c.facts.promised {
			p.Integrated = time.Unix(c.entry.IntegratedTime, 0).UTC()
			p.Evidence = append(p.Evidence, "signed entry timestamp")
		}
		if c.facts.included {
			p.Evidence = append(p.Evidence, "inclusion proof")
		}
		out = append(out, p)
	}
	return out
}
