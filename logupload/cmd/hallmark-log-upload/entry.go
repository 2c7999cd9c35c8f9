package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
)

// Bounds of the files that are read. The log gets the whole file, in base64.
const (
	maxFile = 32 << 20 // bytes of a file that an entry is made of
	maxPart = 1 << 20  // bytes of a signature or a key
)

// version is that of every kind of entry here.
const version = "0.0.1"

// A request is what the command line asks for.
type request struct {
	form                 string
	file, signature, key string
}

// An answer is what is printed.
type answer struct {
	Schema   int             `json:"schema"`
	Kind     string          `json:"kind"`
	Version  string          `json:"version"`
	File     string          `json:"file"`     // "sha256:" and the hash of the file that was read
	Subjects []string        `json:"subjects"` // names in the key, which become public
	Bodies   []string        `json:"bodies"`   // SHA-256 of every form in which the log may write the entry
	Proposed json.RawMessage `json:"proposed"` // what the log is asked to take
}

// entry makes the entry and verifies it as the log will.
func (r request) entry(ctx context.Context) (*answer, error) {
	f, known := forms()[r.form]
	if !known {
		return nil, fmt.Errorf("type is %q, want one of %s", r.form, strings.Join(formNames(), ", "))
	}
	props, err := r.read(f)
	if err != nil {
		return nil, err
	}
	proposed, err := types.NewProposedEntry(ctx, f.kind, version, props)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(proposed)
	if err != nil {
		return nil, err
	}
	impl, body, err := written(ctx, raw)
	if err != nil {
		return nil, err
	}
	a := &answer{Schema: 1, Kind: f.kind, Version: version, Proposed: raw, Subjects: subjects(impl)}
	sum := sha256.Sum256(props.ArtifactBytes)
	a.File = "sha256:" + hex.EncodeToString(sum[:])
	bodies := [][]byte{body}
	if f.pgp {
		if bodies, err = orders(body, props.PublicKeyBytes[0]); err != nil {
			return nil, err
		}
	}
	for _, b := range bodies {
		sum := sha256.Sum256(b)
		a.Bodies = append(a.Bodies, hex.EncodeToString(sum[:]))
	}
	return a, nil
}

// written reads a proposal as the log does, which verifies the signature, and
// returns the body that the log writes.
func written(ctx context.Context, raw []byte) (types.EntryImpl, []byte, error) {
	proposed, err := models.UnmarshalProposedEntry(bytes.NewReader(raw), jsonConsumer{})
	if err != nil {
		return nil, nil, err
	}
	impl, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		return nil, nil, err
	}
	body, err := types.CanonicalizeEntry(ctx, impl)
	return impl, body, err
}

// A jsonConsumer decodes JSON for rekor's models.
type jsonConsumer struct{}

func (jsonConsumer) Consume(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	return d.Decode(v)
}

// subjects returns the names in the keys of an entry.
func subjects(impl types.EntryImpl) []string {
	out := []string{}
	keys, err := impl.Verifiers()
	if err != nil {
		return out // a timestamp has none
	}
	for _, k := range keys {
		out = append(out, k.Subjects()...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// read reads the files. Rekor's packages would fetch what they are given as a URL
// or a path, so they are given nothing but bytes.
func (r request) read(f form) (types.ArtifactProperties, error) {
	props := types.ArtifactProperties{PKIFormat: f.format}
	if f.signature != (r.signature != "") {
		return props, fmt.Errorf("type %s %s --signature", r.form, needs(f.signature))
	}
	if f.key != (r.key != "") {
		return props, fmt.Errorf("type %s %s --key", r.form, needs(f.key))
	}
	var err error
	if props.ArtifactBytes, err = readFile(r.file, maxFile); err != nil {
		return props, err
	}
	if f.signature {
		if props.SignatureBytes, err = readFile(r.signature, maxPart); err != nil {
			return props, err
		}
	}
	if f.key {
		key, err := readFile(r.key, maxPart)
		if err != nil {
			return props, err
		}
		if err := public(key, f); err != nil {
			return props, fmt.Errorf("%s: %w", r.key, err)
		}
		props.PublicKeyBytes = [][]byte{key}
	}
	if f.kind == "helm" {
		return props, oneChart(props.ArtifactBytes)
	}
	return props, nil
}

func needs(b bool) string {
	if b {
		return "needs"
	}
	return "has no"
}

func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > most:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, most)
	case len(data) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	}
	return data, nil
}

var errSecret = errors.New("holds a private key, want the public key; nothing was sent")

// public refuses a file with a secret: the log gets the file as it is.
func public(key []byte, f form) error {
	text := bytes.ToUpper(key)
	for _, mark := range []string{"PRIVATE KEY", "SECRET KEY"} {
		if bytes.Contains(text, []byte(mark)) {
			return errSecret
		}
	}
	if f.pgp {
		return publicPGP(key)
	}
	return nil
}
