package main

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// A sample is one bundle with what is asked about it.
type sample struct {
	bundle, artifact []byte
	digest           [sha256.Size]byte
}

// A corpus is many good bundles under one trusted root. As on the public
// instance, the authority has a root and an intermediate on P-384 and certifies
// keys on P-256.
type corpus struct {
	name    string
	root    []byte // trusted root, JSON
	samples []sample
}

const (
	issuer  = "https://accounts.example.com"
	subject = "alice@example.com"
)

// A recipe says how the bundles of a corpus are made.
type recipe struct {
	generation int  // of the log
	stamped    bool // a timestamp beside the promise of a log of the first generation
	shared     bool // one certificate signs everything
	attested   bool // in-toto statements instead of files
}

func (r recipe) String() string {
	certificates, content := "one certificate each", "files"
	if r.shared {
		certificates = "one certificate for all"
	}
	if r.attested {
		content = "attestations"
	}
	log := fmt.Sprintf("Rekor v%d", r.generation)
	if r.stamped {
		log += " and timestamp"
	}
	return fmt.Sprintf("%s, %s, %s", log, content, certificates)
}

// newCorpus makes n bundles with distinct artifacts, signatures, timestamps and
// log entries, each with a checkpoint of its own.
func newCorpus(r recipe, n int) *corpus {
	w := sigtest.At(nil, "rekor.example.com")
	log := w.Log1
	if r.generation == 2 {
		log = w.Log2
		log.Name, log.Origin = w.Host, w.Host // sigstore-go looks for the host alone in checkpoints
	}
	c := &corpus{name: r.String(), root: w.TrustedRoot()}
	for i := range n {
		artifact := fmt.Appendf(nil, "file %d\n", i)
		m := sigtest.Maker{Artifact: artifact, Logs: []*sigtest.Log{log}}
		if r.attested {
			m.Statement = sigtest.Statement("file", artifact, "https://example.com/predicate")
		}
		if !r.shared {
			m.Key = sigtest.Key{Signer: sigtest.ECDSA(elliptic.P256(), fmt.Sprint("signer ", i)), Hash: crypto.SHA256}
			w.Clock.Set(sigtest.T0.Add(time.Duration(i) * time.Minute))
		}
		if r.stamped {
			m.TSAs = []*sigtest.TSA{w.TSA}
		}
		c.samples = append(c.samples, sample{w.Make(m).As(bundle.V03), artifact, sha256.Sum256(artifact)})
	}
	return c
}

// recipes are all that are measured. The public instance's clients now ask for a
// timestamp and log with Rekor v1; with Rekor v2 there always is a timestamp.
func recipes() []recipe {
	var out []recipe
	for _, shared := range []bool{false, true} {
		for _, attested := range []bool{false, true} {
			for _, r := range []recipe{{generation: 1}, {generation: 1, stamped: true}, {generation: 2}} {
				r.shared, r.attested = shared, attested
				out = append(out, r)
			}
		}
	}
	return out
}

// benchName is name without what benchmarks print otherwise.
func (c *corpus) benchName() string {
	return strings.NewReplacer(", ", "/", " ", "_").Replace(c.name)
}
