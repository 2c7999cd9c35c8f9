package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable escapes text from outside for a terminal: control characters,
// direction marks and invisible characters are shown as escapes, and text
// longer than limit bytes is cut with a mark (ER-4, N22).
func printable(s string, limit int) string {
	var b strings.Builder
	for i, r := range s {
		if b.Len() > limit {
			b.WriteString("…")
			break
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			writeEscape(&b, 'x', uint32(s[i]), 2)
		case visible(r):
			b.WriteRune(r)
		case r > 0xffff:
			writeEscape(&b, 'U', uint32(r), 8)
		default:
			writeEscape(&b, 'u', uint32(r), 4)
		}
	}
	return b.String()
}

// visible reports whether a terminal shows a character as itself.
func visible(r rune) bool {
	return r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Cf, r) && !unicode.IsSpace(r)
}

func writeEscape(b *strings.Builder, kind byte, v uint32, digits int) {
	const hex = "0123456789abcdef"
	b.WriteByte('\\')
	b.WriteByte(kind)
	for shift := (digits - 1) * 4; shift >= 0; shift -= 4 {
		b.WriteByte(hex[v>>shift&15])
	}
}
