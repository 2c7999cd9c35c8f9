// Package samples makes signed files of every kind of entry that hallmark-log-upload
// knows, with new keys, for tests.
package samples

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"slices"

	"github.com/sigstore/rekor/pkg/pki/ssh"
	"github.com/veraison/go-cose"
	"golang.org/x/crypto/blake2b"
	xssh "golang.org/x/crypto/ssh"
)

// A Sample is a signed file. Signature and Key are nil where the file has them.
type Sample struct {
	Type                 string // of hallmark-log-upload
	Name                 string // what is special; "" if nothing
	File, Signature, Key []byte
	Kind                 string // of the entry
	Forms                int    // in how many ways the log may write it
}

// All makes one sample of each, all different from those of another call.
func All() ([]Sample, error) {
	var out []Sample
	for _, one := range []func() (Sample, error){
		func() (Sample, error) { return PGP("armored", true, "Alice <alice@example.com>") },
		func() (Sample, error) { return PGP("binary", false, "Alice <alice@example.com>") },
		func() (Sample, error) {
			return PGP("three names", true, "Alice <alice@example.com>", "Alice <alice@example.org>", "A. <a@example.net>")
		},
		Minisign, SSH, Rekord, PureEd25519, RPM, Helm, Alpine, TUF, COSE, JAR, Timestamp,
	} {
		s, err := one()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.Type, s.Name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// content is something that nobody signed before.
func content() []byte {
	return fmt.Appendf(nil, "an application %s\n", rand.Text())
}

// Minisign is a prehashed signature as minisign makes it.
func Minisign() (Sample, error) {
	s := Sample{Type: "minisign", Kind: "rekord", Forms: 1, File: content()}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return s, err
	}
	encode := func(algorithm string, data []byte) string {
		return base64.StdEncoding.EncodeToString(slices.Concat([]byte(algorithm), []byte("keyident"), data))
	}
	sum := blake2b.Sum512(s.File)
	signature := ed25519.Sign(private, sum[:])
	const comment = "timestamp:1700000000"
	global := ed25519.Sign(private, slices.Concat(signature, []byte(comment)))
	s.Key = []byte("untrusted comment: minisign public key\n" + encode("Ed", public) + "\n")
	s.Signature = fmt.Appendf(nil, "untrusted comment: signature\n%s\ntrusted comment: %s\n%s\n",
		encode("ED", signature), comment, base64.StdEncoding.EncodeToString(global))
	return s, nil
}

// SSH is a signature as ssh-keygen -Y sign -n file makes it.
func SSH() (Sample, error) {
	s := Sample{Type: "ssh", Kind: "rekord", Forms: 1, File: content()}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return s, err
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		return s, err
	}
	key, err := xssh.NewPublicKey(public)
	if err != nil {
		return s, err
	}
	s.Key = xssh.MarshalAuthorizedKey(key)
	s.Signature, err = ssh.Sign(string(pem.EncodeToMemory(block)), bytes.NewReader(s.File))
	return s, err
}

// Rekord is a signature by a key in PEM.
func Rekord() (Sample, error) {
	s := Sample{Type: "rekord", Kind: "rekord", Forms: 1, File: content()}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return s, err
	}
	sum := sha256.Sum256(s.File)
	if s.Signature, err = private.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
		return s, err
	}
	s.Key, err = publicPEM(private.Public())
	return s, err
}

// PureEd25519 is a signature that no hashedrekord can hold.
func PureEd25519() (Sample, error) {
	s := Sample{Type: "rekord", Name: "pure Ed25519", Kind: "rekord", Forms: 1, File: content()}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return s, err
	}
	s.Signature = ed25519.Sign(private, s.File)
	s.Key, err = publicPEM(public)
	return s, err
}

// COSE is a COSE_Sign1 message.
func COSE() (Sample, error) {
	s := Sample{Type: "cose", Kind: "cose", Forms: 1}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return s, err
	}
	signer, err := cose.NewSigner(cose.AlgorithmES256, private)
	if err != nil {
		return s, err
	}
	headers := cose.Headers{Protected: cose.ProtectedHeader{cose.HeaderLabelAlgorithm: cose.AlgorithmES256}}
	if s.File, err = cose.Sign1(rand.Reader, signer, headers, content(), nil); err != nil {
		return s, err
	}
	s.Key, err = publicPEM(private.Public())
	return s, err
}

func publicPEM(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}
