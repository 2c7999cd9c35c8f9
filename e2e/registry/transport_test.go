package registry

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// person writes a certificate of a client and its key.
func (s *scene) person(t *testing.T, a *authority, name string) (flags []string) {
	t.Helper()
	cert, key := a.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, name+".pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	s.write(t, name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return []string{"--registry-cert", name + ".pem", "--registry-key", name + ".key"}
}

// A registry that wants to know its clients by certificate.
func TestTransport_MutualTLS(t *testing.T) {
	s := newScene(t)
	inner := inMemory(true)(t)
	s.push(t, serve(t, inner, nil), "app:1", 1)
	config := s.ca.server(t)
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, s.ca.pool
	ref := serve(t, inner, config).name + "/app:1"
	good, bad := s.person(t, s.ca, "alice"), s.person(t, newAuthority(t), "mallory")
	if r := s.sign(t, 3, sandbox.Alice, ref); !strings.Contains(r.Stderr, "--registry-cert") {
		t.Errorf("the reason is not the certificate: %v %s", r.Wall, r.Stderr)
	}
	s.sign(t, 0, sandbox.Alice, ref, good...)
	s.verify(t, 0, sandbox.Alice, ref, good...)
	s.verify(t, 3, sandbox.Alice, ref, bad...)
	s.verify(t, 3, sandbox.Alice, ref)
	s.verify(t, 2, sandbox.Alice, ref, good[:2]...)
	s.made(t, 1, 1)
}

// O37: a certificate of an own CA is good with that CA alone.
func TestTransport_OwnCA(t *testing.T) {
	s := newScene(t)
	h := s.open(t, withPassword)
	s.push(t, h, "app:1", 1)
	s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
	h.taken()
	s.write(t, "other.pem", newAuthority(t).pem)
	for _, flags := range [][]string{nil, {"--registry-ca", "other.pem"}, {"--allow-http-registry"}} {
		r, err := s.hallmark.Run(t.Context(), append([]string{"verify", h.name + "/app:1", "--certificate-identity", sandbox.Alice,
			"--certificate-oidc-issuer", s.Issuer()}, flags...)...)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Want(3); err != nil {
			t.Error(err)
		}
		if !strings.Contains(r.Stderr, "certificate") || !strings.Contains(r.Stderr, "--registry-ca") && len(flags) == 0 {
			t.Errorf("%q: the reason is not the certificate: %s", flags, r.Stderr)
		}
	}
	if n := len(h.taken()); n != 0 {
		t.Errorf("%d requests over a connection that is not trusted", n)
	}
}

// OC-7: plain http at a literal loopback address, or where the user allows it;
// a name can be anybody's.
func TestTransport_PlainHTTP(t *testing.T) {
	s := newScene(t)
	h := s.open(t, plain)
	s.push(t, h, "app:1", 1)
	named := strings.Replace(h.name, "127.0.0.1", "localhost", 1) + "/app:1"
	s.sign(t, 0, sandbox.Alice, h.name+"/app:1")
	h.taken()
	if r := s.verify(t, 3, sandbox.Alice, named); !strings.Contains(r.Stderr, "plain http") || !strings.Contains(r.Stderr, "write 127.0.0.1 instead of localhost") {
		t.Errorf("the reason is not plain http: %s", r.Stderr)
	}
	if n := len(h.taken()); n != 0 {
		t.Errorf("%d requests in plain http", n)
	}
	s.verify(t, 0, sandbox.Alice, named, "--allow-http-registry")
	s.verify(t, 0, sandbox.Alice, h.name+"/app:1")
}

// Signatures in another repository, of another registry, with a password of its
// own; the image's is not even written to.
func TestTransport_SignatureRepository(t *testing.T) {
	s := newScene(t)
	images, kept := s.open(t, plain), s.open(t, distribution)
	digest, children := s.push(t, images, "app:1", 2)
	there := []string{"--signature-repository", kept.name + "/signatures"}
	s.sign(t, 0, sandbox.Alice, images.name+"/app:1", there...)
	for _, q := range images.taken() {
		if q.method != "GET" && q.method != "HEAD" {
			t.Errorf("the registry of the image is written to: %s %s", q.method, q.path)
		}
	}
	s.verify(t, 4, sandbox.Alice, images.name+"/app:1")
	if n := verdicts(s.verify(t, 0, sandbox.Alice, images.name+"/app:1", append(there, "--all-platforms")...).Stdout); n != 3 {
		t.Errorf("%d verdicts, want 3", n)
	}
	s.verify(t, 0, sandbox.Alice, images.name+"/app@"+children[1], there...)
	s.accepted(t, kept, "signatures", digest, sandbox.Alice)
	tree := s.run(t, 0, append([]string{"image", "tree", images.name + "/app:1"}, there...)...).Stdout
	if n := strings.Count(tree, "claims "+sandbox.Alice); n != 3 {
		t.Errorf("%d signers in the tree, want 3:\n%s", n, tree)
	}
	s.run(t, 0, append([]string{"image", "save", images.name + "/app:1", "--output", "app.tar"}, there...)...)
	s.verify(t, 0, sandbox.Alice, "oci:app.tar", "--offline", "--all-platforms")
}
