package vectors

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Document writes docs/vectors.md.
func Document() []byte {
	var out bytes.Buffer
	out.WriteString(intro)
	group, left := byte(0), 0
	for _, r := range Rows() {
		if r.ID[0] != group {
			group = r.ID[0]
			fmt.Fprintf(&out, "\n### %s\n\n| row | fault | refused by | rules |\n|---|---|---|---|\n", titles()[group])
		}
		by := join(r.Must)
		if by == "" && len(r.Also) == 0 {
			by = "must verify"
		}
		if len(r.Also) > 0 {
			by = strings.TrimPrefix(by+"; also "+join(r.Also)+": "+r.Why, "; ")
		}
		if r.Left != "" {
			by, left = "left out: "+r.Left, left+1
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", r.ID, strings.ReplaceAll(r.Title, "|", "\\|"), by, r.Rules)
	}
	fmt.Fprintf(&out, "\n%d rows, %d of them left out.\n", len(Rows()), left)
	out.WriteString("\n## Neutral changes\n\nOf at least 50,000 structural mutants of good bundles in each run (a value deleted,\ndoubled, exchanged, retyped, wrapped, renamed, or a byte of it changed, at any place)\nnone may verify unless all it changed is one of these:\n\n| change | why it is harmless |\n|---|---|\n")
	for _, c := range NeutralChanges() {
		fmt.Fprintf(&out, "| %s | %s |\n", c.Name, c.Why)
	}
	return out.Bytes()
}

func join(checks []check.Check) string {
	var out []string
	for _, c := range checks {
		out = append(out, "`"+string(c)+"`")
	}
	return strings.Join(out, ", ")
}

func titles() map[byte]string {
	return map[byte]string{
		'A': "A. Bundle file and structure", 'B': "B. Certificate chain", 'C': "C. Certificate timestamps", 'D': "D. Identity", 'E': "E. Rekor v1 entry",
		'F': "F. Checkpoints, Rekor v2, witnesses", 'G': "G. Log entry and bundle", 'H': "H. RFC 3161 timestamps", 'I': "I. Time, thresholds, trusted root",
		'J': "J. Signature, artifact, DSSE, in-toto", 'V': "Further",
	}
}

const intro = `# Bad inputs, one fault each

<!-- Written by internal/vectors: make docs -->

` + "`internal/vectors`" + ` makes bundles that are good but for one fault. Everything outside
the fault is signed anew, so that nothing but the intended check can refuse; each
has a repaired twin, the same without the fault, that must verify. A test makes
them all, asserts the name of the check, and counts: never fewer than 1,000 in a
run.

    go test ./internal/vectors                   a sample of the long rows, all of the others
    VECTORS=full go test ./internal/vectors      every bit of every signature, all pairs of 50 bundles
    go run ./internal/vectors/write -out DIR     files in the layout of sigstore-conformance

In the columns below are the checks that must refuse, by the catalogue; after
"also" those that may refuse instead in some fixtures of the row, with the reason;
and the rules that refused, or that demand that the input verifies.

## Rows
`
