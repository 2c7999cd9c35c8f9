package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/oci"
	"github.com/hallmarksign/hallmark/verify"
)

// schema is the version of the JSON output.
const schema = 1

// A verdict is what became of one artifact. Text and JSON render the same one.
type verdict struct {
	artifact string // as named on the command line
	bundle   string // path of the bundle; may be empty
	claim    *bundle.Bundle
	found    string // where the bundle of an image was found
	result   *verify.Result
	err      error
	publish  string // command for the users of a signed artifact; may be empty
	before   bool   // an earlier run signed it
	again    bool   // another verdict says the same of the artifact; people read it once
	others   int    // how many those are
}

func (v verdict) writeText(w io.Writer, explain bool) error {
	if v.again {
		return nil
	}
	var b strings.Builder
	if v.err != nil {
		fmt.Fprintf(&b, "NO  %s\n", printable(v.artifact, 1024))
	} else {
		fmt.Fprintf(&b, "ok  %s  %s  signed by %s", printable(v.artifact, 1024), v.result.Artifact, signerText(v.result.Signer))
		for _, t := range v.result.Times[:min(1, len(v.result.Times))] {
			fmt.Fprintf(&b, " at %s (%s %s)", t.Time.UTC().Format(time.RFC3339), timeSource(t.Source), printable(t.Name, 256))
		}
		for _, l := range v.result.Logs {
			fmt.Fprintf(&b, ", logged %s #%d", printable(l.Name, 256), l.Index)
		}
		b.WriteByte('\n')
		if v.found != "" {
			fmt.Fprintf(&b, "    found by %s\n", printable(v.found, 1024))
		}
		if s := v.result.Statement; s != nil && s.PredicateType != oci.SignPredicate {
			fmt.Fprintf(&b, "    states: %s\n", printable(s.PredicateType, 1024))
		}
		if v.others > 0 {
			fmt.Fprintf(&b, "    other bundles in the file that prove it: %d; --json shows each\n", v.others)
		}
		for _, line := range v.result.Weakened {
			fmt.Fprintf(&b, "    weakened: %s\n", printable(line, 1024))
		}
		for _, line := range v.result.Warnings {
			fmt.Fprintf(&b, "    warning: %s\n", printable(line, 1024))
		}
	}
	if explain && v.result != nil {
		for _, s := range v.result.Steps {
			fmt.Fprintf(&b, "    %-12s %s\n", s.Check, printable(s.Saw, 1024))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writePredicate writes the predicate of a verified statement, as it was signed.
func (v verdict) writePredicate(w io.Writer) error {
	if v.err != nil {
		return nil
	}
	statement, err := dsse.ParseStatement(v.result.Statement.Payload)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", statement.Predicate)
	return err
}

func timeSource(source string) string {
	if source == "tsa" {
		return "timestamp by"
	}
	return "log"
}

func signerText(s verify.Signed) string {
	if s.Subject == "" {
		return "key sha256:" + s.KeyID
	}
	return printable(s.Subject, 1024) + " (" + printable(issuerName(s.Issuer), 1024) + ")"
}

// The JSON form of a verdict.
type (
	verdictJSON struct {
		Schema      int           `json:"schema"`
		Artifact    string        `json:"artifact"`
		Bundle      string        `json:"bundle,omitempty"`
		Found       string        `json:"found,omitempty"`
		OK          bool          `json:"ok"`
		Check       check.Check   `json:"check,omitempty"`
		Rule        string        `json:"rule,omitempty"`
		Error       string        `json:"error,omitempty"`
		Next        string        `json:"next,omitempty"`
		Digest      string        `json:"digest,omitempty"`
		Signer      *signerJSON   `json:"signer,omitempty"`
		Times       []timeJSON    `json:"times,omitempty"`
		Logs        []logJSON     `json:"logs,omitempty"`
		SCTs        []sctJSON     `json:"scts,omitempty"`
		Predicate   string        `json:"predicate_type,omitempty"`
		Steps       []stepJSON    `json:"steps,omitempty"`
		Demanded    *demandedJSON `json:"demanded,omitempty"`
		Weakened    []string      `json:"weakened"`
		Warnings    []string      `json:"warnings"`
		TrustedRoot string        `json:"trusted_root,omitempty"`
		Verify      string        `json:"verify,omitempty"`
		Before      bool          `json:"signed_before,omitempty"`
	}
	signerJSON struct {
		Subject   string            `json:"subject,omitempty"`
		Kind      string            `json:"kind,omitempty"`
		Issuer    string            `json:"issuer,omitempty"`
		Claims    map[string]string `json:"claims,omitempty"`
		Key       string            `json:"key"`
		Algorithm string            `json:"algorithm"`
		NotBefore *time.Time        `json:"not_before,omitempty"`
		NotAfter  *time.Time        `json:"not_after,omitempty"`
	}
	timeJSON struct {
		Time     time.Time `json:"time"`
		Source   string    `json:"source"`
		Name     string    `json:"name"`
		Accuracy string    `json:"accuracy,omitempty"`
	}
	logJSON struct {
		Name     string   `json:"name"`
		ID       string   `json:"id"`
		Index    int64    `json:"index"`
		Kind     string   `json:"kind"`
		TreeSize int64    `json:"tree_size,omitempty"`
		Evidence []string `json:"evidence"`
	}
	stepJSON struct {
		Check check.Check `json:"check"`
		Saw   string      `json:"saw"`
	}
	// A demandedJSON is how many proofs of each kind were demanded, by operators.
	demandedJSON struct {
		SCTs  int `json:"scts"`
		Logs  int `json:"logs"`
		Times int `json:"times"`
	}
	sctJSON struct {
		Log  string    `json:"log"`
		Time time.Time `json:"time"`
	}
)

func (v verdict) writeJSON(w io.Writer, explain bool) error {
	out := verdictJSON{Schema: schema, Artifact: v.artifact, Bundle: v.bundle, Found: v.found, OK: v.err == nil, Verify: v.publish, Before: v.before,
		Weakened: []string{}, Warnings: []string{}}
	if v.err != nil {
		out.Check, out.Error = check.Of(v.err), reason(v.err, 1024)
		var refused *check.Error
		if errors.As(v.err, &refused) {
			out.Rule, out.Next = refused.Rule, refused.Next
		}
	}
	if r := v.result; r != nil && v.err == nil {
		out.fill(r, explain)
	}
	return writeJSON(w, out)
}

// writeJSON writes v on one line. What a terminal could take for a command, or what
// turns text around, is escaped as JSON can, so that nothing of it is lost (ER-4).
func writeJSON(w io.Writer, v any) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(escapeJSON(line.Bytes()))
	return err
}

// escapeJSON escapes what printable escapes; outside of strings JSON has none of it.
func escapeJSON(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, r := range string(line) {
		switch {
		case r == '\n' || visible(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, "\\u%04x\\u%04x", high, low)
		default:
			out = fmt.Appendf(out, "\\u%04x", r)
		}
	}
	return out
}

func (out *verdictJSON) fill(r *verify.Result, explain bool) {
	out.Digest = r.Artifact.String()
	out.TrustedRoot = "sha256:" + hex.EncodeToString(r.Root[:])
	out.Demanded = &demandedJSON{r.Demanded.SCTs, r.Demanded.Logs, r.Demanded.Times}
	out.Weakened = append(out.Weakened, r.Weakened...)
	out.Warnings = append(out.Warnings, r.Warnings...)
	s := r.Signer
	out.Signer = &signerJSON{Subject: s.Subject, Kind: s.SubjectKind, Issuer: s.Issuer, Claims: s.Claims,
		Key: "sha256:" + s.KeyID, Algorithm: s.Algorithm}
	if s.Certificate != nil {
		out.Signer.NotBefore, out.Signer.NotAfter = &s.NotBefore, &s.NotAfter
	}
	for _, t := range r.Times {
		j := timeJSON{Time: t.Time.UTC(), Source: t.Source, Name: t.Name}
		if t.Accuracy > 0 {
			j.Accuracy = t.Accuracy.String()
		}
		out.Times = append(out.Times, j)
	}
	for _, l := range r.Logs {
		out.Logs = append(out.Logs, logJSON{Name: l.Name, ID: l.LogID, Index: l.Index, Kind: l.Kind, TreeSize: l.TreeSize, Evidence: l.Evidence})
	}
	for _, t := range r.SCTs {
		out.SCTs = append(out.SCTs, sctJSON{Log: t.Log, Time: t.Time.UTC()})
	}
	if r.Statement != nil {
		out.Predicate = r.Statement.PredicateType
	}
	if explain {
		for _, s := range r.Steps {
			out.Steps = append(out.Steps, stepJSON(s))
		}
	}
}
