package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
	"github.com/hallmarksign/hallmark/oci"
)

// The JSON form of what belongs to an image.
type (
	branchJSON struct {
		Schema       int         `json:"schema"`
		Kind         string      `json:"kind"`
		Digest       string      `json:"digest"`
		MediaType    string      `json:"media_type,omitempty"`
		ArtifactType string      `json:"artifact_type,omitempty"`
		Of           string      `json:"of,omitempty"` // digest of what it belongs to
		Platform     string      `json:"platform,omitempty"`
		Tag          string      `json:"tag,omitempty"`
		Where        string      `json:"where,omitempty"`
		Size         int64       `json:"size"`
		Claims       []claimJSON `json:"claims,omitempty"`
		Error        string      `json:"error,omitempty"` // why it is no referrer although it is listed, or can't be read
	}
	// A claimJSON is who a bundle claims to be from. Nothing of it is verified.
	claimJSON struct {
		Error     string     `json:"error,omitempty"` // why it can't be read
		Subject   string     `json:"subject,omitempty"`
		Issuer    string     `json:"issuer,omitempty"`
		NotBefore *time.Time `json:"not_before,omitempty"` // of the certificate; nil for a key
		Predicate string     `json:"predicate_type,omitempty"`
		Indexes   []int64    `json:"log_indexes,omitempty"`
	}
	movedJSON struct {
		Schema    int    `json:"schema"`
		Kind      string `json:"kind"`
		Digest    string `json:"digest"`
		MediaType string `json:"media_type,omitempty"`
		Of        string `json:"of,omitempty"`
		From      string `json:"from,omitempty"`
		To        string `json:"to,omitempty"`
		Blobs     int    `json:"blobs"`
		Bytes     int64  `json:"bytes"`
		Image     string `json:"image,omitempty"` // where the whole is now; empty if it broke off
	}
)

// claimsOf returns what reads the claims of a branch.
func claimsOf(ctx context.Context) func(oci.Branch) []claimJSON {
	return func(b oci.Branch) []claimJSON {
		var claims []claimJSON
		for f, err := range b.Bundles(ctx) {
			if err != nil {
				claims = append(claims, claimJSON{Error: reason(err, 1024)})
				continue
			}
			claims = append(claims, claimOf(f.Bundle))
		}
		return claims
	}
}

func claimOf(b *bundle.Bundle) claimJSON {
	var c claimJSON
	if cert, err := x509.ParseCertificate(b.Certificate); err == nil {
		from := cert.NotBefore.UTC()
		c.NotBefore = &from
		if who, err := fulcioext.Parse(cert); err == nil {
			c.Subject, c.Issuer = who.Subject, who.Issuer
		}
	}
	if b.Envelope != nil {
		if s, err := dsse.ParseStatement(b.Envelope.Payload); err == nil && s.PredicateType != oci.SignPredicate {
			c.Predicate = s.PredicateType
		}
	}
	for _, entry := range b.Entries {
		c.Indexes = append(c.Indexes, entry.LogIndex)
	}
	return c
}

func (c claimJSON) String() string {
	if c.Error != "" {
		return "unreadable: " + c.Error
	}
	text := "signature"
	if c.Predicate != "" {
		text = typeName(c.Predicate) + " attestation"
	}
	switch {
	case c.Subject != "":
		text += fmt.Sprintf(", claims %s (%s), %s", c.Subject, issuerName(c.Issuer), c.NotBefore.Format(time.RFC3339))
	case c.NotBefore != nil:
		text += ", claims an unknown identity"
	default:
		text += ", claims a key"
	}
	for _, index := range c.Indexes {
		text += fmt.Sprintf(", log index %d", index)
	}
	return text
}

