package main

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/tlog/read"
)

// The JSON form of a log entry. Everything in it is proved to be in the log; who
// signed is only as good as the authority that is named.
type entryJSON struct {
	Schema      int        `json:"schema"`
	Log         string     `json:"log"`
	Index       int64      `json:"index"`
	ID          string     `json:"id,omitempty"`
	LeafHash    string     `json:"leaf_hash"`
	Kind        string     `json:"kind"`
	Subject     string     `json:"subject,omitempty"`
	Issuer      string     `json:"issuer,omitempty"`
	Authority   string     `json:"authority,omitempty"`
	Digest      string     `json:"digest,omitempty"`
	Key         string     `json:"key,omitempty"`
	Time        *time.Time `json:"time,omitempty"`
	TimeSource  string     `json:"time_source,omitempty"`
	FirstSeen   *time.Time `json:"first_seen,omitempty"`
	TreeSize    int64      `json:"tree_size,omitempty"`
	NotReadable string     `json:"not_readable,omitempty"`
}

func entryOf(e *read.Entry) entryJSON {
	out := entryJSON{Schema: schema, Log: e.Log.Origin, Index: e.Raw.LogIndex, ID: e.ID,
		LeafHash: hex.EncodeToString(e.LeafHash()), Authority: e.Authority}
	if p := e.Raw.Proof; p != nil {
		out.TreeSize = p.TreeSize
	}
	if at, source := e.Time(); source != "" {
		at = at.UTC()
		out.Time, out.TimeSource = &at, source
	}
	c := e.Content
	out.Kind = strings.TrimSpace(c.Kind + " " + c.Version)
	if c.Identity != nil {
		out.Subject, out.Issuer = c.Identity.Subject, c.Identity.Issuer
	}
	if c.Body != nil {
		out.Digest = strings.ToLower(strings.ReplaceAll(c.Body.Hash.String(), "-", "")) + ":" + hex.EncodeToString(c.Body.Digest)
		out.Key = "sha256:" + hex.EncodeToString(c.Key[:])
	}
	if c.Unread != nil {
		out.NotReadable = reason(c.Unread, 512)
	}
	return out
}

func (j entryJSON) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s #%d  %s", printable(j.Log, 256), j.Index, printable(j.Kind, 128))
	if j.Subject != "" {
		fmt.Fprintf(&b, "  %s (%s)", printable(j.Subject, 512), printable(issuerName(j.Issuer), 512))
	}
	if j.Subject != "" && j.Authority == "" {
		b.WriteString("  of no trusted authority")
	}
	if j.Digest != "" {
		fmt.Fprintf(&b, "  %s", j.Digest)
	}
	if j.Time != nil {
		fmt.Fprintf(&b, "  %s (%s)", j.Time.Format(time.RFC3339), j.TimeSource)
	}
	if j.FirstSeen != nil {
		fmt.Fprintf(&b, "  first seen %s", j.FirstSeen.Format(time.RFC3339))
	}
	if j.NotReadable != "" {
		fmt.Fprintf(&b, "  not readable: %s", j.NotReadable)
	}
	return b.String() + "\n"
}

// printEntry prints an entry that its log proved to hold.
func (o *outputFlags) printEntry(e *env, j entryJSON) error {
	switch {
	case o.quiet:
		return nil
	case o.json:
		return writeJSON(e.stdout, j)
	}
	_, err := fmt.Fprint(e.stdout, j.text())
	return err
}
