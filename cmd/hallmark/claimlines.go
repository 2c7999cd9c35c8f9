package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

// Limits of what is done with a file of JSON lines.
const (
	maxClaims     = 1024     // bundles about one artifact that are verified, in a file of JSON lines
	maxPredicates = 16 << 20 // bytes of the statements that --output predicate prints for one artifact
	maxShown      = 10       // line numbers in one remark about a file of JSON lines
)

// lines looks for lines that prove what was asked. One is enough, unless all are
// demanded: what other lines are is remarked on, and they refuse nothing. If none
// does, the reason that came furthest is the answer.
func (r *verifyRun) lines(ctx context.Context, c *claims, arg string, artifact func() (verify.Artifact, error)) []verdict {
	t := &tally{}
	var proofs []verdict
	for b, err := range c.each() {
		t.line++
		if ctx.Err() != nil {
			return []verdict{{artifact: arg, err: fileError(c.name, ctx.Err())}}
		}
		large := isLarge(b)
		var result *verify.Result
		if err == nil {
			a, unread := artifact()
			if unread != nil {
				return []verdict{{artifact: arg, err: named(arg, unread)}}
			}
			result, err = r.claim(t, arg, a, b)
		}
		if err == nil {
			proofs = append(proofs, verdict{artifact: arg, bundle: t.name(c.name, t.line), result: result, again: len(proofs) > 0})
		} else {
			t.add(b, err)
		}
		if large {
			runtime.GC() // it is gone before the next one comes
		}
	}
	return r.conclude(t, c.name, arg, proofs)
}

// isLarge reports whether a bundle is too large for several in memory at a time.
func isLarge(b *bundle.Bundle) bool {
	return b != nil && b.Envelope != nil && len(b.Envelope.Payload) > 1<<20
}

// claim verifies the bundle of one line if it may be about the artifact.
func (r *verifyRun) claim(t *tally, arg string, a verify.Artifact, b *bundle.Bundle) (*verify.Result, error) {
	if err := verify.Concerns(b, a); err != nil {
		return nil, &unconcerned{err}
	}
	if t.verified++; t.verified > maxClaims {
		return nil, check.Refuse("LM-1", check.Limit, "is one of more than %d bundles about the artifact", maxClaims).WithNext("split the file")
	}
	result, err := r.decide(arg, a, b)
	if err != nil {
		return nil, err
	}
	return result, r.hold(t, result.Statement)
}

// An unconcerned error says why a bundle is about another artifact.
type unconcerned struct{ error }

func (u *unconcerned) Unwrap() error { return u.error }

// hold bounds the statements that are in memory, and lets go of one that is not
// printed.
func (r *verifyRun) hold(t *tally, s *verify.Statement) error {
	if s == nil {
		return nil
	}
	if r.o.output.form != predicateForm {
		s.Payload = nil
		return nil
	}
	if t.held += len(s.Payload); t.held > maxPredicates {
		return check.Refuse("LM-1", check.Limit, "statements have more than %d bytes", maxPredicates).WithNext("split the file")
	}
	return nil
}

// conclude makes one verdict of what was found: the proofs with remarks, or one
// refusal.
func (r *verifyRun) conclude(t *tally, name, arg string, proofs []verdict) []verdict {
	if len(proofs) > 0 && (!r.o.allClaims || t.best == nil) {
		proofs[0].others = len(proofs) - 1
		proofs[0].result.Warnings = append(proofs[0].result.Warnings, t.remarks(name)...)
		return proofs
	}
	v := verdict{artifact: arg, bundle: name}
	if t.best == nil {
		v.err = &check.Error{Check: check.NotFound, Field: printable(name, 256), Err: errNoBundles}
		return []verdict{v}
	}
	v.bundle, v.claim = t.name(name, t.bestLine), t.claim
	v.err = named(v.bundle, t.refusal(name))
	return []verdict{v}
}

// A tally counts the lines that prove nothing, by kind.
type tally struct {
	line     int // read so far
	verified int // bundles about the artifact
	held     int // bytes of statements that will be printed
	kinds    []kindOfLine

	best     error // the reason that came furthest; nil if there are blank lines only
	bestLine int
	bestRank int
	claim    *bundle.Bundle // of that line, without what was signed
}

