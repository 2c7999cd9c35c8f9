package samples

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sassoftware/relic/v8/lib/certloader"
	"github.com/sassoftware/relic/v8/lib/signjar"
	"github.com/sassoftware/relic/v8/lib/zipslicer"
)

// Alpine is a package of three compressed archives: signature, control, data. The
// format signs SHA-1.
func Alpine() (Sample, error) {
	s := Sample{Type: "alpine", Kind: "alpine", Forms: 1}
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return s, err
	}
	data, err := member("usr/share/app", content(), true)
	if err != nil {
		return s, err
	}
	control, err := member(".PKGINFO", fmt.Appendf(nil, "pkgname = app\npkgver = 1-r0\narch = x86_64\ndatahash = %x\n", sha256.Sum256(data)), false)
	if err != nil {
		return s, err
	}
	sum := sha1.Sum(control)
	sig, err := rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA1, sum[:])
	if err != nil {
		return s, err
	}
	signature, err := member(".SIGN.RSA.release.rsa.pub", sig, false)
	if err != nil {
		return s, err
	}
	s.File = slices.Concat(signature, control, data)
	s.Key, err = publicPEM(private.Public())
	return s, err
}

// member is a compressed archive of one file, with the end of an archive or without.
func member(name string, data []byte, end bool) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), Format: tar.FormatUSTAR}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	finish := w.Flush
	if end {
		finish = w.Close
	}
	if err := finish(); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// JAR is a signed archive.
func JAR() (Sample, error) {
	s := Sample{Type: "jar", Kind: "jar", Forms: 1}
	class := content()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	sum := sha256.Sum256(class)
	manifest := fmt.Appendf(nil, "Manifest-Version: 1.0\r\n\r\nName: app/App.class\r\nSHA-256-Digest: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	for _, f := range []struct {
		name string
		data []byte
	}{{"META-INF/MANIFEST.MF", manifest}, {"app/App.class", class}} {
		part, err := w.Create(f.name)
		if err != nil {
			return s, err
		}
		if _, err := part.Write(f.data); err != nil {
			return s, err
		}
	}
	if err := w.Close(); err != nil {
		return s, err
	}
	var err error
	s.File, err = signJAR(b.Bytes())
	return s, err
}

func signJAR(unsigned []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "jar")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "app.jar")
	if err := os.WriteFile(path, unsigned, 0o600); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var stream bytes.Buffer
	if err := zipslicer.ZipToTar(f, &stream); err != nil {
		return nil, err
	}
	digest, err := signjar.DigestJarStream(&stream, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	private, leaf, err := certificate(x509.ExtKeyUsageCodeSigning)
	if err != nil {
		return nil, err
	}
	patch, _, err := digest.Sign(context.Background(), &certloader.Certificate{PrivateKey: private, Leaf: leaf}, "release", false, true, false)
	if err != nil {
		return nil, err
	}
	if err := patch.Apply(f, path); err != nil {
		return nil, err
	}
	signed, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer signed.Close()
	return io.ReadAll(signed)
}

// Timestamp is a timestamp response.
func Timestamp() (Sample, error) {
	s := Sample{Type: "rfc3161", Kind: "rfc3161", Forms: 1}
	private, leaf, err := certificate(x509.ExtKeyUsageTimeStamping)
	if err != nil {
		return s, err
	}
	sum := sha256.Sum256(content())
	token := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: sum[:], Time: time.Now(), SerialNumber: big.NewInt(7),
		Policy: []int{1, 2, 3}, AddTSACertificate: true,
	}
	s.File, err = token.CreateResponseWithOpts(leaf, private, crypto.SHA256)
	return s, err
}

func certificate(usage x509.ExtKeyUsage) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "release"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	return private, leaf, err
}
