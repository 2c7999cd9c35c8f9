package oci

import (
	"encoding/json"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// SignPredicate is the predicate type of a statement that signs an image and
// says no more about it.
const SignPredicate = "https://sigstore.dev/cosign/sign/v1"

// signType is what the type of a simple signing payload must be (OC-4).
const signType = "cosign container image signature"

// SigningStatement returns the in-toto statement to sign for an image and, when
// given, children of it: one statement about all, to be attached to each. The
// annotations may be nil.
func SigningStatement(annotations map[string]string, a Artifact, children ...Artifact) ([]byte, error) {
	type subject struct {
		Digest      map[string]string `json:"digest"`
		Annotations map[string]string `json:"annotations"`
	}
	if annotations == nil {
		annotations = map[string]string{}
	}
	statement := struct {
		Type          string    `json:"_type"`
		Subjects      []subject `json:"subject"`
		PredicateType string    `json:"predicateType"`
		Predicate     struct{}  `json:"predicate"`
	}{Type: "https://in-toto.io/Statement/v1", PredicateType: SignPredicate}
	var named []string
	for _, about := range slices.Concat([]Artifact{a}, children) {
		if !isDigest(about.Digest) {
			return nil, check.Refuse("OC-4", check.Usage, "artifact %q is not resolved", about.Name)
		}
		if slices.Contains(named, about.Digest) {
			continue
		}
		named = append(named, about.Digest)
		statement.Subjects = append(statement.Subjects, subject{
			Digest: map[string]string{"sha256": about.Digest[len("sha256:"):]}, Annotations: annotations})
	}
	if len(statement.Subjects) > dsse.MaxSubjects {
		return nil, check.Refuse("LM-3", check.Limit, "statement would have %d subjects, want at most %d", len(statement.Subjects), dsse.MaxSubjects).
			WithNext("sign the index alone with --no-recursive, and then each image behind it")
	}
	return json.Marshal(statement)
}

// A simpleSigning is the payload of signatures under old tags.
type simpleSigning struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// SimplePayload returns what to sign for an image in the older scheme.
func SimplePayload(annotations map[string]string, a Artifact) ([]byte, error) {
	if !isDigest(a.Digest) {
		return nil, check.Refuse("OC-4", check.Usage, "artifact %q is not resolved", a.Name)
	}
	var p simpleSigning
	p.Critical.Identity.Reference = a.PublicName()
	p.Critical.Image.Digest = a.Digest
	p.Critical.Type = signType
	for key, value := range annotations {
		if p.Optional == nil {
			p.Optional = map[string]any{}
		}
		p.Optional[key] = value
	}
	return json.Marshal(p)
}

// maxPayload bounds a simple signing payload.
const maxPayload = 1 << 20 // unit: bytes of a simple signing payload; a larger one is refused

// checkPayload checks that a simple signing payload names the image (OC-4). The
// reference in it was a name at the time of signing and binds nothing: images
// are copied.
func checkPayload(payload []byte, digest string) error {
	var p simpleSigning
	if err := strictjson.UnmarshalOpen(payload, &p); err != nil {
		return check.Refuse("OC-4", check.Statement, "signed payload: %v", err)
	}
	if p.Critical.Type != signType {
		return check.Refuse("OC-4", check.Statement, "is %q, want %q", strictjson.Clip(p.Critical.Type), signType).At("critical.type")
	}
	if p.Critical.Image.Digest != digest {
		return check.Refuse("OC-4", check.Statement, "is %q, want %s", strictjson.Clip(p.Critical.Image.Digest), digest).
			At("critical.image.docker-manifest-digest")
	}
	return nil
}
