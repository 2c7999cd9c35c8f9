package main

import (
	"crypto"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// statementType is the version of statements that is written.
const statementType = "https://in-toto.io/Statement/v1"

const maxStatement = 8 << 20 // bytes of a predicate or a statement

// attestOptions say what is stated about the files.
type attestOptions struct {
	predicate string // file
	typeName  string // short name or URI
	statement string // file, instead of both
}

func newAttest(e *env, done *outcome) *cobra.Command {
	o := signOptions{attest: &attestOptions{}}
	cmd := &cobra.Command{
		Use:   "attest FILE... --predicate P --type T",
		Short: "Sign a statement about files; writes FILE.T.sigstore.json",
		Long: `Sign an in-toto statement that says something about each file: where it was built,
what it contains, what is known to be wrong with it. The predicate is a JSON file
of the given type; --statement takes a whole statement that names the file.`,
		Example: `  hallmark attest app.tar.gz --predicate sbom.spdx.json --type spdx
  hallmark attest dist/* --predicate provenance.json --type slsaprovenance1
  hallmark verify app.tar.gz --type spdx --from google:alice@example.com`,
		RunE: o.run(e, done),
	}
	f := cmd.Flags()
	f.StringVar(&o.attest.predicate, "predicate", "", "JSON `FILE` with the predicate")
	f.StringVar(&o.attest.typeName, "type", "", "predicate `TYPE`: slsaprovenance1, slsaprovenance02, spdx, cyclonedx, vuln, openvex, custom, or a URI")
	f.StringVar(&o.attest.statement, "statement", "", "sign this in-toto statement `FILE` as it is")
	o.register(f)
	return cmd
}

func (a *attestOptions) check(args []string) error {
	if a.statement != "" {
		if a.predicate != "" || a.typeName != "" {
			return usage("--statement excludes --predicate and --type")
		}
		if len(args) > 1 {
			return usage("--statement goes with one file, got %d", len(args))
		}
		return nil
	}
	if a.predicate == "" || a.typeName == "" {
		return usage("--predicate and --type are needed").WithNext("hallmark attest FILE --predicate P --type T")
	}
	if slices.Contains(args, "-") {
		return usage("a statement needs the name of a file, not standard input")
	}
	_, err := predicateType(a.typeName)
	return err
}

// suffix is what the bundle of an attestation is called after the file.
func (a *attestOptions) suffix() string { return attestationSuffix(a.typeName) }

// attestationSuffix is the end of the name of an attestation's bundle: types with
// a short name have their own, so that a file can have several. Name and URI of a type
// are the same type.
func attestationSuffix(predicate string) string {
	name := typeName(predicate)
	if _, short := predicateTypes[name]; short {
		return "." + name + ".sigstore.json"
	}
	return ".att.sigstore.json"
}

// subjectName is what a statement calls its subject.
func subjectName(t *target) string {
	if t.place != nil {
		return t.place.to[0].PublicName()
	}
	return filepath.Base(t.arg)
}

// fill makes the statement about each target.
func (a *attestOptions) fill(targets []*target) error {
	path := a.predicate
	if a.statement != "" {
		path = a.statement
	}
	data, err := readBounded(path, maxStatement)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if a.statement != "" {
			t.statement = data
		} else if t.statement, err = a.statementAbout(t, data); err != nil {
			return err
		}
		s, err := dsse.ParseStatement(t.statement)
		if err != nil {
			return named(path, err)
		}
		if _, err := s.Match(map[string]string{"sha256": hex.EncodeToString(t.artifact.Sum(crypto.SHA256))}); err != nil {
			return named(path, err)
		}
	}
	return nil
}

func (a *attestOptions) statementAbout(t *target, predicate []byte) ([]byte, error) {
	uri, err := predicateType(a.typeName)
	if err != nil {
		return nil, err
	}
	var document map[string]any
	if err := strictjson.UnmarshalOpen(predicate, &document); err != nil {
		return nil, &check.Error{Check: check.Predicate, Field: printable(a.predicate, 256), Err: fmt.Errorf("is not a JSON object: %w", err)}
	}
	type subject struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	return json.Marshal(struct {
		Type          string          `json:"_type"`
		Subject       []subject       `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}{
		statementType,
		[]subject{{subjectName(t), map[string]string{"sha256": hex.EncodeToString(t.artifact.Sum(crypto.SHA256))}}},
		uri, predicate,
	})
}
