package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/verify"
)

// predicateTypes are the short names of predicate types.
var predicateTypes = map[string]string{
	"slsaprovenance1":  "https://slsa.dev/provenance/v1",
	"slsaprovenance02": "https://slsa.dev/provenance/v0.2",
	"link":             "https://in-toto.io/Link/v1",
	"spdx":             "https://spdx.dev/Document",
	"cyclonedx":        "https://cyclonedx.org/bom",
	"vuln":             "https://cosign.sigstore.dev/attestation/vuln/v1",
	"openvex":          "https://openvex.dev/ns",
	"custom":           "https://cosign.sigstore.dev/attestation/v1",
}

// predicateType returns the URI of a short name, or the URI itself.
func predicateType(name string) (string, error) {
	if uri, ok := predicateTypes[name]; ok {
		return uri, nil
	}
	if !strings.Contains(name, ":") {
		return "", usage("there is no predicate type %q", name).
			WithNext("write a URI or one of " + strings.Join(slices.Sorted(maps.Keys(predicateTypes)), ", "))
	}
	return name, nil
}

// typeName returns the short name of a predicate type, or the URI itself.
func typeName(uri string) string {
	for name, u := range predicateTypes {
		if u == uri {
			return name
		}
	}
	return uri
}

// demandAttestation makes a policy demand a statement with this predicate.
func demandAttestation(p *verify.Policy, name string) (err error) {
	if name == "" {
		return nil
	}
	p.Content = verify.Attestation
	p.Predicate, err = predicateType(name)
	return err
}
