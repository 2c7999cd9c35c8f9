// Package boundmap writes the table of bounds in docs/threat-model.md: every constant
// whose name begins with max, what it counts, and the test that holds it. It reads
// nothing but the source, so a test can tell whether the table is current and whether
// a bound has no test.
//
// A bound is declared with what it counts behind it:
//
//	const maxLines = 100_000 // lines of a file of JSON lines
//
// A test holds it if it names the constant. Where it can't, or says it in other words,
// a comment in the same package says so:
//
//	// Bounds of TestLines: maxLines, bundle.MaxEntries.
package boundmap

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A Bound is one constant with what was found about it.
type Bound struct {
	Name  string // package.constant
	Value string // for people
	Of    string // what it counts
	Tests []string
}

// Build looks for all bounds in the source below root. A constant that does not say
// what it counts is an error.
func Build(root string) ([]Bound, error) {
	s, err := scan(root)
	if err != nil {
		return nil, err
	}
	var out []Bound
	for _, c := range s.constants {
		if _, other := others()[c.name()]; other {
			continue
		}
		if c.comment == "" {
			return nil, fmt.Errorf("%s: %s does not say what it counts: write it behind the value", c.where, c.name())
		}
		tests := s.tests[c.name()]
		slices.Sort(tests)
		out = append(out, Bound{Name: c.name(), Value: s.value(c), Of: c.comment, Tests: slices.Compact(tests)})
	}
	slices.SortStableFunc(out, func(a, b Bound) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// The table stands between these lines.
const (
	begin = "<!-- Written by internal/boundmap: make docs -->\n"
	end   = "<!-- End of the table of bounds -->\n"
)

// Page returns page with the table in its place.
func Page(page []byte, all []Bound) ([]byte, error) {
	before, rest, found := bytes.Cut(page, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return nil, fmt.Errorf("the page has no place for the table: want %q and %q", begin, end)
	}
	return slices.Concat(before, []byte(begin), table(all), []byte(end), after), nil
}

func table(all []Bound) []byte {
	var out bytes.Buffer
	out.WriteString("\n| bound | at most | held by |\n|---|---|---|\n")
	for _, b := range all {
		tests := b.Tests
		more := ""
		if len(tests) > 2 {
			tests, more = tests[:2], fmt.Sprintf(" and %d more", len(tests)-2)
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s%s |\n", b.Name, amount(b), code(tests), more)
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// amount writes "64 KiB of a token" and "32 audiences of a token".
func amount(b Bound) string {
	if strings.HasSuffix(b.Value, "i") {
		return b.Value + "B" + strings.TrimPrefix(b.Of, "bytes")
	}
	return b.Value + " " + b.Of
}

func code(names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, "`"+n+"`")
	}
	return strings.Join(out, ", ")
}

// others are constants that bound no input, with what they are.
func others() map[string]string {
	return map[string]string{
		"agent.maxLife":                 "a time",
		"agent.maxWait":                 "a time",
		"checkpoint.maxSkew":            "a time",
		"fetch.maxPause":                "a time",
		"fulcio.maxLife":                "a time",
		"oci.maxPause":                  "a time",
		"oidc.maxPoll":                  "a time",
		"tlog.maxPause":                 "a time",
		"agent.maxPath":                 "what a socket's address holds on some systems",
		"hallmark.maxBarText":           "width of a line on a terminal",
		"hallmark.maxQRWidth":           "width of a terminal",
		"oidc.maxSeconds":               "the last time that is computed with",
		"sct.maxMillis":                 "the last time that X.509 can say",
		"oci.maxRounds":                 "how often something is tried",
		"oci.maxWaits":                  "how often a layout that another process writes to is waited for",
		"hallmark-log-upload.maxOrders": "how many forms of its own entry the program computes",
		"read.maxBatch":                 "what the API allows in one question",
		"set.maxExact":                  "the last integer that JSON has exactly",
		"tsp.maxAccuracySeconds":        "the last accuracy that is computed with",
		"tiles.MaxSize":                 "the largest tree that tiles can have",
		"tiles.MaxEntry":                "what two bytes of length can say",
		"strictjson.maxClip":            "how much of a foreign text an error repeats",
		"strictjson.maxPath":            "how much of a path an error repeats",
		"strictjson.maxName":            "how much of a name an error repeats",
		"index.maxMerge":                "how large a file of the index becomes before another begins",
		"index.maxName":                 "how long a name that tlog.entry allows can get",
		"trustroot.maxRSABits":          "a key that is allowed, as CC-8 says",
		"tlog.MaxAnswer":                "tlog.maxAnswer for other packages",
	}
}
