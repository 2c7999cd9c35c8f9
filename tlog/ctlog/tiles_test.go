package ctlog

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
	"github.com/hallmarksign/hallmark/trustroot"
)

// A static is a log of tiles that may lie.
type static struct {
	*fake
	tiles string // folder of the tiles
	tree  tilestest.Tree
	key   crypto.Signer // that signs the tree heads
	note  note
	alter func(path string, data []byte) []byte // nil: it is not there
}

// note is what a checkpoint is made of.
type note struct {
	origin, name string
	more         string // further lines of the text
	typ          byte
	id           []byte
	ms           uint64
}

func newStatic(t testing.TB, n int) *static {
	s := &static{fake: &fake{w: sigtest.New(t)}}
	s.key = s.w.CT.Key
	root := must(trustroot.Parse(s.w.TrustedRoot()))
	const origin = "rome.ct.example.com/2024h1"
	s.note = note{origin: origin, name: origin, typ: 5, id: root.CTLogs[0].ID, ms: uint64(sigtest.T0.UnixMilli())}
	s.grow(t, n)
	return s
}

func (s *static) log() *Log {
	root := must(trustroot.Parse(s.w.TrustedRoot()))
	return New(&root.CTLogs[0], s, Config{Dir: s.dir, Now: s.w.Clock.Now})
}

// grow brings the log to a number of entries: those of an index that 3 divides are
// Alice's, the even ones precertificates.
func (s *static) grow(t testing.TB, n int) {
	t.Helper()
	for i := len(s.leaves); i < n; i++ {
		if i < 6 {
			s.add(map[bool]string{true: "alice@example.com", false: "bob@example.com"}[i%3 == 0], i%2 == 0)
			leaf := s.leaves[i]
			s.leaves[i] = append(leaf[:len(leaf)-2], indexed(i)...)
			continue
		}
		l := s.leaves[i%6]
		s.leaves = append(s.leaves, append(l[:len(l)-10:len(l)-10], indexed(i)...))
	}
	s.publish(t)
}

// indexed are the extensions of an entry.
func indexed(i int) []byte {
	return append([]byte{0, 8, 0, 0, 5, 0}, binary.BigEndian.AppendUint32(nil, uint32(i))...)
}

