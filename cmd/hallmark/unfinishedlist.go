package main

import (
	"fmt"
	"io"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/rescue"
	"github.com/hallmarksign/hallmark/oci"
)

// An unfinishedJSON is a signature that is public, or may be, and is not in its place.
type unfinishedJSON struct {
	Artifact string       `json:"artifact,omitempty"` // as it was given
	Digest   string       `json:"digest"`             // of what was signed, or of its statement
	State    rescue.State `json:"state"`
	Path     string       `json:"path"`
	Time     time.Time    `json:"time"`
	Next     string       `json:"next"`
}

// unfinished lists what runs have left. What can't be read is said, and stops nothing:
// whoever only asks is not signing.
func unfinished(e *env) []unfinishedJSON {
	list := []unfinishedJSON{}
	dir := e.stateDir()
	if dir == "" {
		return list
	}
	items, err := rescue.List(dir)
	if err != nil {
		fmt.Fprintf(e.stderr, "hallmark: warning: %s\n", printable(err.Error(), 1024))
	}
	for _, item := range items {
		list = append(list, unfinishedJSON{Artifact: item.Name, Digest: "sha256:" + item.Key, State: item.State, Path: item.Path,
			Time: item.Time.UTC(), Next: toFinish(item)})
	}
	return list
}

// toFinish is what finishes an item.
func toFinish(item rescue.Item) string {
	if item.State == rescue.Unverified {
		return "its log entry is public, but its bundle does not verify; it is kept in " + item.Path
	}
	what := "the same file"
	if item.Name != "" {
		what = quoted(item.Name)
	}
	return fmt.Sprintf("to finish it, run hallmark %s %s again, with the flags of the first time", verbOf(item), what)
}

// verbOf is the command that made an item.
func verbOf(item rescue.Item) string {
	data, err := item.Read()
	if err != nil {
		return "sign"
	}
	b, err := bundle.Parse(data)
	switch {
	case err != nil:
		return "sign"
	case b.PublicKey != nil: // sign and attest have certificates
		return "log upload"
	case b.Envelope == nil:
		return "sign"
	}
	if s, err := dsse.ParseStatement(b.Envelope.Payload); err != nil || s.PredicateType == oci.SignPredicate {
		return "sign"
	}
	return "attest"
}

// maxUnfinished is how many items people are shown.
const maxUnfinished = 10 // unfinished signatures that people are shown; the others are counted

// writeUnfinished writes a line for each item in a form that takes a word and a text.
func writeUnfinished(w io.Writer, list []unfinishedJSON, form string) error {
	for i, item := range list {
		if i == maxUnfinished {
			_, err := fmt.Fprintf(w, form, "unfinished", fmt.Sprintf("and %d more", len(list)-i))
			return err
		}
		name := item.Artifact
		if name == "" {
			name = item.Digest
		}
		if _, err := fmt.Fprintf(w, form, "unfinished", printable(name+": "+item.Next, 1024)); err != nil {
			return err
		}
	}
	return nil
}
