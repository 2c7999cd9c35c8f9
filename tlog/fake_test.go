package tlog

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/set"
	"github.com/hallmarksign/hallmark/sign"
	"github.com/hallmarksign/hallmark/trustroot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A fake is a log that may lie. Its tree has one other entry before ours.
type fake struct {
	t      *testing.T
	key    crypto.Signer
	origin string // of checkpoints
	name   string // that checkpoints are signed with
	log    trustroot.Log
	server *httptest.Server

	existing func(ctx context.Context, log *trustroot.Log, index int64) (bundle.Entry, error) // of Config

	posts, gets int
	finds       int                              // questions for an equal entry
	hidden      int                              // of the first GETs and questions, which find nothing
	last        []byte                           // body of the last POST
	asked       []byte                           // proposal of the last question
	answer      func(w http.ResponseWriter)      // instead of an answer, if not nil
	lie         func(a map[string]any)           // changes an answer before it is sent
	note        func(text string) (text2 string) // changes a checkpoint before it is signed
	stored      []byte                           // answer to a GET, and to a question
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// newFake starts a log of a generation.
func newFake(t *testing.T, version int) *fake {
	t.Helper()
	f := &fake{t: t}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	u := must(url.Parse(f.server.URL))
	f.name, f.origin = u.Host, u.Host
	f.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	if version == 2 {
		_, f.key, _ = ed25519.GenerateKey(rand.Reader)
	} else {
		f.origin += " - 1234"
	}
	spki := must(x509.MarshalPKIXPublicKey(f.key.Public()))
	id := sha256.Sum256(spki)
	f.log = trustroot.Log{
		BaseURL: f.server.URL, ID: id[:], Key: f.key.Public(), SPKI: spki,
		Valid: trustroot.Window{Start: now.Add(-time.Hour)},
	}
	return f
}

func (f *fake) root() *trustroot.Root { return &trustroot.Root{Logs: []trustroot.Log{f.log}} }

// writer returns our writer for the log.
func (f *fake) writer(version int, c fetch.Config) Writer {
	f.t.Helper()
	doer := must(fetch.New(f.server.URL, c))
	f.t.Cleanup(doer.CloseIdle)
	return quick(must(New(version, f.server.URL, Config{Doer: doer, Root: f.root(), Now: now, Existing: f.existing})))
}

// quick makes a writer wait for next to nothing.
func quick(w Writer) Writer {
	switch w := w.(type) {
	case *v1:
		w.pause = time.Millisecond
	case *v2:
		w.pause = time.Millisecond
	}
	return w
}

func (f *fake) sign(message []byte) []byte {
	if _, ok := f.key.(ed25519.PrivateKey); ok {
		return must(f.key.Sign(rand.Reader, message, crypto.Hash(0)))
	}
	sum := sha256.Sum256(message)
	return must(f.key.Sign(rand.Reader, sum[:], crypto.SHA256))
}

// checkpoint returns a signed note.
func (f *fake) checkpoint(size int, root []byte) string {
	text := fmt.Sprintf("%s\n%d\n%s\n", f.origin, size, base64.StdEncoding.EncodeToString(root))
	if f.note != nil {
		text = f.note(text)
	}
	id := f.log.ID[:4]
	if pub, ok := f.key.Public().(ed25519.PublicKey); ok {
		sum := sha256.Sum256(append([]byte(f.name+"\n\x01"), pub...))
		id = sum[:4]
	}
	line := base64.StdEncoding.EncodeToString(append(append([]byte{}, id...), f.sign([]byte(text))...))
	return text + "\n— " + f.name + " " + line + "\n"
}

// tree returns the root of the tree of two in which body is the second, and
// its proof.
func tree(body []byte) (root, proof []byte) {
	first := inclusion.Leaf([]byte("another entry"))
	h := sha256.New()
	h.Write([]byte{1})
	h.Write(first)
	h.Write(inclusion.Leaf(body))
	return h.Sum(nil), first
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == path1+"/retrieve" {
		f.finds++
		f.find(w, r)
		return
	}
	if r.Method == http.MethodGet {
		f.gets++
		w.Header().Set("Content-Type", "application/json")
		if f.hidden >= f.gets {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Write(f.stored)
		return
	}
	f.posts++
	f.last, _ = io.ReadAll(r.Body)
	if f.answer != nil {
		f.answer(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	w.Write(f.entry(r.URL.Path))
}

// find answers a question for an equal entry.
func (f *fake) find(w http.ResponseWriter, r *http.Request) {
	var question struct{ Entries []json.RawMessage }
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil || len(question.Entries) != 1 {
		f.t.Errorf("question for %d entries, %v", len(question.Entries), err)
	}
	f.asked = question.Entries[0]
	w.Header().Set("Content-Type", "application/json")
	if f.stored == nil || f.hidden >= f.finds {
		io.WriteString(w, "[]")
		return
	}
	fmt.Fprintf(w, "[%s]", f.stored)
}

// lose keeps the answer to a request and closes the connection.
func (f *fake) lose(path string) func(http.ResponseWriter) {
	return func(http.ResponseWriter) {
		f.stored = f.entry(path)
		panic(http.ErrAbortHandler)
	}
}

// conflict keeps the answer to a request and says that there is an equal entry.
func (f *fake) conflict(w http.ResponseWriter) {
	f.stored = f.entry(path1)
	id, _, _ := strings.Cut(strings.TrimPrefix(string(f.stored), `{"`), `"`)
	w.Header().Set("Location", path1+"/"+id)
	w.WriteHeader(http.StatusConflict)
}

// entry returns the answer for the last request.
func (f *fake) entry(path string) []byte {
	var a map[string]any
	switch path {
	case "/api/v2/log/entries":
		a = f.entry2(canonical2(f.last))
	case "/api/v1/log/entries":
		a = f.entry1(canonical1(f.last), nil)
	default:
		f.t.Errorf("request for %s", path)
	}
	if f.lie != nil {
		f.lie(a)
	}
	return must(json.Marshal(a))
}

// entry2 is a TransparencyLogEntry as rekor-tiles writes it: with every field.
func (f *fake) entry2(body []byte) map[string]any {
	root, proof := tree(body)
	return map[string]any{
		"logIndex":         "1",
		"logId":            map[string]any{"keyId": f.log.ID},
		"kindVersion":      map[string]any{"kind": "hashedrekord", "version": "0.0.2"},
		"integratedTime":   "0",
		"inclusionPromise": nil,
		"inclusionProof": map[string]any{
			"logIndex": "1", "rootHash": root, "treeSize": "2", "hashes": [][]byte{proof},
			"checkpoint": map[string]any{"envelope": f.checkpoint(2, root)},
		},
		"canonicalizedBody": body,
	}
}

// canonical2 makes the entry of a request by hand, so that nothing of ours
// vouches for itself.
func canonical2(request []byte) []byte {
	var r struct {
		V2 struct {
			Digest    string
			Signature struct {
				Content  string
				Verifier struct {
					KeyDetails                 string
					X509Certificate, PublicKey *struct{ RawBytes string }
				}
			}
		} `json:"hashedRekordRequestV002"`
	}
	if err := json.Unmarshal(request, &r); err != nil {
		panic(err)
	}
	v := r.V2.Signature.Verifier
	name, signer := "x509Certificate", v.X509Certificate
	if signer == nil {
		name, signer = "publicKey", v.PublicKey
	}
	return fmt.Appendf(nil, `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{`+
		`"data":{"algorithm":"SHA2_256","digest":"%s"},"signature":{"content":"%s","verifier":{"keyDetails":"%s","%s":{"rawBytes":"%s"}}}}}}`,
		r.V2.Digest, r.V2.Signature.Content, v.KeyDetails, name, signer.RawBytes)
}

// entry1 is a LogEntry of Rekor v1. The global index is 100 more than in the
// shard. The signed entry timestamp is over the body unless another is given.
func (f *fake) entry1(body, promised []byte) map[string]any {
	if promised == nil {
		promised = body
	}
	root, proof := tree(body)
	id := fmt.Sprintf("%016x%x", 1234, inclusion.Leaf(body))
	return map[string]any{id: map[string]any{
		"body": body, "integratedTime": now.Unix(), "logID": hex.EncodeToString(f.log.ID), "logIndex": 101,
		"verification": map[string]any{
			"inclusionProof": map[string]any{
				"checkpoint": f.checkpoint(2, root), "hashes": []string{hex.EncodeToString(proof)},
				"logIndex": 1, "rootHash": hex.EncodeToString(root), "treeSize": 2,
			},
			"signedEntryTimestamp": f.sign(set.Message(promised, now.Unix(), 101, f.log.ID)),
		},
	}}
}

// canonical1 makes the entry of a request by hand.
func canonical1(request []byte) []byte {
	var p struct {
		Kind string
		Spec struct {
			Data            json.RawMessage
			Signature       json.RawMessage
			ProposedContent struct {
				Envelope  string
				Verifiers []string
			}
		}
	}
	if err := json.Unmarshal(request, &p); err != nil {
		panic(err)
	}
	if p.Kind == "hashedrekord" {
		return fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":%s,"signature":%s}}`, p.Spec.Data, p.Spec.Signature)
	}
	var e struct {
		Payload    []byte
		Signatures []struct{ Sig string }
	}
	if err := json.Unmarshal([]byte(p.Spec.ProposedContent.Envelope), &e); err != nil {
		panic(err)
	}
	return fmt.Appendf(nil, `{"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":{"algorithm":"sha256","value":"%x"},`+
		`"payloadHash":{"algorithm":"sha256","value":"%x"},"signatures":[{"signature":"%s","verifier":"%s"}]}}`,
		sha256.Sum256([]byte(p.Spec.ProposedContent.Envelope)), sha256.Sum256(e.Payload), e.Signatures[0].Sig, p.Spec.ProposedContent.Verifiers[0])
}

// record returns a signature by the key of a new certificate.
func record(t *testing.T, statement string) sign.Record {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now, NotAfter: now.Add(10 * time.Minute)}
	cert := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	r := sign.Record{Hash: crypto.SHA256, Certificate: cert}
	message := []byte("artifact")
	if statement != "" {
		message = dsse.PAE(dsse.PayloadType, []byte(statement))
	}
	sum := sha256.Sum256(message)
	r.Digest = sum[:]
	r.Signature = must(key.Sign(rand.Reader, r.Digest, crypto.SHA256))
	if statement != "" {
		r.Envelope = &bundle.Envelope{PayloadType: dsse.PayloadType, Payload: []byte(statement), Signature: r.Signature}
	}
	return r
}

// field finds a map in an answer.
func field(a map[string]any, path ...string) map[string]any {
	for _, p := range path {
		a = a[p].(map[string]any)
	}
	return a
}

func flip(b []byte) []byte {
	c := append([]byte{}, b...)
	c[len(c)-1] ^= 1
	return c
}

func text(status int, kind, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.Copy(w, strings.NewReader(body))
	}
}
