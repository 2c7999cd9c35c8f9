package fulcioext

import (
	"unicode"
	"unicode/utf8"

	"github.com/hallmarksign/hallmark/internal/check"
)

// checkText is the text check of rule ID-5: valid UTF-8 without control
// characters, line separators and bidirectional controls. With strict it also
// refuses every other invisible format character, such as a zero-width space
// (catalogue D23). Names and issuers are strict; claims are not, because the
// name of a workflow may hold an emoji that is joined with U+200D.
func checkText(what string, b []byte, strict bool) error {
	if isPlain(b) {
		return nil
	}
	if !utf8.Valid(b) {
		return check.Refuse("ID-5", check.Identity, "%s %q is not UTF-8", what, cut(string(b)))
	}
	for _, r := range string(b) {
		if forbidden(r) || strict && unicode.Is(unicode.Cf, r) {
			return check.Refuse("ID-5", check.Identity, "%s %q has the invisible character %U", what, cut(string(b)), r)
		}
	}
	return nil
}

func forbidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// isPlain reports whether b is printable ASCII.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c > 0x7f {
			return false
		}
	}
	return true
}

// cut shortens text for an error message.
func cut(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
