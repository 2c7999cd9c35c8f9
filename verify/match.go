package verify

import (
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

const maxPattern = 4096 // bytes of a pattern

// A Match says which text is accepted. Text is compared byte by byte: no
// folding of case, no normalisation (ID-2, ID-8). The zero Match accepts
// nothing, not even the empty text.
type Match struct {
	kind  matchKind
	text  string
	re    *regexp.Regexp
	loose bool // a dot of the pattern stands for any character (D7)
}

type matchKind int

const (
	nothing matchKind = iota
	exact
	pattern
	glob
)

// Exactly accepts s and nothing else. The empty text is never accepted.
func Exactly(s string) Match {
	if s == "" {
		return Match{}
	}
	return Match{kind: exact, text: s}
}

// Pattern accepts what a regular expression (RE2) matches from end to end. It
// refuses, as check usage, expressions that could accept anybody because they
// demand no literal text, and flags that make lines of a text count.
func Pattern(re string) (Match, error) {
	if re == "" {
		return Match{}, check.Refuse("D8", check.Usage, "pattern is empty")
	}
	if len(re) > maxPattern {
		return Match{}, check.Refuse("Q13", check.Usage, "pattern has %d bytes, want at most %d", len(re), maxPattern)
	}
	// Parsed alone first, so that nothing in it can close the group around it.
	tree, err := syntax.Parse(re, syntax.Perl)
	if err != nil {
		return Match{}, check.Refuse("D8", check.Usage, "pattern %q: %v", re, err)
	}
	if holds(tree, crossesLines) {
		return Match{}, check.Refuse("ID-2", check.Usage, "pattern %q has a flag that crosses lines", re)
	}
	if !demandsText(tree) {
		return Match{}, check.Refuse("D8", check.Usage, "pattern %q demands no literal text", re).
			WithNext("name the part that has to be there")
	}
	whole, err := regexp.Compile(`^(?:` + re + `)$`)
	if err != nil {
		return Match{}, check.Refuse("D8", check.Usage, "pattern %q: %v", re, err)
	}
	return Match{kind: pattern, text: re, re: whole, loose: looseDot(tree)}, nil
}

// Glob accepts text that equals s from end to end, where each * in s stands for
// any text, also an empty one and one with slashes, but one before the first @ of
// s for text without @: a branch may be called "x@refs/tags/v1", and must not pass
// for the tag v1 behind any workflow. A glob of nothing but * accepts nothing.
func Glob(s string) Match {
	if strings.Trim(s, "*") == "" {
		return Match{}
	}
	if !strings.Contains(s, "*") {
		return Exactly(s)
	}
	return Match{kind: glob, text: s}
}

// IsZero reports whether m accepts nothing.
func (m Match) IsZero() bool { return m.kind == nothing }

// Accepts reports whether m accepts s.
func (m Match) Accepts(s string) bool {
	if s == "" {
		return false
	}
	switch m.kind {
	case exact:
		return s == m.text
	case pattern:
		return m.re.MatchString(s)
	case glob:
		before, after, at := strings.Cut(m.text, "@")
		if !at {
			return globbed(m.text, s)
		}
		head, tail, found := strings.Cut(s, "@")
		return found && globbed(before, head) && globbed(after, tail)
	}
	return false
}

// String describes what is accepted, quoted.
func (m Match) String() string {
	switch m.kind {
	case exact:
		return strconv.Quote(m.text)
	case pattern:
		return "pattern " + strconv.Quote(m.text)
	case glob:
		return "glob " + strconv.Quote(m.text)
	}
	return "nothing"
}

// globbed matches without backtracking: each part after a star is looked for at
// the first place it can be, the last one at the end.
func globbed(glob, s string) bool {
	parts := strings.Split(glob, "*")
	if len(parts) == 1 {
		return glob == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = rest
	}
	return true
}

func holds(re *syntax.Regexp, is func(*syntax.Regexp) bool) bool {
	if is(re) {
		return true
	}
	for _, sub := range re.Sub {
		if holds(sub, is) {
			return true
		}
	}
	return false
}

// crossesLines finds what the flags m and s do.
func crossesLines(re *syntax.Regexp) bool {
	return re.Op == syntax.OpBeginLine || re.Op == syntax.OpEndLine || re.Op == syntax.OpAnyChar
}

// demandsText reports whether every text that re matches has some literal of re.
func demandsText(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpLiteral:
		return true
	case syntax.OpCapture, syntax.OpPlus:
		return demandsText(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min > 0 && demandsText(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if demandsText(sub) {
				return true
			}
		}
		return false
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !demandsText(sub) {
				return false
			}
		}
		return len(re.Sub) > 0
	}
	return false
}

// looseDot finds a dot that stands for one character, which is mostly meant to
// be a dot: "github.com" (D7). Repeated dots are meant.
func looseDot(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyCharNotNL:
		return true
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		if re.Sub[0].Op == syntax.OpAnyCharNotNL {
			return false
		}
	}
	for _, sub := range re.Sub {
		if looseDot(sub) {
			return true
		}
	}
	return false
}
