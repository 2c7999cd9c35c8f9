// Package checkpoint reads checkpoints: signed notes with origin, tree size and
// root hash (C2SP tlog-checkpoint, signed-note).
package checkpoint

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Limits of what is read (WN-5, LM-4).
const (
	MaxSize  = 64 << 10 // bytes of a checkpoint
	MaxLines = 64       // signature lines
)

// A Checkpoint is a well-formed checkpoint; no signature is believed yet.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   [32]byte
	raw    string
	sigs   []signature
}

// Parse reads a checkpoint strictly (WN-1..WN-3, WN-5, LM-4). Errors are
// *check.Error of check checkpoint or limit.
func Parse(envelope string) (*Checkpoint, error) {
	c, err := parse(envelope)
	if err != nil {
		return nil, err
	}
	if c.Size == 0 { // LM-5: an empty tree proves nothing
		return nil, check.Refuse("LM-5", check.Checkpoint, "tree size is 0, want at least 1")
	}
	return c, nil
}

func parse(envelope string) (*Checkpoint, error) {
	text, lines, err := split(envelope)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{raw: envelope}
	if err := c.parseText(text); err != nil {
		return nil, err
	}
	for _, line := range lines {
		s, err := parseSignature(line)
		if err != nil {
			return nil, err
		}
		c.sigs = append(c.sigs, s)
	}
	return c, nil
}

// parseText reads origin, size and root hash; further lines are only looked at
// for being there (C2SP tlog-checkpoint, "Note text").
func (c *Checkpoint) parseText(text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return check.Refuse("WN-2", check.Checkpoint, "text has %d lines, want at least 3", len(lines))
	}
	for i, line := range lines {
		if line == "" {
			return check.Refuse("WN-2", check.Checkpoint, "line %d of the text is empty", i+1)
		}
	}
	size, err := parseSize(lines[1])
	if err != nil {
		return err
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil {
		return check.Refuse("WN-2", check.Checkpoint, "root hash is %q, want standard padded base64", clip(lines[2]))
	}
	if len(root) != len(c.Root) {
		return check.Refuse("WN-2", check.Checkpoint, "root hash has %d bytes, want %d", len(root), len(c.Root))
	}
	c.Origin, c.Size = lines[0], size
	copy(c.Root[:], root)
	return nil
}

// parseSize reads a tree size.
func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, check.Refuse("WN-2", check.Checkpoint, "tree size is %q, want a decimal number", clip(s))
	}
	return n, nil
}

// CheckOrigin checks that the origin is exactly the name of a log, as on Rekor
// v2 (R2-7).
func (c *Checkpoint) CheckOrigin(name string) error {
	if c.Origin != name {
		return check.Refuse("R2-7", check.Checkpoint, "origin is %q, want %q", clip(c.Origin), name)
	}
	return nil
}

// SplitV1 splits the origin of a checkpoint of Rekor v1, "name - tree id" (R1-5). The
// server takes the name from its own host, so it need not be the one in the trusted
// root: the key decides which log it is.
func SplitV1(origin string) (name string, tree uint64, err error) {
	name, id, _ := strings.Cut(origin, " - ")
	if tree, err = strconv.ParseUint(id, 10, 64); err != nil {
		return "", 0, check.Refuse("R1-5", check.Checkpoint, "origin is %q, want a name, \" - \" and a tree id in decimal", clip(origin))
	}
	return name, tree, nil
}

// Signers returns the name of every signature line with its hexadecimal key id.
func (c *Checkpoint) Signers() []string {
	out := make([]string, len(c.sigs))
	for i, s := range c.sigs {
		out[i] = s.name + "+" + hex.EncodeToString(s.id[:])
	}
	return out
}

// clip keeps a message readable when the text at fault is long.
func clip(s string) string {
	if len(s) > 100 {
		return s[:100] + "..."
	}
	return s
}