// printTree prints the branches of an image.
func (o *outputFlags) printTree(w io.Writer, branches []oci.Branch, claims func(oci.Branch) []claimJSON) error {
	if o.quiet {
		return nil
	}
	if !o.json {
		return writeTree(w, branches, claims)
	}
	for _, n := range branches {
		err := writeJSON(w, branchJSON{schema, n.Kind, n.Digest, n.MediaType, n.ArtifactType, n.Of, n.Platform.String(), n.Tag, n.Where, n.Size, claims(n), problem(n)})
		if err != nil {
			return err
		}
	}
	return nil
}

func problem(b oci.Branch) string {
	if b.Problem == nil {
		return ""
	}
	return b.Problem.Error()
}

// maxRemarks bounds the warnings of one kind.
const maxRemarks = 10 // unit: warnings of one kind; the others are counted

// remarks are warnings of one kind, of which there may be very many.
type remarks struct {
	e *env
	n int
}

func (r *remarks) say(format string, args ...any) {
	if r.n++; r.n <= maxRemarks {
		fmt.Fprintf(r.e.stderr, "hallmark: warning: %s\n", printable(fmt.Sprintf(format, args...), 1024))
	}
}

func (r *remarks) end() {
	if more := r.n - maxRemarks; more > 0 {
		fmt.Fprintf(r.e.stderr, "hallmark: warning: %d more like these\n", more)
	}
}

// sayLeft says what of an image was not copied.
func sayLeft(e *env, left []oci.Branch) {
	r := remarks{e: e}
	for _, b := range left {
		r.say("not copied: %v", b.Problem)
	}
	r.end()
}

// writeTree writes a tree for people, with what is in its branches on lines of
// their own.
func writeTree(w io.Writer, branches []oci.Branch, claims func(oci.Branch) []claimJSON) error {
	depth := map[string]int{}
	var b strings.Builder
	for _, n := range branches {
		level := 0
		if n.Of != "" {
			level = depth[n.Of] + 1
		}
		depth[n.Digest] = level
		fmt.Fprintf(&b, "%s%-8s %s", strings.Repeat("  ", level), n.Kind, n.Digest)
		for _, extra := range []string{n.Platform.String(), n.ArtifactType, n.Tag, n.Where} {
			if extra != "" {
				b.WriteString("  " + printable(extra, 512))
			}
		}
		b.WriteByte('\n')
		if n.Problem != nil {
			fmt.Fprintf(&b, "%s- %s\n", strings.Repeat("  ", level+1), printable("is no referrer: "+n.Problem.Error(), 2048))
		}
		for _, claim := range claims(n) {
			fmt.Fprintf(&b, "%s- %s\n", strings.Repeat("  ", level+1), printable(claim.String(), 2048))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printReport prints what a copy moved.
func (o *outputFlags) printReport(w io.Writer, r oci.Report) error {
	if o.quiet {
		return nil
	}
	if o.json {
		for _, m := range r.Moved {
			if err := writeJSON(w, movedJSON{schema, m.Kind, m.Digest, m.MediaType, m.Of, m.From, m.To, m.Blobs, m.Bytes, r.Ref}); err != nil {
				return err
			}
		}
		return nil
	}
	var b strings.Builder
	for _, m := range r.Moved {
		fmt.Fprintf(&b, "%-8s %s  %s", m.Kind, m.Digest, printable(m.MediaType, 256))
		if m.To != "" {
			fmt.Fprintf(&b, "  %s -> %s", printable(m.From, 256), printable(m.To, 256))
		}
		fmt.Fprintf(&b, "  %d blobs, %d bytes sent\n", m.Blobs, m.Bytes)
	}
	if r.Ref != "" {
		fmt.Fprintf(&b, "%s\n", printable(r.Ref, 512))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printAttached prints where a bundle of an image is now.
func (o *outputFlags) printAttached(w io.Writer, image string, a oci.Attached) error {
	switch {
	case o.quiet:
		return nil
	case o.json:
		return writeJSON(w, map[string]any{"schema": schema, "image": image, "where": a.Where, "ref": a.Ref, "before": a.Before})
	}
	_, err := fmt.Fprintf(w, "attached to %s  %s\n", image, printable(a.Where+" "+a.Ref, 1024))
	return err
}
