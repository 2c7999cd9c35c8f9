package logs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/e2e/internal/cli"
	"github.com/hallmarksign/hallmark/e2e/sandbox"
	"github.com/hallmarksign/hallmark/logupload/samples"
)

// uploadProgram builds the program that makes other kinds of entries.
var uploadProgram = cli.Program("logupload", "./cmd/hallmark-log-upload", "upload-e2e/hallmark-log-upload")

// An uploader is somebody who signs with other tools, and has logs of their own.
type uploader struct {
	*sandbox.Sandbox
	hallmark *cli.Hallmark
}

func newUploader(t *testing.T) *uploader {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	other, err := uploadProgram()
	if err != nil {
		t.Fatal(err)
	}
	s := sandbox.Start(t, sandbox.Options{})
	h, err := cli.New(t.Context(), path, t.TempDir(), s)
	if err != nil {
		t.Fatal(err)
	}
	return &uploader{s, h.With("PATH=" + filepath.Dir(other))}
}

// logOf names a log of the sandbox as --log wants it.
func (u *uploader) logOf(generation int) string {
	if generation == 1 {
		return u.URL(sandbox.Rekor1)
	}
	return "127.0.0.1"
}

func (u *uploader) put(t *testing.T, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(u.hallmark.Dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func (u *uploader) does(t *testing.T, status int, args ...string) *cli.Result {
	t.Helper()
	r, err := u.hallmark.Run(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Want(status); err != nil {
		t.Fatal(err)
	}
	return r
}

// uploaded is what hallmark says of an entry.
type uploaded struct {
	Log, ID, Kind, Digest string
	Index                 int64
	LeafHash              string `json:"leaf_hash"`
	Existing              bool
}

func (u *uploader) uploads(t *testing.T, args ...string) uploaded {
	t.Helper()
	r := u.does(t, 0, append([]string{"log", "upload", "--yes", "--json"}, args...)...)
	var e uploaded
	if err := json.Unmarshal([]byte(r.Stdout), &e); err != nil {
		t.Fatalf("%v in %s", err, r.Stdout)
	}
	return e
}

// inTheLog has the log prove an entry once more, by itself.
func (u *uploader) inTheLog(t *testing.T, e uploaded) {
	t.Helper()
	place := fmt.Sprintf("log:%d@%s", e.Index, e.Log)
	r := u.does(t, 0, "log", "get", place, "--json")
	if !strings.Contains(r.Stdout, e.LeafHash) || e.LeafHash == "" {
		t.Errorf("log get %s prints %s, want leaf %s", place, r.Stdout, e.LeafHash)
	}
	u.does(t, 0, "log", "verify", place)
	if e.ID != "" {
		u.does(t, 0, "log", "get", e.ID, "--log", e.Log)
	}
}

// signature of a file by a key that no identity stands behind.
func (u *uploader) signature(t *testing.T, file string, content []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	u.put(t, file, content)
	u.put(t, file+".sig", signature)
	u.put(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	u.put(t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
}

func TestLogUpload(t *testing.T) {
	t.Parallel()
	u := newUploader(t)
	t.Run("plain", u.uploadsPlain)
	t.Run("lost", u.losesAnswers)
	t.Run("typed", u.uploadsTyped)
}

// A signature by a key or a certificate of one's own goes into both generations.
func (u *uploader) uploadsPlain(t *testing.T) {
	for i, service := range []sandbox.Service{sandbox.Rekor1, sandbox.Rekor} {
		generation := i + 1
		kind := fmt.Sprintf("hashedrekord 0.0.%d", generation)
		u.signature(t, "f", fmt.Appendf(nil, "into log %d\n", generation))
		plain := []string{"f", "--signature", "f.sig", "--log", u.logOf(generation)}
		for _, signer := range []string{"--key=key.pem", "--certificate=cert.pem"} {
			e := u.uploads(t, append(plain, signer)...)
			if e.Kind != kind || e.Existing {
				t.Errorf("%s: got %+v, want a new %s", signer, e, kind)
			}
			u.inTheLog(t, e)
		}
		e := u.uploads(t, append(plain, "--key=key.pem", "--bundle", "f.json", "--force")...)
		if !e.Existing {
			t.Errorf("the second time: got %+v, want the existing entry", e)
		}
		verify := []string{"verify", "f", "--bundle", "f.json", "--from", "key:key.pem"}
		if generation == 2 {
			verify = append(verify, "--insecure-skip-time")
		}
		u.does(t, 0, verify...)
		u.does(t, 0, "log", "verify", "f.json")

		u.put(t, "f", []byte("changed\n"))
		before := u.Requests(service)
		u.does(t, 1, append([]string{"log", "upload", "--yes", "--key=key.pem"}, plain...)...)
		if n := u.Requests(service) - before; n != 0 {
			t.Errorf("%d requests about what does not verify", n)
		}
	}
}

// The log takes an entry and its answer is lost: the entry is found, and shown no sooner
// than the log shows it. If every answer is lost, the same command finds it later.
func (u *uploader) losesAnswers(t *testing.T) {
	for i, service := range []sandbox.Service{sandbox.Rekor1, sandbox.Rekor} {
		u.signature(t, "lost", fmt.Appendf(nil, "lost by log %d\n", i+1))
		args := []string{"lost", "--signature", "lost.sig", "--key", "key.pem", "--log", u.logOf(i + 1)}
		once := sandbox.First(1, sandbox.DropAnswer())
		hidden := sandbox.Path("/api/v1/log/entries/", sandbox.First(2, sandbox.Status(404)))
		lost := sandbox.Path(fmt.Sprintf("/api/v%d/log/entries", i+1), once)
		u.Fault(service, func(server http.Handler) http.Handler { return hidden(lost(server)) })
		e := u.uploads(t, args...)
		u.Fault(service, nil)
		if e.Existing {
			t.Errorf("log %d: the entry is said to have been there before", i+1)
		}
		u.inTheLog(t, e)

		u.signature(t, "lost", fmt.Appendf(nil, "lost for ever by log %d\n", i+1))
		args = append(args, "--bundle", fmt.Sprintf("lost%d.json", i+1))
		u.Fault(service, sandbox.Path(fmt.Sprintf("/api/v%d/log/entries", i+1), sandbox.DropAnswer()))
		r := u.does(t, 3, append([]string{"log", "upload", "--yes"}, args...)...)
		if !strings.Contains(r.Stderr, "an entry may be public") || !strings.Contains(r.Stderr, "run the same command again") {
			t.Errorf("log %d: %s", i+1, r.Stderr)
		}
		u.Fault(service, nil)
		if e := u.uploads(t, args...); !e.Existing {
			t.Errorf("log %d: the entry is made a second time", i+1)
		}
	}
}

// Every other kind of entry goes into a Rekor v1 of one's own, and is logged in the
// form that the program foretold. Rekor v2 is not even asked.
func (u *uploader) uploadsTyped(t *testing.T) {
	all, err := samples.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		args := []string{u.put(t, "file", s.File), "--type", s.Type}
		if s.Signature != nil {
			args = append(args, "--signature", u.put(t, "signature", s.Signature))
		}
		if s.Key != nil {
			args = append(args, "--key", u.put(t, "key", s.Key))
		}
		t.Run(strings.TrimSpace(s.Type+" "+s.Name), func(t *testing.T) {
			e := u.uploads(t, append(args, "--log", u.logOf(1))...)
			if want := s.Kind + " 0.0.1"; e.Kind != want || e.Existing {
				t.Errorf("got %+v, want a new %s", e, want)
			}
			u.inTheLog(t, e)
			if s.Forms == 1 { // else the log may write it in another form, as a new entry
				if again := u.uploads(t, append(args, "--log", u.logOf(1))...); !again.Existing || again.ID != e.ID {
					t.Errorf("the second time: got %+v, want the existing %s", again, e.ID)
				}
			}
			before := u.Requests(sandbox.Rekor)
			r := u.does(t, 2, append([]string{"log", "upload", "--yes", "--log", u.logOf(2)}, args...)...)
			if !strings.Contains(r.Stderr, "take only signatures by X.509 certificates and public keys") {
				t.Errorf("the reason is %q", r.Stderr)
			}
			if n := u.Requests(sandbox.Rekor) - before; n != 0 {
				t.Errorf("%d requests to Rekor v2", n)
			}
		})
	}
}
