package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1image "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A verb is something that makes log entries.
type verb struct {
	name    string
	entries int  // it makes in one run
	sparse  bool // fewer logs are enough: it shares its way with another verb
	// prepare makes the inputs and the command.
	prepare func(r *trial)
	faults  func() []fault
}

var verbs []*verb

func init() {
	files := []string{stepTUF, stepToken, stepFulcio, stepTimestamp, stepLog}
	verbs = []*verb{
		{"sign", 1, false, signFile, func() []fault {
			return slices.Concat(serviceFaults(files...), targetFaults(), folderFaults(), meanwhileFaults(), stateFaults(), []fault{threeAtOnce})
		}},
		{"attest", 1, true, attestFile, func() []fault {
			return slices.Concat(serviceFaults(files...), targetFaults(), folderFaults(), meanwhileFaults(), stateFaults(), []fault{threeAtOnce})
		}},
		{"sign 20 files", batch, false, signBatch, func() []fault {
			return slices.Concat(serviceFaults(files...), batchFaults(), folderFaults(), stateFaults())
		}},
		{"log upload", 1, false, uploadSignature, func() []fault {
			return slices.Concat(serviceFaults(stepTUF, stepState, stepLog), targetFaults(), folderFaults(), meanwhileFaults(), stateFaults(), []fault{threeAtOnce})
		}},
		{"sign IMAGE", 1, false, signImage, func() []fault {
			steps := append(slices.Clone(files), stepResolve, stepReferrers, stepUpload, stepManifest)
			return slices.Concat(serviceFaults(steps...), stateFaults(), imageFaults())
		}},
		{"sign IMAGE --bundle", 1, true, signImageFile, func() []fault {
			return slices.Concat(serviceFaults(stepLog), targetFaults(), folderFaults(), meanwhileFaults(), stateFaults())
		}},
		{"sign oci:DIR", 1, true, signLayout, func() []fault {
			return slices.Concat(serviceFaults(stepTUF, stepToken, stepFulcio, stepTimestamp, stepLog), folderFaults(), meanwhileFaults()[:3], stateFaults())
		}},
	}
}

func signFile(r *trial) {
	r.write("f", r.content("f"))
	r.place("f.sigstore.json")
	r.args = []string{"sign", "f", "--yes"}
}

func attestFile(r *trial) {
	r.write("f", r.content("f"))
	r.write("p.json", []byte(`{"built":"here"}`))
	r.place("f.custom.sigstore.json")
	r.args = []string{"attest", "f", "--predicate", "p.json", "--type", "custom", "--yes"}
}

// batch is how many files a batch has.
const batch = 20

func signBatch(r *trial) {
	r.args = []string{"sign"}
	for i := range batch {
		name := fmt.Sprintf("f-%02d", i)
		r.inputs = append(r.inputs, input{filepath.Join(out, name), r.content(name)})
		r.targets = append(r.targets, filepath.Join(out, name+".sigstore.json"))
		r.args = append(r.args, filepath.Join(out, name))
	}
	r.args = append(r.args, "--yes")
}

func uploadSignature(r *trial) {
	data := r.content("f")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r.must(err)
	sum := sha256.Sum256(data)
	sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	r.must(err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	r.must(err)
	r.write("f", data)
	r.write("f.sig", sig)
	r.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	r.place("f.sigstore.json")
	log := "127.0.0.1"
	if r.log.generation == 1 {
		log = r.URL(sandbox.Rekor1)
	}
	r.args = []string{"log", "upload", "f", "--signature", "f.sig", "--key", "key.pem", "--log", log, "--yes"}
}

func oneImage(r *trial) v1image.Image {
	image, err := random.Image(256, 1)
	r.must(err)
	return mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

func signImage(r *trial) {
	image := oneImage(r)
	ref, err := name.ParseReference(fmt.Sprintf("%s/team/app%d:1", host(r.URL(sandbox.Registry)), r.number), name.Insecure)
	r.must(err)
	r.must(remote.Write(ref, image, remote.WithContext(r.t.Context())))
	digest, err := image.Digest()
	r.must(err)
	subject := ref.Context().Digest(digest.String())
	r.image = &subject
	r.args = []string{"sign", ref.String(), "--yes"}
}

func signImageFile(r *trial) {
	signImage(r)
	r.place("i.sigstore.json")
}

func signLayout(r *trial) {
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: oneImage(r)})
	from := filepath.Join(r.dir, "layout")
	_, err := layout.Write(from, index)
	r.must(err)
	r.copied = from
	r.args = []string{"sign", "oci:" + filepath.Join(out, "layout"), "--yes"}
}

// isPush says whether a request writes to a registry.
func isPush(r *http.Request) bool {
	return r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
}
