package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os/exec"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog"
)

// A form is what a kind of entry is made of, and how it is called.
type form struct {
	kind, what     string
	signature, key bool // are in files of their own
}

func forms() map[string]form {
	return map[string]form{
		"pgp":      {"rekord", "PGP signatures", true, true},
		"minisign": {"rekord", "minisign signatures", true, true},
		"ssh":      {"rekord", "SSH signatures", true, true},
		"rekord":   {"rekord", "entries of kind rekord", true, true},
		"rpm":      {"rpm", "RPM packages", false, true},
		"alpine":   {"alpine", "Alpine packages", false, true},
		"helm":     {"helm", "provenance of Helm charts", false, true},
		"tuf":      {"tuf", "TUF metadata", false, true},
		"cose":     {"cose", "COSE messages", false, true},
		"jar":      {"jar", "signed JAR archives", false, false},
		"rfc3161":  {"rfc3161", "timestamps", false, false},
	}
}

func formNames() []string { return slices.Sorted(maps.Keys(forms())) }

// checkForm refuses flags that do not fit a kind of entry.
func (o *uploadOptions) checkForm(file string) error {
	f, known := forms()[o.form]
	switch {
	case o.form == "pkcs7":
		return usage("no log takes a PKCS #7 signature over a file; logs of the first generation take one inside a JAR archive").
			WithNext("use --type jar for that, or upload the signature of the certificate's key with --certificate")
	case !known:
		return usage("--type is %q, want one of %s", o.form, strings.Join(formNames(), ", "))
	case f.signature && o.signature == "":
		return usage("--type %s needs --signature", o.form)
	case !f.signature && o.signature != "":
		return usage("--type %s excludes --signature: it is in the file", o.form)
	case f.key && o.key == "":
		return usage("--type %s needs --key", o.form)
	case !f.key && o.key != "":
		return usage("--type %s excludes --key: it is in the file", o.form)
	case o.certificate != "":
		return usage("--type excludes --certificate")
	case o.bundle != "":
		return usage("--type excludes --bundle: no bundle holds such an entry")
	case isDigest(file):
		return usage("--type needs the file, the log verifies it")
	}
	return nil
}

const maxProposed = 48 << 20 // bytes of the answer of hallmark-log-upload

// A madeEntry is what the program prints.
type madeEntry struct {
	Schema   int             `json:"schema"`
	Kind     string          `json:"kind"`
	Version  string          `json:"version"`
	File     string          `json:"file"`
	Subjects []string        `json:"subjects"`
	Bodies   []string        `json:"bodies"`
	Proposed json.RawMessage `json:"proposed"`
}

// typed has the program make the upload of another kind of entry; it verifies the
// signature.
func (o *uploadOptions) typed(ctx context.Context, arg string, p *progress) (*upload, error) {
	file, err := hashFile(ctx, arg, p, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	args := []string{"--type", o.form}
	if o.signature != "" {
		args = append(args, "--signature", o.signature)
	}
	if o.key != "" {
		args = append(args, "--key", o.key)
	}
	out, err := runUploadProgram(ctx, append(args, "--", arg))
	if err != nil {
		return nil, err
	}
	digest := "sha256:" + hex.EncodeToString(file.Sum(crypto.SHA256))
	made, proposal, err := readMade(out, forms()[o.form].kind, digest)
	if err != nil {
		return nil, badAnswer(err)
	}
	lines := []string{"file      sent to the log as it is"}
	for _, name := range made.Subjects {
		lines = append(lines, "name      "+name)
	}
	return &upload{digest: digest, lines: lines, send: func(ctx context.Context, w tlog.Writer) (tlog.Receipt, error) {
		return w.Propose(ctx, *proposal)
	}}, nil
}

// readMade reads the answer of the program and compares it with what was asked for.
func readMade(out []byte, kind, digest string) (*madeEntry, *tlog.Proposal, error) {
	var m madeEntry
	if err := strictjson.Unmarshal(out, &m); err != nil {
		return nil, nil, err
	}
	if m.Schema != 1 {
		return nil, nil, check.Refuse("", check.Version, "schema is %d, want 1", m.Schema).WithNext("install the program of this version of hallmark")
	}
	if m.File != digest {
		return nil, nil, check.Refuse("SG-16", check.Digest, "entry is about a file with %q, want %q", m.File, digest)
	}
	var head struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	if err := strictjson.UnmarshalOpen(m.Proposed, &head); err != nil {
		return nil, nil, err
	}
	if m.Kind != kind || head.Kind != kind || head.Version != m.Version {
		return nil, nil, check.Refuse("", check.Entry, "entry is %q %q with a proposal of %q %q, want %q", m.Kind, m.Version, head.Kind, head.Version, kind)
	}
	p := &tlog.Proposal{Kind: m.Kind, Version: m.Version, Request: m.Proposed}
	for _, text := range m.Bodies {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != sha256.Size {
			return nil, nil, check.Refuse("", check.Digest, "body is %q, want 64 hexadecimal digits", text)
		}
		p.Bodies = append(p.Bodies, [sha256.Size]byte(sum))
	}
	if len(p.Bodies) == 0 {
		return nil, nil, check.Refuse("", check.Entry, "no body of the entry is given")
	}
	return &m, p, nil
}

// badAnswer says that the program and not the file is at fault.
func badAnswer(err error) error {
	var refused *check.Error
	if errors.As(err, &refused) {
		return refused.At(strings.TrimSuffix("answer of "+uploadProgram+": "+refused.Field, ": "))
	}
	return err
}

var errNoUploadProgram = errors.New("is not installed, and this kind of entry needs it")

// missingProgram says how to install the program.
func missingProgram(err error) error {
	if !errors.Is(err, exec.ErrNotFound) {
		return &check.Error{Check: check.FS, Field: uploadProgram, Err: err}
	}
	return &check.Error{Check: check.FS, Field: uploadProgram, Err: errNoUploadProgram,
		Next: "go install github.com/hallmarksign/hallmark/logupload/cmd/" + uploadProgram + "@latest, or make logupload in the source, and put it on the PATH"}
}
