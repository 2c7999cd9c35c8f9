package checkpoint

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmarksign/hallmark/internal/check"
)

// A signature is one signature line of a note.
type signature struct {
	name string
	id   [4]byte
	blob []byte // what follows the key id
}

// split separates a note into its text and its signature lines (C2SP
// signed-note, "Format"). Everything is bounded before anything is parsed.
func split(note string) (text string, lines []string, err error) {
	if len(note) > MaxSize {
		return "", nil, check.Refuse("LM-4", check.Limit, "checkpoint has %d bytes, want at most %d", len(note), MaxSize)
	}
	if !utf8.ValidString(note) {
		return "", nil, check.Refuse("WN-1", check.Checkpoint, "is not valid UTF-8")
	}
	if i := strings.IndexFunc(note, isControl); i >= 0 {
		return "", nil, check.Refuse("WN-1", check.Checkpoint, "has control character %q at byte %d", note[i], i)
	}
	// The last empty line counts: extension lines can't be empty, but a note
	// that has two is refused for its text, not for its signatures.
	i := strings.LastIndex(note, "\n\n")
	if i < 0 {
		return "", nil, check.Refuse("WN-1", check.Checkpoint, "has no empty line between text and signatures")
	}
	text, block := note[:i+1], note[i+2:]
	if block == "" {
		return "", nil, check.Refuse("WN-3", check.Checkpoint, "has no signature line")
	}
	if !strings.HasSuffix(block, "\n") {
		return "", nil, check.Refuse("WN-1", check.Checkpoint, "does not end with a newline")
	}
	if n := strings.Count(block, "\n"); n > MaxLines {
		return "", nil, check.Refuse("WN-5", check.Limit, "checkpoint has %d signature lines, want at most %d", n, MaxLines)
	}
	return text, strings.Split(strings.TrimSuffix(block, "\n"), "\n"), nil
}

func isControl(r rune) bool { return r < 0x20 && r != '\n' }

// parseSignature reads "— name base64(id ‖ signature)".
func parseSignature(line string) (s signature, err error) {
	rest, ok := strings.CutPrefix(line, "\u2014 ")
	if !ok {
		return s, check.Refuse("WN-3", check.Checkpoint, "signature line is %q, want it to begin with an em dash and a space", clip(line))
	}
	name, blob, ok := strings.Cut(rest, " ")
	if !ok || !validName(name) {
		return s, check.Refuse("WN-3", check.Checkpoint, "signature line is %q, want a name without space or plus, and a signature", clip(line))
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(blob)
	if err != nil {
		return s, check.Refuse("WN-3", check.Checkpoint, "signature of %q is not standard padded base64", clip(name))
	}
	if len(raw) <= len(s.id) {
		return s, check.Refuse("WN-3", check.Checkpoint, "signature of %q has %d bytes, want a key id of 4 bytes and more", clip(name), len(raw))
	}
	s.name, s.blob = name, raw[len(s.id):]
	copy(s.id[:], raw)
	return s, nil
}

func validName(name string) bool {
	return name != "" && !strings.Contains(name, "+") && strings.IndexFunc(name, unicode.IsSpace) < 0
}
