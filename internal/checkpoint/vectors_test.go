package checkpoint

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
)

// vectors finds the folder of vectors beside the repository.
func vectors(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "shared", "vectors")
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skip("SKIPPED: no folder shared/vectors above this package; nothing real was read")
	return ""
}

type vectorLog struct {
	BaseURL   string `json:"baseUrl"`
	PublicKey struct {
		RawBytes []byte `json:"rawBytes"`
	} `json:"publicKey"`
	LogID struct {
		KeyID []byte `json:"keyId"`
	} `json:"logId"`
}

func readJSON(t *testing.T, path string, v any) error {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

// TestVectors_Checkpoints verifies the checkpoint of every good vector with a
// log of its trusted root, and asserts which of the bad ones fail here.
func TestVectors_Checkpoints(t *testing.T) {
	root := vectors(t)
	bad := map[string]string{ // what each of them lacks
		"checkpoint-bad-keyhint_fail":                     "F2",
		"invalid-checkpoint-signature_fail":               "F1",
		"checkpoint-wrong-roothash_fail":                  "", // signature good, root differs from the proof
		"rekor2-checkpoint-missing-log-signature_fail":    "F3",
		"rekor2-checkpoint-no-matching-signature_fail":    "F4",
		"rekor2-checkpoint-missing-origin_fail":           "F5",
		"rekor2-checkpoint-missing-size_fail":             "F6",
		"rekor2-checkpoint-missing-root-hash_fail":        "F7",
		"bundle-from-wrong-instance_fail":                 "E26",
		"rekor2-timestamp-with-incorrect-time_fail":       "",
		"rekor2-timestamp-outside-tsa-cert-validity_fail": "",
	}
	dirs, err := filepath.Glob(filepath.Join(root, "sigstore-conformance", "*", "bundle.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, path := range dirs {
		name := filepath.Base(filepath.Dir(path))
		var doc struct {
			VerificationMaterial struct {
				TlogEntries []struct {
					KindVersion    struct{ Kind, Version string }
					InclusionProof struct {
						Checkpoint struct{ Envelope string }
					}
				}
			}
		}
		if readJSON(t, path, &doc) != nil {
			continue // its fault is in the JSON
		}
		var trusted struct {
			Tlogs []vectorLog `json:"tlogs"`
		}
		if err := readJSON(t, filepath.Join(filepath.Dir(path), "trusted_root.json"), &trusted); err != nil {
			if err := readJSON(t, filepath.Join(root, "public-good", "trusted_root.json"), &trusted); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range doc.VerificationMaterial.TlogEntries {
			envelope := e.InclusionProof.Checkpoint.Envelope
			if envelope == "" {
				continue
			}
			fault, listed := bad[name]
			if strings.HasSuffix(name, "_fail") && !listed {
				continue // another fault; the checkpoint may be anything
			}
			ran++
			t.Run(name+" "+fault, func(t *testing.T) {
				want := check.Check("")
				if fault != "" {
					want = check.Checkpoint
				}
				refused(t, byAny(t, envelope, e.KindVersion == struct{ Kind, Version string }{"hashedrekord", "0.0.2"}, trusted.Tlogs), want)
			})
		}
	}
	if ran < 30 {
		t.Errorf("only %d checkpoints were verified, want at least 30", ran)
	}
	t.Logf("%d checkpoints", ran)
}

// byAny verifies a checkpoint with the log that fits, and returns the last error.
func byAny(t *testing.T, envelope string, v2 bool, logs []vectorLog) error {
	c, err := Parse(envelope)
	if err != nil {
		return err
	}
	for _, log := range logs {
		pub, perr := x509.ParsePKIXPublicKey(log.PublicKey.RawBytes)
		if perr != nil {
			t.Fatal(perr)
		}
		_, host, _ := strings.Cut(strings.TrimSuffix(log.BaseURL, "/"), "://")
		k := Key{Name: host, Public: pub}
		if v2 {
			err = c.CheckOrigin(host)
		} else {
			k.ID = log.LogID.KeyID
			k.Name, _, err = SplitV1(c.Origin)
		}
		if err == nil {
			err = c.Verify(k)
		}
		if err == nil {
			return nil
		}
	}
	return err
}
