package bundle_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
)

// second is a bundle as encoding/json reads it. It knows nothing of Parse.
type second struct {
	MediaType string `json:"mediaType"`
	Material  struct {
		Certificate *secondBlob `json:"certificate"`
		Chain       *struct {
			Certificates []secondBlob `json:"certificates"`
		} `json:"x509CertificateChain"`
		PublicKey *struct {
			Hint string `json:"hint"`
		} `json:"publicKey"`
		Entries    []secondEntry `json:"tlogEntries"`
		Timestamps struct {
			List []struct {
				Signed string `json:"signedTimestamp"`
			} `json:"rfc3161Timestamps"`
		} `json:"timestampVerificationData"`
	} `json:"verificationMaterial"`
	Message *struct {
		Digest *struct {
			Algorithm string `json:"algorithm"`
			Digest    string `json:"digest"`
		} `json:"messageDigest"`
		Signature string `json:"signature"`
	} `json:"messageSignature"`
	Envelope *struct {
		Payload     string `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			Sig   string `json:"sig"`
			KeyID string `json:"keyid"`
		} `json:"signatures"`
	} `json:"dsseEnvelope"`
}

type secondBlob struct {
	Raw string `json:"rawBytes"`
}

type secondEntry struct {
	LogIndex string `json:"logIndex"`
	LogID    struct {
		KeyID string `json:"keyId"`
	} `json:"logId"`
	Kind struct {
		Kind    string `json:"kind"`
		Version string `json:"version"`
	} `json:"kindVersion"`
	IntegratedTime string `json:"integratedTime"`
	Promise        struct {
		SET string `json:"signedEntryTimestamp"`
	} `json:"inclusionPromise"`
	Proof *struct {
		LogIndex   string   `json:"logIndex"`
		RootHash   string   `json:"rootHash"`
		TreeSize   string   `json:"treeSize"`
		Hashes     []string `json:"hashes"`
		Checkpoint struct {
			Envelope string `json:"envelope"`
		} `json:"checkpoint"`
	} `json:"inclusionProof"`
	Body string `json:"canonicalizedBody"`
}

// secondReader decodes data with encoding/json and own checks.
func secondReader(data []byte) (b *bundle.Bundle, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("second reader: %v", r)
		}
	}()
	var s second
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, err
	}
	version := map[string]bundle.Version{
		media + "+json;version=0.1": bundle.V01, media + "+json;version=0.2": bundle.V02,
		media + "+json;version=0.3": bundle.V03, media + ".v0.3+json": bundle.V03,
	}[s.MediaType]
	b = &bundle.Bundle{MediaType: s.MediaType, Version: version}
	m := s.Material
	if m.Certificate != nil {
		b.Certificate = raw(m.Certificate.Raw)
	}
	if m.Chain != nil {
		for i, c := range m.Chain.Certificates {
			if i == 0 {
				b.Certificate = raw(c.Raw)
			} else {
				b.Chain = append(b.Chain, raw(c.Raw))
			}
		}
	}
	if m.PublicKey != nil {
		b.PublicKey = &bundle.PublicKey{Hint: m.PublicKey.Hint}
	}
	for _, e := range m.Entries {
		b.Entries = append(b.Entries, e.entry())
	}
	for _, t := range m.Timestamps.List {
		b.Timestamps = append(b.Timestamps, raw(t.Signed))
	}
	if s.Message != nil {
		b.Message = &bundle.Message{Signature: raw(s.Message.Signature)}
		if d := s.Message.Digest; d != nil {
			b.Message.Digest = &bundle.Digest{Algorithm: d.Algorithm, Value: raw(d.Digest)}
		}
	}
	if e := s.Envelope; e != nil {
		if len(e.Signatures) != 1 {
			return nil, errors.New("not one signature")
		}
		b.Envelope = &bundle.Envelope{
			PayloadType: e.PayloadType, Payload: raw(e.Payload),
			Signature: raw(e.Signatures[0].Sig), KeyID: e.Signatures[0].KeyID,
		}
	}
	if version == 0 || (b.Message == nil) == (b.Envelope == nil) || (b.Certificate == nil) == (b.PublicKey == nil) {
		return nil, errors.New("not one of each")
	}
	return b, nil
}

func (e secondEntry) entry() bundle.Entry {
	out := bundle.Entry{
		LogIndex: integer(e.LogIndex), LogID: raw(e.LogID.KeyID), Kind: e.Kind.Kind, Version: e.Kind.Version,
		IntegratedTime: integer(e.IntegratedTime), Promise: raw(e.Promise.SET), Body: raw(e.Body),
	}
	if p := e.Proof; p != nil {
		out.Proof = &bundle.InclusionProof{
			LogIndex: integer(p.LogIndex), TreeSize: integer(p.TreeSize), RootHash: raw(p.RootHash), Checkpoint: p.Checkpoint.Envelope,
		}
		for _, h := range p.Hashes {
			out.Proof.Hashes = append(out.Proof.Hashes, raw(h))
		}
	}
	return out
}

func raw(s string) []byte {
	if s == "" {
		return nil
	}
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(out) != s {
		panic("base64 " + s)
	}
	return out
}

func integer(s string) int64 {
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s && s != "-0" {
		panic("integer " + s)
	}
	return n
}

// checkSecondReader fails if encoding/json reads another bundle from data.
func checkSecondReader(t *testing.T, data []byte, b *bundle.Bundle) {
	t.Helper()
	other, err := secondReader(data)
	if err != nil {
		t.Fatalf("accepted, but the second reader says %v: %q", err, data)
	}
	if !reflect.DeepEqual(other, b) {
		t.Fatalf("(-second reader +Parse):\n%s\n%q", cmp.Diff(other, b), data)
	}
}

func TestSecondReaderAgreesOnVectors(t *testing.T) {
	ran := 0
	for _, data := range readVectors(t) {
		if b, err := bundle.Parse(data); err == nil {
			ran++
			checkSecondReader(t, data, b)
		}
	}
	if ran != 70-len(refused) {
		t.Errorf("ran %d bundles, want %d", ran, 70-len(refused))
	}
}

func seeds(f *testing.F) {
	for _, s := range []string{good03, good03b, goodDSSE, goodKey, good02, good01} {
		f.Add([]byte(s))
	}
}

// FuzzParse: what is accepted means the same to a second reader and survives
// being written (BP-11).
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := bundle.Parse(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkSecondReader(t, data, b)
		b.Hashes()
		if b.Version == bundle.V03 {
			checkRoundTrip(t, "fuzz", b)
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*check.Error](err)
	if !ok || e.Check == "" || e.Check == check.Internal || len(err.Error()) > 1024 {
		t.Fatalf("got %T %v", err, err)
	}
}

// FuzzParseLegacy: what is accepted has one signer, one content, and entries as
// version 0.1 wants them.
func FuzzParseLegacy(f *testing.F) {
	cert := pemOf("CERTIFICATE", certificate(f, "ca", "leaf"))
	f.Add([]byte(legacyOf(cert, legacyEntry)))
	f.Add([]byte(`{"base64Signature":"` + b64([]byte(dsseText)) + `"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := bundle.ParseLegacy(data)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if (b.Message == nil) == (b.Envelope == nil) || (b.Certificate == nil) == (b.PublicKey == nil) || len(b.Entries) > 1 {
			t.Errorf("not one of each: %+v", b)
		}
		for _, e := range b.Entries {
			if len(e.Promise) == 0 || len(e.Body) == 0 || len(e.LogID) != 32 || e.LogIndex < 0 || e.IntegratedTime < 0 || e.Proof != nil {
				t.Errorf("entry: %+v", e)
			}
		}
		// Its parts as a bundle of version 0.3 must be acceptable as well.
		b.Entries = nil
		checkRoundTrip(t, "fuzz", b)
	})
}

// FuzzDetached: a certificate is taken over byte for byte or refused.
func FuzzDetached(f *testing.F) {
	der := certificate(f, "ca", "leaf")
	f.Add([]byte("signature"), der)
	f.Add([]byte("AAAA\n"), pemOf("CERTIFICATE", der))
	f.Add([]byte(dsseText), []byte(nil))
	f.Fuzz(func(t *testing.T, signature, cert []byte) {
		b, err := bundle.Detached(signature, cert)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if b.PublicKey != nil && len(cert) > 0 {
			t.Errorf("certificate %q became a key", cert)
		}
		if b.Certificate != nil && b.Certificate[0] != 0x30 {
			t.Errorf("certificate is %x", b.Certificate)
		}
		checkRoundTrip(t, "fuzz", b)
	})
}
