// Package vectors is the catalogue of bad inputs as running code: for each row
// it makes bundles with exactly one fault, everything outside the fault signed
// anew, together with the check that must refuse them and a repaired twin that
// must verify.
//
//	runner := vectors.NewRunner()
//	vectors.Each(vectors.All(), func(f *vectors.Fixture) {
//		_, err := runner.Cold(f.Bad) // check.Of(err) is one of f.Want
//		_, err = runner.Warm(f.Good) // nil
//	})
//
// Keys, times and what is sampled are fixed, so every run makes the same
// fixtures. Nothing here is product code.
package vectors

import (
	"bytes"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// A Fixture is one fault, or one harmless change.
type Fixture struct {
	Row     string        // of the catalogue, such as "B13"
	Name    string        // what is wrong
	Want    []check.Check // any of these must refuse; empty: must verify
	Warning string        // what a warning of the accepted one must contain
	Bad     *Case
	Good    *Case // the twin without the fault; nil for what must verify
}

// Allows reports whether an outcome is one that the fixture wants.
func (f *Fixture) Allows(got check.Check) bool {
	if len(f.Want) == 0 {
		return got == ""
	}
	return slices.Contains(f.Want, got)
}

// A Form is how a signature comes.
type Form int

// The forms.
const (
	Bundle   Form = iota
	Legacy        // the JSON of cosign before there were bundles
	Detached      // signature in Case.Bundle, certificate in Case.Certificate
)

// A Case is everything that a verification is asked.
type Case struct {
	Form        Form
	Bundle      []byte
	Certificate []byte
	Artifact    []byte
	Digest      string // asked for instead of Artifact, if set
	Nothing     bool   // the zero verify.Artifact is asked for
	Root        []byte // trusted root, JSON
	Policy      Policy
	Evidence    verify.Evidence
	Now         time.Time

	ByValue func(*bundle.Bundle)  // changes what was parsed, as a caller of the library could
	ByRoot  func(*trustroot.Root) // likewise
	Call    func() error          // is called instead of all of the above
}

func (c *Case) parse() (*bundle.Bundle, error) {
	switch c.Form {
	case Legacy:
		return bundle.ParseLegacy(c.Bundle)
	case Detached:
		return bundle.Detached(c.Bundle, c.Certificate)
	}
	return bundle.Parse(c.Bundle)
}

func (c *Case) ask(v *verify.Verifier, b *bundle.Bundle) (*verify.Result, error) {
	p, err := c.Policy.policy()
	if err != nil {
		return nil, err
	}
	a, err := c.artifact(b)
	if err != nil {
		return nil, err
	}
	if c.ByValue != nil {
		c.ByValue(b)
	}
	return v.Verify(b, a, p, c.Now)
}

func (c *Case) artifact(b *bundle.Bundle) (verify.Artifact, error) {
	if c.Nothing {
		return verify.Artifact{}, nil
	}
	if c.Digest != "" {
		return verify.ParseDigest(c.Digest)
	}
	return verify.Hash(bytes.NewReader(c.Artifact), b.Hashes()...)
}

// Portable reports whether a file on disk can hold the case.
func (c *Case) Portable() bool {
	return c.Form == Bundle && c.ByValue == nil && c.ByRoot == nil && c.Call == nil && !c.Nothing
}
