package stack

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// A keyring loads keys and certificates from a folder and makes the missing
// ones, so that a restart on the same folder is the same Sigstore.
type keyring struct{ dir string }

func (k keyring) path(name string) string { return filepath.Join(k.dir, name+".pem") }

// stored returns the DER inside name, or makes and stores it.
func (k keyring) stored(name, kind string, make func() ([]byte, error)) ([]byte, error) {
	data, err := os.ReadFile(k.path(name))
	if err == nil {
		block, _ := pem.Decode(data)
		if block == nil || block.Type != kind {
			return nil, fmt.Errorf("%s: no %s inside", k.path(name), kind)
		}
		return block.Bytes, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	der, err := make()
	if err != nil {
		return nil, err
	}
	data = pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	return der, os.WriteFile(k.path(name), data, 0o600)
}

func (k keyring) key(name string, generate func() (crypto.Signer, error)) (crypto.Signer, error) {
	der, err := k.stored(name, "PRIVATE KEY", func() ([]byte, error) {
		s, err := generate()
		if err != nil {
			return nil, err
		}
		return x509.MarshalPKCS8PrivateKey(s)
	})
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.path(name), err)
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: cannot sign with %T", k.path(name), parsed)
	}
	return signer, nil
}

// ec returns an ECDSA P-256 key.
func (k keyring) ec(name string) (crypto.Signer, error) {
	return k.key(name, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
}

// ed returns an Ed25519 key.
func (k keyring) ed(name string) (crypto.Signer, error) {
	return k.key(name, func() (crypto.Signer, error) {
		_, priv, err := ed25519.GenerateKey(rand.Reader)
		return priv, err
	})
}

// certificate returns a stored certificate for key, or has issuer sign template.
func (k keyring) certificate(name string, template, issuer *x509.Certificate, key crypto.PublicKey, by crypto.Signer) (*x509.Certificate, error) {
	der, err := k.stored(name, "CERTIFICATE", func() ([]byte, error) {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
		if err != nil {
			return nil, err
		}
		template.SerialNumber = serial
		template.NotBefore = time.Now().Add(-time.Hour)
		template.NotAfter = template.NotBefore.AddDate(10, 0, 0)
		if issuer == nil {
			issuer = template
		}
		return x509.CreateCertificate(rand.Reader, template, issuer, key, by)
	})
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// An authority is a signing key with its chain, the key's own certificate first.
type authority struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// fulcioCA is a root and an intermediate that may only issue code signing leaves.
func (k keyring) fulcioCA() (*authority, error) {
	return k.authority("fulcio", &x509.Certificate{
		Subject: name("sandbox fulcio intermediate"), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	})
}

// tsaChain is a root and a timestamping leaf.
func (k keyring) tsaChain() (*authority, error) {
	// RFC 3161 section 2.3 wants this extension alone and critical; crypto/x509
	// writes an ExtKeyUsage that is not critical.
	timeStamping, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	if err != nil {
		return nil, err
	}
	return k.authority("tsa", &x509.Certificate{
		Subject: name("sandbox tsa"), KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: timeStamping}},
	})
}

func (k keyring) authority(who string, template *x509.Certificate) (*authority, error) {
	rootKey, err := k.ec(who + "-root-key")
	if err != nil {
		return nil, err
	}
	root, err := k.certificate(who+"-root", &x509.Certificate{
		Subject: name("sandbox " + who + " root"), IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil, rootKey.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	key, err := k.ec(who + "-key")
	if err != nil {
		return nil, err
	}
	cert, err := k.certificate(who, template, root, key.Public(), rootKey)
	if err != nil {
		return nil, err
	}
	return &authority{key: key, chain: []*x509.Certificate{cert, root}}, nil
}

func name(common string) pkix.Name {
	return pkix.Name{CommonName: common, Organization: []string{"hallmark sandbox"}}
}

// writeChain stores certificates as one PEM file.
func writeChain(path string, chain ...*x509.Certificate) error {
	var out []byte
	for _, c := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return os.WriteFile(path, out, 0o644)
}