// publish writes the tiles of all entries.
func (s *static) publish(t testing.TB) {
	t.Helper()
	s.tiles, s.tree = t.TempDir(), tilestest.Tree{Root: sha256.Sum256(nil)}
	if len(s.leaves) == 0 {
		return
	}
	s.tree = must(tilestest.Write(s.tiles, len(s.leaves), func(i int) []byte { return s.leaves[i] }))
	if err := os.Mkdir(filepath.Join(s.tiles, "api/v2/tile/data"), 0o700); err != nil {
		t.Fatal(err)
	}
	for n := 0; n*256 < len(s.leaves); n++ {
		part := s.leaves[n*256 : min((n+1)*256, len(s.leaves))]
		var data []byte
		for _, leaf := range part {
			data = append(data, tileOf(leaf)...)
		}
		path := filepath.Join(s.tiles, tilestest.Path("data", n, len(part)))
		os.MkdirAll(filepath.Dir(path), 0o700)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tileOf returns the TileLeaf of an entry.
func tileOf(leaf []byte) []byte {
	out := slices.Clone(leaf[2:])
	if leaf[11] == 1 {
		out = append(out, 0, 0, 4)
		out = append(out, "pre!"...)
	}
	return append(append(out, 0, 64), make([]byte, 64)...)
}

func (s *static) checkpoint() string {
	sum := sha256.Sum256(append(append([]byte(s.note.name+"\n"), s.note.typ), s.note.id...))
	message := binary.BigEndian.AppendUint64([]byte{0, 1}, s.note.ms)
	message = append(binary.BigEndian.AppendUint64(message, uint64(s.tree.Size)), s.tree.Root[:]...)
	sig := sigtest.SignMessage(s.key, crypto.SHA256, message)
	blob := binary.BigEndian.AppendUint64(sum[:4:4], s.note.ms)
	blob = append(append(blob, 4, 3, 0, byte(len(sig))), sig...)
	return fmt.Sprintf("%s%s\n\u2014 %s %s\n", s.tree.Text(s.note.origin), s.note.more, s.note.name, base64.StdEncoding.EncodeToString(blob))
}

func (s *static) Do(_ context.Context, r fetch.Request) (*fetch.Response, error) {
	var data []byte
	if r.Path == "/checkpoint" {
		data = []byte(s.checkpoint())
	} else {
		data, _ = os.ReadFile(filepath.Join(s.tiles, "api/v2", filepath.FromSlash(r.Path)))
	}
	if s.alter != nil {
		data = s.alter(strings.TrimPrefix(r.Path, "/"), data)
	}
	if data == nil {
		return &fetch.Response{Status: 404}, nil
	}
	if int64(len(data)) > r.MaxBody {
		return nil, check.Refuse("LM-1", check.Limit, "%s has %d bytes", r.Path, len(data))
	}
	return &fetch.Response{Status: 200, Body: data}, nil
}

func indexes(list []*Certificate) (out []int64) {
	for _, c := range list {
		out = append(out, c.Index)
	}
	return out
}

func TestLG4_TilesLook(t *testing.T) {
	for _, n := range []int{1, 3, 255, 256, 257, 600} {
		s := newStatic(t, n)
		for _, from := range []int64{0, 1, 2, 200, 255, 256, 257, 512, 599, 600} {
			p, err := s.log().At(t.Context(), from)
			if from > int64(n) {
				if check.Of(err) != check.NotFound {
					t.Errorf("%d of %d: got %v, want check not_found", from, n, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			found, next, err := s.log().Look(t.Context(), p, 1000, alice)
			if err != nil || next.Size != int64(n) || !strings.HasPrefix(next.Head, s.note.origin) {
				t.Fatalf("%d of %d: got %v, %v", from, n, next, err)
			}
			var want []int64
			for i := (from + 2) / 3 * 3; i < int64(n); i += 3 {
				want = append(want, i)
			}
			if got := indexes(found); !slices.Equal(got, want) {
				t.Errorf("%d of %d: got %v, want %v", from, n, got, want)
			}
			for _, c := range found {
				if c.Pre != (c.Index%6 == 0) || c.Logged.UnixMilli() != sigtest.T0.UnixMilli() {
					t.Errorf("got %+v", c)
				}
			}
		}
	}
}

// A log grows, and drops what was partial.
func TestLG2_TilesGrow(t *testing.T) {
	s := newStatic(t, 0)
	var p Point
	for _, n := range []int{0, 1, 1, 200, 256, 300, 1000} {
		s.grow(t, n)
		found, next, err := s.log().Look(t.Context(), p, 1000, func(*Certificate) bool { return true })
		if err != nil || next.Size != int64(n) || int64(len(found)) != next.Size-p.Size {
			t.Fatalf("%d: got %d entries, %+v, %v", n, len(found), next, err)
		}
		p = next
	}
	// A tile that became full since the checkpoint.
	s = newStatic(t, 200)
	old := s.checkpoint()
	s.grow(t, 300)
	s.alter = func(path string, data []byte) []byte {
		if path == "checkpoint" {
			return []byte(old)
		}
		return data
	}
	found, next, err := s.log().Look(t.Context(), Point{}, 1000, alice)
	if err != nil || next.Size != 200 || len(found) != 67 {
		t.Errorf("got %d entries, %v", len(found), err)
	}
}

// Every byte of every tile is changed, in turn. What the submitter sent besides
// is in no tree, and nothing is taken from there.
func TestLG4_TilesWithOneByteChanged(t *testing.T) {
	s := newStatic(t, 2)
	log := s.log()
	free, pos := map[int]bool{}, 0
	for _, leaf := range s.leaves {
		all := tileOf(leaf)
		for i := len(leaf) - 2; i < len(all); i++ {
			free[pos+i] = true
		}
		pos += len(all)
	}
	changed := 0
	for _, tile := range []string{"tile/data/000.p/2", "tile/0/000.p/2"} {
		size := 2 * 32
		if strings.Contains(tile, "data") {
			size = pos
		}
		for i := range size {
			s.alter = func(path string, data []byte) []byte {
				if path == tile {
					data = bytes.Clone(data)
					data[i] ^= 0x10
				}
				return data
			}
			found, _, err := log.Look(t.Context(), Point{}, 100, alice)
			changed++
			if size == pos && free[i] && err == nil && slices.Equal(indexes(found), []int64{0}) {
				continue
			}
			if check.Of(err) != check.Proof || len(found) != 0 {
				t.Fatalf("%s byte %d: got %v, %v, want check proof", tile, i, found, err)
			}
		}
	}
	if changed < 1000 {
		t.Errorf("changed %d bytes", changed)
	}
}

func TestLG4_TilesThatLie(t *testing.T) {
	for _, tt := range []struct {
		name string
		lie  func(s *static)
		want check.Check
		text string
	}{
		{"WN-4 wrong key", func(s *static) { s.key = s.w.NewCT("other").Key }, check.Checkpoint, "does not verify"},
		{"WN-4 wrong log id", func(s *static) { s.note.id = make([]byte, 32) }, check.Checkpoint, "no signature by"},
		{"WN-4 wrong type", func(s *static) { s.note.typ = 1 }, check.Checkpoint, "no signature by"},
		{"WN-4 wrong note name", func(s *static) { s.note.name = "milano.ct.example.com" }, check.Checkpoint, "no signature by"},
		{"WN-4 time of 2^63", func(s *static) { s.note.ms = 1 << 63 }, check.Checkpoint, "does not verify"},
		{"WN-1 checkpoint is cut off", func(s *static) { s.cut("checkpoint", -1) }, check.Checkpoint, "end with a newline"},
		{"WN-2 extension line", func(s *static) { s.note.more = "further\n" }, check.Checkpoint, "extension lines"},
		{"LM-5 a tree too large", func(s *static) { s.tree.Size = 1<<48 + 1 }, check.Checkpoint, "entries, want 1 to"},
		{"LG-4 another root", func(s *static) { s.tree.Root[3] ^= 1 }, check.Proof, "do not lead to the root hash"},
		{"LG-4 a size that is not there", func(s *static) { s.tree.Size++ }, check.Server, "is missing"},
		{"LG-4 data tile is gone", func(s *static) { s.replace("tile/data/", nil) }, check.Server, "tile/data/000.p/6 is missing"},
		{"LG-4 hash tile is gone", func(s *static) { s.replace("tile/0/", nil) }, check.Server, "tile/0/000.p/6 is missing"},
		{"LG-4 data tile is empty", func(s *static) { s.replace("tile/data/", []byte{}) }, check.Proof, "number of entries"},
		{"LG-4 truncated", func(s *static) { s.cut("tile/data/", -1) }, check.Proof, "no chain"},
		{"LG-4 truncated hash tile", func(s *static) { s.cut("tile/0/", -1) }, check.Proof, "has 191 bytes"},
		{"LG-4 trailing byte", func(s *static) { s.cut("tile/data/", 1) }, check.Proof, "neither a certificate nor"},
		{"LG-4 one entry more", func(s *static) { s.replace("tile/data/", s.data(0, 1, 2, 3, 4, 5, 5)) }, check.Proof, "neither partial"},
		{"LG-4 one entry less", func(s *static) { s.replace("tile/data/", s.data(0, 1, 2, 3, 4)) }, check.Proof, "number of entries"},
		{"LG-4 too many entries", func(s *static) { s.replace("tile/data/", s.data(make([]int, 257)...)) }, check.Proof, "number of entries"},
		{"LG-4 entries in another order", func(s *static) { s.replace("tile/data/", s.data(0, 1, 3, 2, 4, 5)) }, check.Proof, "entry 2 in"},
		{"LG-4 foreign leaf", func(s *static) {
			foreign := bytes.Clone(s.leaves[0])
			foreign[9] ^= 1 // of another time
			s.replace("tile/data/", append(tileOf(foreign), s.data(1, 2, 3, 4, 5)...))
		}, check.Proof, "entry 0 in"},
		{"LG-4 no index", func(s *static) { s.extend(2, 0, 0) }, check.Server, "want its index once"},
		{"LG-4 index of another", func(s *static) { s.extend(2, indexed(3)...) }, check.Server, "entry 2 has the extensions"},
		{"LG-4 two indexes", func(s *static) { s.extend(2, append([]byte{0, 16}, slices.Repeat(indexed(2)[2:], 2)...)...) }, check.Server, "want its index once"},
		{"LG-4 short index", func(s *static) { s.extend(2, 0, 4, 0, 0, 1, 2) }, check.Server, "want its index once"},
		{"LM-1 tile too large", func(s *static) { s.replace("tile/data/", make([]byte, maxTile+1)) }, check.Limit, "bytes"},
		{"LG-4 neither of the two", func(s *static) { s.alter = func(string, []byte) []byte { return nil } }, check.Net, "neither a checkpoint of static-ct-api nor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStatic(t, 6)
			s.w.TB = t
			tt.lie(s)
			found, next, err := s.log().Look(t.Context(), Point{}, 1<<60, alice)
			if check.Of(err) != tt.want || !strings.Contains(err.Error(), tt.text) || len(found) != 0 || next.Size != 0 {
				t.Errorf("got %v, %v, want check %s and %q", found, err, tt.want, tt.text)
			}
		})
	}
}

// replace serves something else below a path.
func (s *static) replace(prefix string, with []byte) {
	s.alter = func(path string, data []byte) []byte {
		if strings.HasPrefix(path, prefix) {
			return with
		}
		return data
	}
}

// cut removes bytes from the end of what is below a path, or adds some.
func (s *static) cut(prefix string, n int) {
	s.alter = func(path string, data []byte) []byte {
		switch {
		case data == nil || !strings.HasPrefix(path, prefix):
			return data
		case n < 0:
			return data[:len(data)+n]
		}
		return append(data[:len(data):len(data)], make([]byte, n)...)
	}
}

// data is a data tile of some entries.
func (s *static) data(list ...int) (out []byte) {
	for _, i := range list {
		out = append(out, tileOf(s.leaves[i])...)
	}
	return out
}

// extend gives an entry other extensions, in a tree that has it so.
func (s *static) extend(i int, extensions ...byte) {
	l := s.leaves[i]
	s.leaves[i] = append(l[:len(l)-10:len(l)-10], extensions...)
	s.publish(s.w.TB)
}

func TestLG1_LG2_TilesHistory(t *testing.T) {
	s := newStatic(t, 300)
	_, p, err := s.log().Look(t.Context(), Point{}, 1000, alice)
	if err != nil {
		t.Fatal(err)
	}
	s.dir = t.TempDir()
	s.leaves[2] = append([]byte{}, s.leaves[2]...)
	s.leaves[2][9] ^= 1 // its time
	for _, n := range []int{300, 301} {
		s.grow(t, n)
		if found, _, err := s.log().Look(t.Context(), p, 1000, alice); check.Of(err) != check.Checkpoint || !strings.Contains(err.Error(), "two histories") || len(found) > 0 {
			t.Errorf("fork at %d: got %v", n, err)
		}
	}
	s.leaves = s.leaves[:299]
	s.publish(t)
	if _, _, err := s.log().Look(t.Context(), p, 1000, alice); check.Of(err) != check.Checkpoint || !strings.Contains(err.Error(), "went back") {
		t.Errorf("rollback: got %v", err)
	}
	kept, _ := filepath.Glob(filepath.Join(s.dir, "evidence", "*"))
	if len(kept) != 3 {
		t.Errorf("kept %q", kept)
	}
	for _, file := range kept {
		var e evidence.Evidence
		if err := strictjson.UnmarshalOpen(must(os.ReadFile(file)), &e); err != nil || e.Remembered.Note != p.Head || e.Served == p.Head || !strings.HasPrefix(p.Head, s.note.origin+"\n300\n") {
			t.Errorf("%s: got %+v, %v", file, e, err)
		}
	}
}

func TestLG4_LeafIndex(t *testing.T) {
	index := []byte{0, 0, 5, 1, 2, 3, 4, 5}
	for name, tt := range map[string]struct {
		extensions []byte
		ok         bool
	}{
		"alone":                {index, true},
		"before another":       {append(index[:8:8], 7, 0, 1, 9), true},
		"after another":        {append([]byte{7, 0, 0}, index...), true},
		"nothing":              {nil, false},
		"another":              {[]byte{7, 0, 0}, false},
		"twice":                {append(index[:8:8], index...), false},
		"twice, once of zeros": {append([]byte{0, 0, 5, 0, 0, 0, 0, 0}, index...), false},
		"another twice":        {append([]byte{7, 0, 0, 7, 0, 0}, index...), false},
		"4 bytes":              {[]byte{0, 0, 4, 2, 3, 4, 5}, false},
		"6 bytes":              {[]byte{0, 0, 6, 0, 1, 2, 3, 4, 5}, false},
		"cut off":              {index[:7], false},
		"something behind":     {append(index[:8:8], 7), false},
		"kind without length":  {[]byte{7}, false},
	} {
		if got, ok := leafIndex(tt.extensions); ok != tt.ok || ok && got != 0x0102030405 {
			t.Errorf("%s: got %x, %v", name, got, ok)
		}
	}
}

func TestLG4_TileLeaf(t *testing.T) {
	head := func(kind ...byte) []byte { return append(make([]byte, 8), kind...) }
	cert := append(head(0, 0), 0, 0, 1, 'c', 0, 0)
	pre := append(append(head(0, 1), make([]byte, 32)...), 0, 0, 1, 't', 0, 0)
	with := func(b []byte, more ...byte) []byte { return append(b[:len(b):len(b)], more...) }
	for name, tt := range map[string]struct {
		data []byte
		ok   bool
	}{
		"certificate":              {with(cert, 0, 0), true},
		"certificate with a chain": {with(cert, append([]byte{0, 32}, make([]byte, 32)...)...), true},
		"precertificate":           {with(pre, 0, 0, 1, 'p', 0, 0), true},
		"no precertificate":        {with(pre, 0, 0, 0, 0, 0), false},
		"half a hash":              {with(cert, append([]byte{0, 16}, make([]byte, 16)...)...), false},
		"hash and a byte":          {with(cert, append([]byte{0, 33}, make([]byte, 33)...)...), false},
		"no chain":                 {cert, false},
		"empty certificate":        {append(head(0, 0), 0, 0, 0, 0, 0, 0, 0), false},
		"unknown type":             {with(append(head(0, 2), cert[10:]...), 0, 0), false},
		"time of 2^63":             {with(append([]byte{0x80}, cert[1:]...), 0, 0), false},
	} {
		for _, behind := range [][]byte{nil, cert} {
			l, rest, err := readTileLeaf(with(tt.data, behind...))
			if behind != nil && name == "no chain" {
				continue // what follows is taken for it
			}
			if (err == nil) != tt.ok || err == nil && (!bytes.Equal(rest, behind) || l.leaf[0] != 0 || l.leaf[1] != 0) {
				t.Errorf("%s: got %+v, %x, %v", name, l, rest, err)
			}
		}
	}
}

// FuzzTileLeaf: what is accepted is written again as it was, and is one entry of
// RFC 6962.
func FuzzTileLeaf(f *testing.F) {
	s := newStatic(f, 3)
	for _, l := range s.leaves {
		f.Add(tileOf(l))
	}
	f.Add(s.data(0, 1, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, rest, err := readTileLeaf(data)
		if err != nil {
			return
		}
		out := slices.Clone(l.leaf[2:])
		if l.leaf[11] == 1 {
			n := len(l.precertificate)
			out = append(append(out, byte(n>>16), byte(n>>8), byte(n)), l.precertificate...)
		}
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(l.chain))), l.chain...)
		if !bytes.Equal(append(out, rest...), data) {
			t.Errorf("%x is written as %x", data, out)
		}
		e, err := readLeaf(l.leaf)
		if err != nil || e.pre != (l.precertificate != nil) || len(l.chain)%32 != 0 {
			t.Errorf("%x: got %+v, %v", data, e, err)
		}
	})
}

func TestSince_Tiles(t *testing.T) {
	s := newStatic(t, 300) // all logged at T0
	for moment, want := range map[time.Time]int64{sigtest.T0: 0, sigtest.T0.Add(mergeDelay): 0, sigtest.T0.Add(mergeDelay + time.Second): 300} {
		p, err := s.log().Since(t.Context(), moment)
		if err != nil || p.Size != want {
			t.Errorf("%v: got %d, %v, want %d", moment, p.Size, err, want)
		}
		if _, next, err := s.log().Look(t.Context(), p, 300, alice); err != nil || next.Size != 300 {
			t.Errorf("look from %d: got %d, %v", p.Size, next.Size, err)
		}
	}
}
