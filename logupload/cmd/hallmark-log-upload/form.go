package main

import (
	"maps"
	"slices"

	// The types of entries, which register themselves.
	_ "github.com/sigstore/rekor/pkg/types/alpine/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/cose/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/helm/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/jar/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/rekord/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/rfc3161/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/rpm/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/tuf/v0.0.1"
)

// A form is what a kind of entry is made of.
type form struct {
	kind      string // of the entry
	format    string // of key and signature, where the kind takes several
	signature bool   // is in a file of its own
	key       bool   // is in a file of its own
	pgp       bool   // the key is an OpenPGP key
}

func forms() map[string]form {
	return map[string]form{
		"pgp":      {kind: "rekord", format: "pgp", signature: true, key: true, pgp: true},
		"minisign": {kind: "rekord", format: "minisign", signature: true, key: true},
		"ssh":      {kind: "rekord", format: "ssh", signature: true, key: true},
		"rekord":   {kind: "rekord", format: "x509", signature: true, key: true},
		"rpm":      {kind: "rpm", key: true, pgp: true},
		"helm":     {kind: "helm", key: true, pgp: true},
		"alpine":   {kind: "alpine", key: true},
		"tuf":      {kind: "tuf", key: true},
		"cose":     {kind: "cose", key: true},
		"jar":      {kind: "jar"},
		"rfc3161":  {kind: "rfc3161"},
	}
}

func formNames() []string { return slices.Sorted(maps.Keys(forms())) }