// A kindOfLine is a kind of line with the first lines of it.
type kindOfLine struct {
	one, many string // what such a line is, and such lines are
	count     int
	first     []int
}

// add notes why the current line proves nothing.
func (t *tally) add(b *bundle.Bundle, err error) {
	one, many := kindOf(b, err)
	i := slices.IndexFunc(t.kinds, func(k kindOfLine) bool { return k.one == one })
	if i < 0 {
		i = len(t.kinds)
		t.kinds = append(t.kinds, kindOfLine{one: one, many: many})
	}
	k := &t.kinds[i]
	if k.count++; len(k.first) < maxShown {
		k.first = append(k.first, t.line)
	}
	if rank := rankOf(b, err); rank > 0 && rank > t.bestRank {
		t.best, t.bestLine, t.bestRank, t.claim = err, t.line, rank, nil
		if b != nil {
			t.claim = &bundle.Bundle{Certificate: b.Certificate}
		}
	}
}

// kindOf says what a line is that proves nothing.
func kindOf(b *bundle.Bundle, err error) (one, many string) {
	c := check.Of(err)
	var other *unconcerned
	switch {
	case errors.Is(err, bundle.ErrBlank):
		return "is blank", "are blank"
	case c.Exit() != check.ExitNo:
		return "could not be decided (" + string(c) + ")", "could not be decided (" + string(c) + ")"
	case b == nil:
		return "is no bundle that hallmark reads", "are no bundles that hallmark reads"
	case errors.As(err, &other):
		return "is not about this artifact", "are not about this artifact"
	case c == check.Identity:
		return "is by another signer", "are by another signer"
	case c == check.Predicate || c == check.Content:
		return "is of another type", "are of another type"
	}
	return "was refused (" + string(c) + ")", "were refused (" + string(c) + ")"
}

// order is that of the checks of a verification, as they follow each other.
var order = []check.Check{
	check.Parse, check.Version, check.Content, check.CertProfile, check.CertChain, check.SCT, check.TlogUnknown, check.SET,
	check.Checkpoint, check.Proof, check.Entry, check.Alg, check.DSSE, check.Digest, check.Signature, check.TSA, check.Time,
	check.Threshold, check.CertTime, check.Identity, check.Statement, check.Predicate,
}

// rankOf says how far a line came; 0 is a blank line. What could not be decided might
// have been the proof, so that it comes before every refusal (O21).
func rankOf(b *bundle.Bundle, err error) int {
	c := check.Of(err)
	var other *unconcerned
	switch {
	case errors.Is(err, bundle.ErrBlank):
		return 0
	case c.Exit() != check.ExitNo:
		return 1000
	case b == nil:
		return 1 + max(0, slices.Index(order, c))
	case errors.As(err, &other):
		return 100
	}
	return 101 + slices.Index(order, c)
}

// remarks says what the lines are that prove nothing, one text for each kind.
func (t *tally) remarks(file string) (all []string) {
	for _, k := range t.kinds {
		all = append(all, printable(file, 256)+": "+k.String())
	}
	return all
}

// String names the first lines, such as "2 lines are blank: 3, 7".
func (k kindOfLine) String() string {
	if k.count == 1 {
		return fmt.Sprintf("line %d %s", k.first[0], k.one)
	}
	var names []string
	for _, n := range k.first {
		names = append(names, strconv.Itoa(n))
	}
	text := fmt.Sprintf("%d lines %s: %s", k.count, k.many, strings.Join(names, ", "))
	if more := k.count - len(k.first); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// refusal is the reason that came furthest, with the counts of what else was there.
func (t *tally) refusal(file string) error {
	err := t.best
	var other *unconcerned
	if errors.As(err, &other) {
		err = other.error
	}
	refused, ok := err.(*check.Error)
	if !ok || t.line == 1 {
		return err
	}
	var counts []string
	for _, k := range t.kinds {
		counts = append(counts, k.String())
	}
	e := *refused
	e.Err = fmt.Errorf("%w (%s)", refused.Err, strings.Join(counts, "; "))
	return &e
}

// name names a line of a file.
func (t *tally) name(file string, line int) string { return fmt.Sprintf("%s:%d", file, line) }
