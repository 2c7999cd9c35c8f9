package index

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
	"github.com/hallmarksign/hallmark/tlog/read"
	"github.com/hallmarksign/hallmark/trustroot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A world is a log of synthetic entries in a directory. Its certificates are
// used again and again; digests are all different.
type world struct {
	t      testing.TB
	dir    string
	log    *sigtest.Log
	root   *trustroot.Root
	bodies []template // with every certificate
}

func newWorld(t testing.TB, dir string, certificates int) *world {
	w := sigtest.New(t)
	v := &world{t: t, dir: dir, log: w.Log2, root: must(trustroot.Parse(w.TrustedRoot()))}
	for i := range certificates {
		key := sigtest.ECDSA(elliptic.P256(), fmt.Sprint("signer ", i))
		signature := sigtest.SignMessage(key, crypto.SHA256, []byte("artifact"))
		b := entry.Body{
			Hash: crypto.SHA256, Digest: make([]byte, 32), Signature: signature, KeyDetails: "PKIX_ECDSA_P256_SHA_256",
			Certificate: w.Leaf(w.CA, who(i), key.Public(), sigtest.T0, []*sigtest.CT{w.CT}, sigtest.LeafEdits{}),
		}
		whole := must(entry.HashedRekord2(&b))
		digest := []byte(base64.StdEncoding.EncodeToString(b.Digest))
		v.bodies = append(v.bodies, template{whole, bytes.Index(whole, digest)})
	}
	return v
}

// who is the identity of certificate i: every second one is a workflow.
func who(i int) sigtest.Identity {
	if i%2 == 0 {
		return sigtest.Identity{Subject: fmt.Sprintf("User%d@example.com", i), Issuer: "https://accounts.example.com"}
	}
	repo := fmt.Sprintf("https://github.com/Owner%d/name", i)
	return sigtest.Identity{
		Subject: repo + "/.github/workflows/release.yml@refs/heads/main", Kind: "uri", Issuer: "https://token.actions.githubusercontent.com",
		Claims: map[int]string{12: repo},
	}
}

func digest(i int) []byte {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return sum[:]
}

// body is entry i. Every thousandth can't be understood.
func (v *world) body(i int) []byte {
	if i%1000 == 999 {
		return fmt.Appendf(nil, `{"apiVersion":"0.0.2","kind":"dsse","spec":{"i":%d}}`, i)
	}
	b := v.bodies[i%len(v.bodies)]
	out := bytes.Clone(b.body)
	base64.StdEncoding.Encode(out[b.digest:], digest(i))
	return out
}

// A template is a body, and where its digest is.
type template struct {
	body   []byte
	digest int
}

// grow writes the log up to n entries, with a checkpoint.
func (v *world) grow(n int) tilestest.Tree {
	v.t.Helper()
	tree := must(tilestest.Write(v.dir, n, v.body))
	v.serve(tree)
	return tree
}

func (v *world) serve(tree tilestest.Tree) {
	v.t.Helper()
	text := tree.Text(v.log.Origin)
	if err := os.WriteFile(filepath.Join(v.dir, "api/v2/checkpoint"), []byte(text+"\n"+v.log.Line(text)), 0o600); err != nil {
		v.t.Fatal(err)
	}
}

func (v *world) trusted() *trustroot.Log { return &v.root.Logs[1] }

func (v *world) reader() *read.V2 {
	return must(read.NewV2(v.trusted(), read.Config{
		Doer: tilestest.Dir(v.dir), Root: v.root, Now: func() time.Time { return sigtest.T0 },
	}))
}

func clock() time.Time { return sigtest.T0 }

// open opens an index in a new directory, or in one that is given.
func (v *world) open(path string, c Config) *Index {
	v.t.Helper()
	if c.Now == nil {
		c.Now = clock
	}
	f, err := Open(path, c)
	if err != nil {
		v.t.Fatal(err)
	}
	f.layout = small
	v.t.Cleanup(func() { f.Close() })
	return must(f.Log(v.trusted()))
}

// small is a layout for logs of some thousand entries.
const small = 9
