package conformance_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/c2sp/wycheproof"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// TestJ4_J5_J6_Wycheproof puts the signatures of Project Wycheproof into bundles
// of managed keys. Left out: Ed25519, which signs the artifact itself and not its
// digest (J11), and RSA-PSS, which only an entry of a log can ask for (SG-3).
func TestJ4_J5_J6_Wycheproof(t *testing.T) {
	root, err := trustroot.Parse(sigtest.New(t).TrustedRoot())
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.New(root, verify.Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]struct {
		hash  crypto.Hash
		tests int
	}{
		"ecdsa_secp256r1_sha256_test": {crypto.SHA256, 474}, "ecdsa_secp384r1_sha384_test": {crypto.SHA384, 494},
		"ecdsa_secp521r1_sha512_test": {crypto.SHA512, 532}, "rsa_signature_2048_sha256_test": {crypto.SHA256, 259},
		"rsa_signature_3072_sha256_test": {crypto.SHA256, 259}, "rsa_signature_4096_sha256_test": {crypto.SHA256, 258},
	} {
		t.Run(file, func(t *testing.T) {
			var set struct {
				Groups []struct {
					Key   string `json:"publicKeyPem"`
					Tests []struct {
						ID                   int `json:"tcId"`
						Comment, Msg, Result string
						Sig                  string
					}
				} `json:"testGroups"`
			}
			data, err := fs.ReadFile(wycheproof.TestVectors, file+".json")
			if err == nil {
				err = json.Unmarshal(data, &set)
			}
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for _, group := range set.Groups {
				key, err := verify.ParsePublicKey([]byte(group.Key))
				if err != nil {
					t.Fatal(err)
				}
				policy := verify.AnyOf(verify.Key{Public: key, AssumeNow: true})
				for _, test := range group.Tests {
					count++
					err := signed(v, policy, want.hash, test.Msg, test.Sig)
					switch {
					case test.Result == "valid" && err != nil:
						t.Errorf("%d, %s: got %v, want it to verify", test.ID, test.Comment, err)
					case test.Result == "invalid" && check.Of(err) != check.Signature:
						t.Errorf("%d, %s: got %v, want check signature", test.ID, test.Comment, err)
					case test.Result == "acceptable" && err == nil: // a missing NULL of PKCS #1
						t.Errorf("%d, %s: verifies", test.ID, test.Comment)
					}
				}
			}
			if count != want.tests {
				t.Errorf("ran %d tests, want %d", count, want.tests)
			}
		})
	}
}

// signed verifies a signature over a message, both in hexadecimal digits.
func signed(v *verify.Verifier, p verify.Policy, h crypto.Hash, message, signature string) error {
	m, err := hex.DecodeString(message)
	if err != nil {
		return err
	}
	sig, err := hex.DecodeString(signature)
	if err != nil {
		return err
	}
	artifact, err := verify.Hash(strings.NewReader(string(m)), h)
	if err != nil {
		return err
	}
	_, err = v.Verify(&bundle.Bundle{
		Version: bundle.V03, PublicKey: &bundle.PublicKey{}, Message: &bundle.Message{Signature: sig},
	}, artifact, p, time.Now())
	return err
}

// TestLG1_PublishedConsistencyProofs reads the vectors that package merkle brings.
func TestLG1_PublishedConsistencyProofs(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/transparency-dev/merkle")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	err = filepath.WalkDir(filepath.Join(strings.TrimSpace(string(out)), "testdata", "consistency"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var v struct {
			Size1, Size2 uint64
			Root1, Root2 []byte
			Proof        [][]byte
			Desc         string
			WantErr      bool
		}
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		count++
		err = inclusion.Consistent(v.Size1, v.Root1, v.Size2, v.Root2, v.Proof)
		if v.Size1 == 0 || len(v.Root1) != sha256.Size { // neither is a tree that a log of ours signs
			v.WantErr = true
		}
		if (err != nil) != v.WantErr || err != nil && check.Of(err) != check.Proof {
			t.Errorf("%s, %s: got %v, want refused %v by proof", filepath.Base(path), v.Desc, err, v.WantErr)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if count < 97 {
		t.Errorf("read %d vectors, want 97 at least", count)
	}
}
