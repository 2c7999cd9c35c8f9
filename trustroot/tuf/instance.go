package tuf

import (
	_ "embed" // the data files
	"time"
)

//go:embed embedded/public_root.json
var publicRoot string

//go:embed embedded/public_trusted_root.json
var publicTrustedRoot string

//go:embed embedded/staging_root.json
var stagingRoot string

// An Instance is a Sigstore deployment that is known by name.
type Instance struct {
	Name     string
	Mirror   string    // URL of its TUF repository
	Root     []byte    // the pinned root metadata
	Fallback *Snapshot // nil if none
}

// Instances returns the built-in instances, the public one first.
func Instances() []Instance {
	return []Instance{
		{
			Name:   "public",
			Mirror: "https://tuf-repo-cdn.sigstore.dev",
			Root:   []byte(publicRoot),
			Fallback: &Snapshot{
				TrustedRoot: []byte(publicTrustedRoot),
				Date:        time.Date(2026, time.November, 5, 0, 0, 0, 0, time.UTC),
			},
		},
		{
			Name:   "staging",
			Mirror: "https://tuf-repo-cdn.sigstage.dev",
			Root:   []byte(stagingRoot),
		},
	}
}

// Config returns the configuration for i. The caller completes it.
func (i Instance) Config() *Config {
	return &Config{Mirror: i.Mirror, Root: i.Root, Fallback: i.Fallback}
}
