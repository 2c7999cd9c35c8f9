package logs

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// A forger signs as a log of the sandbox, with its key: the log that lies itself.
type forger struct {
	name string
	id   []byte // of the key in notes
	key  crypto.Signer
}

func (s *scene) forger(t *testing.T, g generation) *forger {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Dir(), "keys", map[uint32]string{1: "rekor1.pem", 2: "rekor.pem"}[g.number]))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{name: g.log, key: key.(crypto.Signer)}
	if pub, ok := f.key.Public().(ed25519.PublicKey); ok {
		sum := sha256.Sum256(append([]byte(f.name+"\n\x01"), pub...))
		f.id = sum[:4]
		return f
	}
	spki, err := x509.MarshalPKIXPublicKey(f.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(spki)
	f.id = sum[:4]
	return f
}

func (f *forger) sign(message []byte) []byte {
	var opts crypto.SignerOpts = crypto.Hash(0)
	if _, ok := f.key.(ed25519.PrivateKey); !ok {
		sum := sha256.Sum256(message)
		message, opts = sum[:], crypto.SHA256
	}
	signature, err := f.key.Sign(rand.Reader, message, opts)
	if err != nil {
		panic(err)
	}
	return signature
}

// note signs the text of a checkpoint.
func (f *forger) note(text string) string {
	blob := append(append([]byte{}, f.id...), f.sign([]byte(text))...)
	return text + "\n— " + f.name + " " + base64.StdEncoding.EncodeToString(blob) + "\n"
}

// anew changes the text of a checkpoint and signs it again.
func (f *forger) anew(change func(lines []string) []string) func(string) string {
	return func(note string) string {
		text, _, _ := strings.Cut(note, "\n\n")
		return f.note(strings.Join(change(strings.Split(text, "\n")), "\n") + "\n")
	}
}

// truth is what a service answers when nothing stands before it.
func (s *scene) truth(t *testing.T, service sandbox.Service, path string) []byte {
	t.Helper()
	resp, err := http.Get(s.URL(service) + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return body
}

// An object is one of JSON.
type object = map[string]any

// editJSON is a fault that changes answers in JSON.
func editJSON(change func(doc any) any) sandbox.Fault {
	return sandbox.Rewrite(func(body []byte) []byte {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		var doc any
		if err := d.Decode(&doc); err != nil {
			return body
		}
		out, err := json.Marshal(change(doc))
		if err != nil {
			panic(err)
		}
		return out
	})
}

// entries1 changes every entry in answers of the first generation; change returns
// the id that it is shown under.
func entries1(change func(id string, e object) string) sandbox.Fault {
	var walk func(doc any) any
	walk = func(doc any) any {
		switch d := doc.(type) {
		case []any:
			for i := range d {
				d[i] = walk(d[i])
			}
		case object:
			out := object{}
			for id, e := range d {
				if e, ok := e.(object); ok {
					out[change(id, e)] = e
					continue
				}
				out[id] = e
			}
			return out
		}
		return doc
	}
	return sandbox.Path("/api/v1/log/entries", editJSON(walk))
}

// at returns the object at a path in another.
func at(e object, path ...string) object {
	for _, name := range path {
		e = e[name].(object)
	}
	return e
}

// flip changes one character of a base64 or hexadecimal text, at a part of it.
func flip(v any, part, parts int) string {
	b := []byte(v.(string))
	i := (len(b) - 4) * part / parts
	if b[i] == '0' {
		b[i]++
	} else {
		b[i] = '0'
	}
	return string(b)
}
