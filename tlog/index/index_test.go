package index

import (
	"bytes"
	"context"
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// dump is everything that a file holds, in order.
func dump(t *testing.T, x *Index) string {
	t.Helper()
	var out bytes.Buffer
	err := x.db.View(func(tx *bolt.Tx) error {
		root := tx.Bucket([]byte(schema)).Bucket(x.name)
		return root.ForEachBucket(func(name []byte) error {
			return root.Bucket(name).ForEach(func(k, v []byte) error {
				_, err := fmt.Fprintf(&out, "%s %x %x\n", name, k, v)
				return err
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// found returns the indexes of what a query finds.
func found(t *testing.T, x *Index, v *world, q read.Query) (out []int) {
	t.Helper()
	for e, err := range x.Find(t.Context(), v.reader(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, int(e.Raw.LogIndex))
	}
	return out
}

func TestFind(t *testing.T) {
	v := newWorld(t, t.TempDir(), 8)
	const n = 1300
	v.grow(n)
	x := v.open(filepath.Join(t.TempDir(), "index"), Config{})
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	var every [8][]int
	for i := range n {
		if i%1000 != 999 {
			every[i%8] = append(every[i%8], i)
		}
	}
	key := read.Decode(v.Body(3)).Certificate.RawSubjectPublicKeyInfo
	for _, tt := range []struct {
		name string
		q    read.Query
		want []int
	}{
		{"e-mail", read.Query{Subject: "User2@example.com"}, every[2]},
		{"e-mail in other letters", read.Query{Subject: "uSER2@EXAMPLE.com"}, every[2]},
		{"URI", read.Query{Subject: sigtest.Who(5).Subject}, every[5]},
		{"repository", read.Query{Repo: "owner5/name"}, every[5]},
		{"repository with host", read.Query{Repo: "https://github.com/Owner5/name/"}, every[5]},
		{"digest", read.Query{Hash: crypto.SHA256, Digest: sigtest.EntryDigest(777)}, []int{777}},
		{"key", read.Query{Key: key}, every[3]},
		{"from", read.Query{Key: key, From: 1283}, []int{1283, 1291, 1299}},
		{"since, all older", read.Query{Key: key, Since: sigtest.T0.AddDate(0, 0, 1)}, nil},
		{"since, none older", read.Query{Key: key, Since: sigtest.T0, From: 1290}, []int{1291, 1299}},
		{"nobody", read.Query{Subject: "user@example.com"}, nil},
		{"digest of another hash", read.Query{Hash: crypto.SHA512_256, Digest: sigtest.EntryDigest(777)}, nil},
	} {
		if got := found(t, x, v, tt.q); fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	for e, err := range x.Find(t.Context(), v.reader(), read.Query{Subject: sigtest.Who(4).Subject}) {
		if err != nil || e.Authority == "" || e.Raw.Proof.TreeSize != n {
			t.Errorf("got %+v, %v, want a proof and an authority", e, err)
		}
		break
	}
	if n, err := x.Unread(); n != 1 || err != nil {
		t.Errorf("got %d unread, %v, want 1", n, err)
	}
	var names []string
	for id, err := range x.Identities("User") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(id.Subject, " ", id.First))
	}
	if got, want := fmt.Sprint(names), "[User0@example.com 0 User2@example.com 2 User4@example.com 4 User6@example.com 6]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	at, ok, err := x.FirstSeen(n - 1)
	if !ok || err != nil || !at.Equal(sigtest.T0) {
		t.Errorf("got %v, %v, %v", at, ok, err)
	}
	if _, ok, _ := x.FirstSeen(n); ok {
		t.Error("an entry that is not there was seen")
	}
}

func TestER2_QueryOfNothing(t *testing.T) {
	v := newWorld(t, t.TempDir(), 1)
	v.grow(2)
	x := v.open(filepath.Join(t.TempDir(), "index"), Config{})
	for name, q := range map[string]read.Query{
		"nothing": {}, "two things": {Subject: "a", Repo: "a/b"}, "digest of no hash": {Digest: sigtest.EntryDigest(1)},
		"short digest": {Hash: crypto.SHA256, Digest: sigtest.EntryDigest(1)[1:]}, "no repository": {Repo: "name"},
	} {
		for e, err := range x.Find(t.Context(), v.reader(), q) {
			if e != nil || check.Of(err) != check.Usage {
				t.Errorf("%s: got %v, %v, want check usage", name, e, err)
			}
		}
	}
}

// What was built in pieces, over merges of segments and within bundles, is the
// same as what was built at once.
func TestPiecesAreTheSameAsTheWhole(t *testing.T) {
	v := newWorld(t, t.TempDir(), 4)
	x := v.open(filepath.Join(t.TempDir(), "pieces"), Config{})
	for _, n := range []int{100, 256, 300, 512, 513, 1100, 2048, 2049, 8192, 9000, 9001} {
		v.grow(n)
		if err := x.Update(t.Context(), v.reader()); err != nil {
			t.Fatal(err)
		}
	}
	whole := v.open(filepath.Join(t.TempDir(), "whole"), Config{})
	if err := whole.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	// When entries were first seen is what differs.
	for _, i := range []*Index{x, whole} {
		if err := i.db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(schema)).Bucket(i.name).DeleteBucket(bucketSeen) }); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := dump(t, x), dump(t, whole); a != b {
		t.Errorf("dumps of %d and %d bytes differ", len(a), len(b))
	}
}

// stopping ends after some requests, as a process does that is killed.
type stopping struct {
	fetch.Doer
	left *int
}

var errKilled = errors.New("killed")

func (s stopping) Do(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
	if *s.left--; *s.left < 0 {
		return nil, errKilled
	}
	return s.Doer.Do(ctx, r)
}

func TestKilledAtAnyMoment(t *testing.T) {
	v := newWorld(t, t.TempDir(), 4)
	v.grow(9000)
	whole := v.open(filepath.Join(t.TempDir(), "whole"), Config{})
	if err := whole.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "killed")
	runs := 0
	for done := false; !done; runs++ {
		left := 10 + 13*runs
		log := must(read.NewV2(v.trusted(), read.Config{Doer: stopping{tilestest.Dir(v.dir), &left}, Now: clock}))
		x := v.open(path, Config{Workers: 1})
		err := x.Update(t.Context(), log)
		done = err == nil
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		if runs > 20 {
			t.Fatal("does not end")
		}
		if !done {
			// A process that is killed leaves the file as it is, also half written:
			// the next transaction begins at the last meta page that is whole.
			data := must(os.ReadFile(path))
			x.Close()
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if a, b := dump(t, x), dump(t, whole); a != b {
			t.Errorf("dumps of %d and %d bytes differ", len(a), len(b))
		}
		x.Close()
	}
	if runs < 3 {
		t.Errorf("killed %d times, want more", runs-1)
	}
}

// Stopped between a batch and its merges, the next run merges first.
func TestKilledBeforeMerging(t *testing.T) {
	v := newWorld(t, t.TempDir(), 4)
	v.grow(8192)
	whole := v.open(filepath.Join(t.TempDir(), "whole"), Config{})
	if err := whole.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	x := v.open(filepath.Join(t.TempDir(), "index"), Config{})
	tree := must(v.reader().Tree(t.Context()))
	for first := int64(0); first < tree.Size(); first += 1 << small {
		b := must(x.read(t.Context(), tree, first, first+1<<small))
		if err := x.commit(b, tree.Head.Note); err != nil {
			t.Fatal(err)
		}
	}
	if dump(t, x) == dump(t, whole) {
		t.Fatal("nothing is left to merge")
	}
	if got := found(t, x, v, read.Query{Hash: crypto.SHA256, Digest: sigtest.EntryDigest(6000)}); fmt.Sprint(got) != "[6000]" {
		t.Errorf("got %v before merging", got)
	}
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	if a, b := dump(t, x), dump(t, whole); a != b {
		t.Errorf("dumps of %d and %d bytes differ", len(a), len(b))
	}
	if got := found(t, x, v, read.Query{Hash: crypto.SHA256, Digest: sigtest.EntryDigest(6000)}); fmt.Sprint(got) != "[6000]" {
		t.Errorf("got %v", got)
	}
}

func TestLG4_FlippedByteInAnyTile(t *testing.T) {
	v := newWorld(t, t.TempDir(), 4)
	const n = 1000
	v.grow(n)
	for _, file := range []string{
		tilestest.Path("entries", 0, 256), tilestest.Path("entries", 3, n-3*256), tilestest.Path("0", 1, 256),
		tilestest.Path("0", 3, n-3*256), tilestest.Path("1", 0, 3),
	} {
		path := filepath.Join(v.dir, file)
		good := must(os.ReadFile(path))
		bad := bytes.Clone(good)
		bad[len(bad)/2] ^= 0x20
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		x := v.open(filepath.Join(t.TempDir(), "index"), Config{})
		if err := x.Update(t.Context(), v.reader()); check.Of(err) != check.Proof {
			t.Errorf("%s: got %v, want check proof", file, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := x.Update(t.Context(), v.reader()); err != nil {
			t.Errorf("%s: repaired: %v", file, err)
		}
	}
}

func TestLG1_OtherHistory(t *testing.T) {
	v := newWorld(t, t.TempDir(), 2)
	v.grow(600)
	x := v.open(filepath.Join(t.TempDir(), "index"), Config{})
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	other := newWorld(t, t.TempDir(), 3)
	other.grow(900)
	// What the machine saw last is lost: the index still knows.
	dir := t.TempDir()
	forked := must(read.NewV2(v.trusted(), read.Config{
		Doer: tilestest.Dir(other.dir), Memory: must(read.OpenMemory(dir)), Now: clock,
	}))
	err := x.Update(t.Context(), forked)
	if refused, ok := errors.AsType[*check.Error](err); !ok || refused.Check != check.Checkpoint || refused.Rule != "LG-1" || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want a fork in one line", err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "evidence", "fork-*")); len(kept) != 1 {
		t.Errorf("kept %q, want evidence", kept)
	}
	v.grow(599)
	if err := x.Update(t.Context(), v.reader()); check.Of(err) != check.Checkpoint {
		t.Errorf("got %v, want check checkpoint", err)
	}
	if n, _ := x.Size(); n != 600 {
		t.Errorf("got %d entries, want 600 as before", n)
	}
}

func TestLM1_BoundOfTheFile(t *testing.T) {
	v := newWorld(t, t.TempDir(), 2)
	v.grow(300)
	path := filepath.Join(t.TempDir(), "index")
	x := v.open(path, Config{MaxBytes: 1 << 20})
	if err := x.Update(t.Context(), v.reader()); check.Of(err) != check.Limit {
		t.Errorf("got %v, want check limit", err)
	}
	x.Close()
	x = v.open(path, Config{})
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Error(err)
	}
}

func TestLG5_Files(t *testing.T) {
	v := newWorld(t, t.TempDir(), 2)
	v.grow(3000)
	dir := t.TempDir()
	path := filepath.Join(dir, "index")
	x := v.open(path, Config{})
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	refused := func(name, path string) {
		t.Helper()
		y, err := Open(path, Config{Wait: 1})
		if check.Of(err) != check.FS {
			t.Errorf("%s: got %v, want check fs", name, err)
		}
		if err == nil {
			y.Close()
		}
	}
	refused("in use", path)
	var used int64
	x.db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil })
	x.Close()
	y := must(Open(path, Config{ReadOnly: true}))
	if _, err := y.Log(&v.root.Logs[0]); check.Of(err) != check.NotFound {
		t.Errorf("another log: got %v, want check not_found", err)
	}
	y.Close()
	refused("a directory", dir)
	good := must(os.ReadFile(path))
	for name, data := range map[string][]byte{
		"cut": good[:used-1], "a text": []byte("hello"), "cut to two pages": good[:8192],
		"zeros": make([]byte, len(good)),
	} {
		bad := filepath.Join(dir, "bad")
		os.WriteFile(bad, data, 0o600)
		refused(name, bad)
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	refused("a link", filepath.Join(dir, "link"))
	// Damage inside is an error or a loss, never a panic or a false answer.
	for at := 4096; at < len(good); at += 997 {
		bad := filepath.Join(dir, "bad")
		data := bytes.Clone(good)
		for i := at; i < min(at+40, len(data)); i++ {
			data[i] ^= 0xff
		}
		os.WriteFile(bad, data, 0o600)
		f, err := Open(bad, Config{Wait: 1, ReadOnly: true})
		if err != nil {
			continue
		}
		f.layout = small
		y, err := f.Log(v.trusted())
		if err != nil {
			f.Close()
			continue
		}
		for e, err := range y.Find(t.Context(), v.reader(), read.Query{Subject: sigtest.Who(0).Subject, From: 2990}) {
			if err == nil && e.Content.Identity.Subject != sigtest.Who(0).Subject {
				t.Errorf("byte %d: found %q", at, e.Content.Identity.Subject)
			}
		}
		for range y.Identities("") {
		}
		y.Close()
	}
}

// What this program did not write into its file is damage, and is said to be.
func TestLG5_DamageInside(t *testing.T) {
	v := newWorld(t, t.TempDir(), 2)
	v.grow(3000)
	path := filepath.Join(t.TempDir(), "index")
	x := v.open(path, Config{})
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	x.Close()
	good, name := must(os.ReadFile(path)), x.name
	v.grow(3100)
	update := func(x *Index) error { return x.Update(t.Context(), v.reader()) }
	names := func(x *Index) error {
		for _, err := range x.Identities("") {
			if err != nil {
				return err
			}
		}
		return nil
	}
	seen := func(x *Index) error { _, _, err := x.FirstSeen(2); return err }
	eight := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
	chunks, level := kinds()[0], append(segmentKey(topLevel+1, 0), make([]byte, recordSize)...)
	for _, tt := range []struct {
		name       string
		bucket     []byte
		key, value []byte
		do         func(x *Index) error
		text       string
	}{
		{"nothing", bucketMeta, []byte("x"), nil, update, ""},
		{"ends before the beginning", bucketMeta, keyNext, eight(-1), update, "ends at index -1"},
		{"ends behind its checkpoint", bucketMeta, keyNext, eight(3001), update, "3001 entries of a tree of 3000"},
		{"no checkpoint", bucketMeta, keyNote, nil, update, "stored checkpoint"},
		{"name without issuer", bucketNames, []byte("a"), eight(0), names, "an identity has the key"},
		{"name without index", bucketNames, []byte("a\x00b"), nil, names, "an identity has the key"},
		{"batch with a long key", bucketSeen, append(eight(1), 0), make([]byte, 16), seen, "a batch has the key"},
		{"batch without time", bucketSeen, eight(2), eight(3000), seen, "a batch has the key"},
		{"chunk with a short key", chunks, []byte{0}, make([]byte, recordSize), update, "a chunk has the key"},
		{"chunk of no level", chunks, level, make([]byte, recordSize), update, "a chunk has the key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
			x := v.open(path, Config{})
			defer x.Close()
			if err := x.db.Update(func(tx *bolt.Tx) error { return x.bucket(tx, tt.bucket).Put(tt.key, tt.value) }); err != nil {
				t.Fatal(err)
			}
			err := tt.do(x)
			if tt.text == "" && err != nil || tt.text != "" && (check.Of(err) != check.FS || !strings.Contains(fmt.Sprint(err), tt.text)) {
				t.Errorf("got %v, want check fs with %q", err, tt.text)
			}
		})
	}
	for _, n := range []int{0, recordSize - 1, recordSize + 1} {
		if _, err := records(nil, make([]byte, n)); check.Of(err) != check.FS {
			t.Errorf("chunk of %d bytes: got %v, want check fs", n, err)
		}
	}
	// A file of another program, and one that lost a part.
	os.WriteFile(path, good, 0o600)
	db := must(bolt.Open(path, 0o600, nil))
	if err := db.Update(func(tx *bolt.Tx) error { return tx.Bucket([]byte(schema)).Bucket(name).DeleteBucket(chunks) }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	y := must(Open(path, Config{}))
	if _, err := y.Log(v.trusted()); check.Of(err) != check.FS || !strings.Contains(fmt.Sprint(err), "is missing") {
		t.Errorf("part missing: got %v, want check fs", err)
	}
	y.Close()
	os.Remove(path)
	db = must(bolt.Open(path, 0o600, nil))
	if err := db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("other")); return err }); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := Open(path, Config{}); check.Of(err) != check.FS || !strings.Contains(fmt.Sprint(err), "not an index that this version reads") {
		t.Errorf("file of another program: got %v, want check fs", err)
	}
}

func TestTwoLogsInOneFile(t *testing.T) {
	v, w := newWorld(t, t.TempDir(), 2), newWorld(t, t.TempDir(), 3)
	v.grow(600)
	w.grow(700)
	w.root.Logs[1].ID = bytes.Repeat([]byte{7}, 32) // another log, of another size
	path := filepath.Join(t.TempDir(), "index")
	x := v.open(path, Config{})
	y := must(x.File.Log(w.trusted()))
	for _, i := range []struct {
		x *Index
		v *world
		n int64
	}{{x, v, 600}, {y, w, 700}, {x, v, 600}} {
		if err := i.x.Update(t.Context(), i.v.reader()); err != nil {
			t.Fatal(err)
		}
		if n := must(i.x.Size()); n != i.n {
			t.Errorf("got %d entries, want %d", n, i.n)
		}
		q := read.Query{Hash: crypto.SHA256, Digest: sigtest.EntryDigest(650)}
		if got := found(t, i.x, i.v, q); (len(got) == 1) != (i.n == 700) {
			t.Errorf("got %v of %d", got, i.n)
		}
	}
}
