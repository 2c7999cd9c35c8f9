package ctlog

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/evidence"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/inclusion"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
	"github.com/hallmarksign/hallmark/trustroot"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A fake is a log of certificates that may lie.
type fake struct {
	w      *sigtest.World
	dir    string // of evidence
	leaves [][]byte
	most   int           // entries of one answer
	more   int           // entries of one answer that were not asked for
	later  time.Duration // than T0, when the next entry is logged
	head   func(map[string]any)
	entry  func(i int, leaf []byte) []byte
	proof  [][]byte // in the place of every audit path
}

func newFake(t *testing.T) *fake { return &fake{w: sigtest.New(t), most: 3} }

func (f *fake) log() *Log {
	root := must(trustroot.Parse(f.w.TrustedRoot()))
	return New(&root.CTLogs[0], f, Config{Dir: f.dir, Now: f.w.Clock.Now})
}

// add logs a precertificate, or the certificate itself.
func (f *fake) add(subject string, pre bool) { f.addOf(f.w.CA, subject, pre) }

func (f *fake) addOf(ca *sigtest.CA, subject string, pre bool) {
	who := sigtest.Alice()
	who.Subject = subject
	var tbs []byte
	cert := f.w.Leaf(ca, who, f.w.SignerKey().Public(), sigtest.T0, []*sigtest.CT{f.w.CT}, sigtest.LeafEdits{
		TBS: func(der []byte) []byte { tbs = slices.Clone(der); return der },
	})
	b := binary.BigEndian.AppendUint64([]byte{0, 0}, uint64(sigtest.T0.Add(f.later).UnixMilli()))
	data := cert
	if pre {
		b = append(b, 0, 1)
		issuer := sha256.Sum256(ca.Issuer.RawSubjectPublicKeyInfo)
		b = append(b, issuer[:]...)
		data = tbs
	} else {
		b = append(b, 0, 0)
	}
	b = append(b, byte(len(data)>>16), byte(len(data)>>8), byte(len(data)))
	b = append(b, data...)
	f.leaves = append(f.leaves, append(b, 0, 0))
}

func (f *fake) hashes(n int) (out []tilestest.Hash) {
	for _, l := range f.leaves[:n] {
		out = append(out, tilestest.Hash(inclusion.Leaf(l)))
	}
	return out
}

// path is PATH(i, hashes) of RFC 6962 section 2.1.1.
func (f *fake) path(i int, hashes []tilestest.Hash) (out [][]byte) {
	if len(hashes) == 1 {
		return nil
	}
	k := 1
	for k*2 < len(hashes) {
		k *= 2
	}
	left, right := tilestest.Root(hashes[:k]), tilestest.Root(hashes[k:])
	if i < k {
		return append(f.path(i, hashes[:k]), right[:])
	}
	return append(f.path(i-k, hashes[k:]), left[:])
}

// subproof is SUBPROOF(m, hashes, whole) of RFC 6962 section 2.1.2.
func (f *fake) subproof(m int, hashes []tilestest.Hash, whole bool) [][]byte {
	if m == len(hashes) && whole {
		return nil
	}
	if m == len(hashes) {
		root := tilestest.Root(hashes)
		return [][]byte{root[:]}
	}
	k := 1
	for k*2 < len(hashes) {
		k *= 2
	}
	left, right := tilestest.Root(hashes[:k]), tilestest.Root(hashes[k:])
	if m <= k {
		return append(f.subproof(m, hashes[:k], whole), right[:])
	}
	return append(f.subproof(m-k, hashes[k:], false), left[:])
}

func (f *fake) Do(_ context.Context, r fetch.Request) (*fetch.Response, error) {
	u := must(url.Parse(r.Path))
	var a, b int
	out := map[string]any{}
	switch u.Path {
	case "/ct/v1/get-sth":
		root := tilestest.Root(f.hashes(len(f.leaves)))
		message := binary.BigEndian.AppendUint64([]byte{0, 1}, uint64(sigtest.T0.UnixMilli()))
		message = append(binary.BigEndian.AppendUint64(message, uint64(len(f.leaves))), root[:]...)
		sig := sigtest.SignMessage(f.w.CT.Key, 5, message)
		out = map[string]any{
			"tree_size": len(f.leaves), "timestamp": sigtest.T0.UnixMilli(), "sha256_root_hash": root[:],
			"tree_head_signature": append([]byte{4, 3, byte(len(sig) >> 8), byte(len(sig))}, sig...),
		}
		if f.head != nil {
			f.head(out)
		}
	case "/ct/v1/get-entries":
		fmt.Sscan(u.Query().Get("start"), &a)
		fmt.Sscan(u.Query().Get("end"), &b)
		list := []any{}
		for i := a; i <= b && i < len(f.leaves) && len(list) < f.most; i++ {
			leaf := f.leaves[i]
			if f.entry != nil {
				leaf = f.entry(i, leaf)
			}
			list = append(list, map[string]any{"leaf_input": leaf, "extra_data": []byte("x")})
		}
		for range f.more {
			list = append(list, list[0])
		}
		out["entries"] = list
	case "/ct/v1/get-entry-and-proof":
		fmt.Sscan(u.Query().Get("leaf_index"), &a)
		fmt.Sscan(u.Query().Get("tree_size"), &b)
		out["leaf_input"], out["audit_path"] = f.leaves[a], f.path(a, f.hashes(b))
		if f.proof != nil {
			out["audit_path"] = f.proof
		}
		if f.entry != nil {
			out["leaf_input"] = f.entry(a, f.leaves[a])
		}
	case "/ct/v1/get-sth-consistency":
		fmt.Sscan(u.Query().Get("first"), &a)
		fmt.Sscan(u.Query().Get("second"), &b)
		out["consistency"] = append([][]byte{}, f.subproof(a, f.hashes(b), true)...)
		if f.proof != nil {
			out["consistency"] = f.proof
		}
	default:
		return &fetch.Response{Status: 404}, nil
	}
	return &fetch.Response{Status: 200, Body: must(json.Marshal(out))}, nil
}

func alice(c *Certificate) bool {
	return c.Identity != nil && c.Identity.Subject == "alice@example.com"
}

func TestLook(t *testing.T) {
	f := newFake(t)
	var want []int64
	for i := range 20 {
		f.add(map[bool]string{true: "alice@example.com", false: "bob@example.com"}[i%3 == 0], i%2 == 0)
		if i%3 == 0 {
			want = append(want, int64(i))
		}
	}
	f.leaves = append(f.leaves, []byte("nothing that is understood"))
	l := f.log()
	for from := range int64(21) {
		p, err := l.At(t.Context(), from)
		if err != nil {
			t.Fatal(err)
		}
		found, next, err := l.Look(t.Context(), p, 100, alice)
		if err != nil || next.Size != 21 {
			t.Fatalf("from %d: %v, %v", from, next, err)
		}
		var got []int64
		for _, c := range found {
			got = append(got, c.Index)
			if c.Pre != (c.Index%2 == 0) || !c.Logged.Equal(sigtest.T0.Truncate(time.Millisecond)) {
				t.Errorf("got %+v", c)
			}
		}
		rest := slices.DeleteFunc(slices.Clone(want), func(i int64) bool { return i < from })
		if !slices.Equal(got, rest) {
			t.Errorf("from %d: got %v, want %v", from, got, rest)
		}
		if found, _, err := l.Look(t.Context(), next, 100, alice); err != nil || len(found) != 0 {
			t.Errorf("again: got %v, %v", found, err)
		}
	}
}

// A bound on one look is none on the log: the next one goes on where it ended, and
// what the log signed in between still counts.
func TestLM3_LooksInParts(t *testing.T) {
	static := newStatic(t, 600)
	answering := newFake(t)
	for i := range 23 {
		answering.add(map[bool]string{true: "alice@example.com", false: "bob@example.com"}[i%3 == 0], i%2 == 0)
	}
	for name, tt := range map[string]struct {
		l    *Log
		size int64
		most int64
	}{"tiles": {static.log(), 600, 100}, "RFC 6962": {answering.log(), 23, 4}} {
		var p Point
		looks := 0
		var got []int64
		for p.Size < tt.size {
			found, next, err := tt.l.Look(t.Context(), p, tt.most, alice)
			if err != nil || next.Size != min(p.Size+tt.most, tt.size) || next.Left != tt.size-next.Size {
				t.Fatalf("%s: from %d: got %+v, %v", name, p.Size, next, err)
			}
			for _, c := range found {
				got = append(got, c.Index)
			}
			p = next
			looks++
		}
		if int64(looks) != (tt.size+tt.most-1)/tt.most || int64(len(got)) != (tt.size+2)/3 || !slices.IsSorted(got) {
			t.Errorf("%s: %d looks found %v", name, looks, got)
		}
	}
}

// After a part of a look the log may neither lose nor change what it signed then.
func TestLG1_LG2_HistoryInParts(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(f *fake)
		want   string
	}{
		"honest":                {func(f *fake) { f.add("bob@example.com", true) }, ""},
		"back behind the point": {func(f *fake) { f.leaves = f.leaves[:3] }, "went back"},
		"back, but not so far":  {func(f *fake) { f.leaves = f.leaves[:8] }, "went back"},
		"fork before the point": {func(f *fake) { f.leaves[0] = f.leaves[0][1:] }, "two histories"},
		"fork behind the point": {func(f *fake) { f.leaves[7] = f.leaves[7][1:]; f.add("bob@example.com", true) }, "two histories"},
		"another proof":         {func(f *fake) { f.proof = [][]byte{make([]byte, 32)} }, "two histories"},
		"entries that aren't in it": {func(f *fake) {
			f.entry = func(i int, leaf []byte) []byte { return append(leaf[:len(leaf):len(leaf)], 0) }
		}, "two histories"},
		"a proof of too many hashes": {func(f *fake) { f.proof = slices.Repeat([][]byte{make([]byte, 32)}, 200) }, "two histories"},
	} {
		f := newFake(t)
		for range 10 {
			f.add("alice@example.com", true)
		}
		_, p, err := f.log().Look(t.Context(), Point{}, 4, alice)
		if err != nil || p.Left != 6 {
			t.Fatalf("got %+v, %v", p, err)
		}
		f.dir = t.TempDir()
		tt.change(f)
		_, next, err := f.log().Look(t.Context(), p, 4, alice)
		kept, _ := filepath.Glob(filepath.Join(f.dir, "evidence", "*"))
		if tt.want == "" && (err != nil || next.Size != 8) || tt.want != "" && (check.Of(err) != check.Checkpoint || !strings.Contains(err.Error(), tt.want) || len(kept) != 1) {
			t.Errorf("%s: got %+v, %v, kept %q, want %q", name, next, err, kept, tt.want)
		}
		// The remembered head is verified like one of now.
		for what, bad := range map[string]Point{
			"another size": {Size: p.Size, Hashes: p.Hashes, Head: p.Head, Left: 1},
			"another head": {Size: p.Size, Hashes: p.Hashes, Head: strings.Replace(p.Head, `"tree_size":10`, `"tree_size":11`, 1), Left: 7},
			"no head":      {Size: p.Size, Hashes: p.Hashes, Left: 1},
		} {
			if _, _, err := f.log().Look(t.Context(), bad, 4, alice); tt.want == "" && check.Of(err) != check.FS {
				t.Errorf("%s: got %v, want check fs", what, err)
			}
		}
	}
}

func TestSince(t *testing.T) {
	f := newFake(t)
	for i := range 21 {
		f.later = time.Duration(i) * 12 * time.Hour
		f.add("alice@example.com", i%2 == 0)
	}
	for i := range 30 {
		moment := sigtest.T0.Add(time.Duration(i) * 12 * time.Hour)
		p, err := f.log().Since(t.Context(), moment)
		if want := int64(min(max(i-2, 0), 21)); err != nil || p.Size != want { // a day before
			t.Errorf("%v: got %d, %v, want %d", moment, p.Size, err, want)
		}
		if _, _, err := f.log().Look(t.Context(), p, 100, alice); err != nil {
			t.Errorf("look from %d: %v", p.Size, err)
		}
	}
	f.entry = func(i int, leaf []byte) []byte { // says that all are old
		leaf = slices.Clone(leaf)
		binary.BigEndian.PutUint64(leaf[2:], 1)
		return leaf
	}
	if p, err := f.log().Since(t.Context(), sigtest.T0); check.Of(err) != check.Proof {
		t.Errorf("a log that lies: got %d, %v, want check proof", p.Size, err)
	}
}

func TestAuthority(t *testing.T) {
	f := newFake(t)
	for _, ca := range []*sigtest.CA{f.w.CA, f.w.NewCA("unlisted")} {
		f.addOf(ca, "alice@example.com", true)
		f.addOf(ca, "alice@example.com", false)
	}
	found, _, err := f.log().Look(t.Context(), Point{}, 100, alice)
	if err != nil || len(found) != 4 {
		t.Fatalf("got %v, %v", found, err)
	}
	root := must(trustroot.Parse(f.w.TrustedRoot()))
	for i, want := range []string{f.w.CA.URI, f.w.CA.URI, "", ""} {
		if got := found[i].Authority(root); got != want {
			t.Errorf("entry %d, before it was issued %v: got authority %q, want %q", i, found[i].Pre, got, want)
		}
	}
	root.Authorities[0].Valid.Start = sigtest.T0.Add(time.Hour)
	if got := found[0].Authority(root); got != "" {
		t.Errorf("before the window of the authority: got %q", got)
	}
}

func TestLG1_LogThatLies(t *testing.T) {
	other := sha256.Sum256(nil)
	for _, tt := range []struct {
		name string
		lie  func(f *fake)
		want check.Check
	}{
		{"LG-4 signature", func(f *fake) { f.head = func(h map[string]any) { h["timestamp"] = 1 } }, check.Checkpoint},
		{"LG-4 root", func(f *fake) { f.head = func(h map[string]any) { h["sha256_root_hash"] = other[:] } }, check.Checkpoint},
		{"LM-5 short root", func(f *fake) { f.head = func(h map[string]any) { h["sha256_root_hash"] = other[1:] } }, check.Server},
		{"LM-5 negative size", func(f *fake) { f.head = func(h map[string]any) { h["tree_size"] = -1 } }, check.Server},
		{"LM-5 negative time", func(f *fake) { f.head = func(h map[string]any) { h["timestamp"] = -1 } }, check.Server},
		{"LG-4 signature of nothing", func(f *fake) { f.head = func(h map[string]any) { h["tree_head_signature"] = []byte{} } }, check.Checkpoint},
		{"LG-1 a hidden entry", func(f *fake) {
			f.entry = func(i int, leaf []byte) []byte { return f.leaves[max(i, 1)] }
		}, check.Checkpoint},
		{"LG-1 a changed entry", func(f *fake) {
			f.entry = func(i int, leaf []byte) []byte { return append(leaf[:len(leaf):len(leaf)], byte(i)) }
		}, check.Checkpoint},
		{"LG-4 no entries", func(f *fake) { f.most = 0 }, check.Server},
		{"LG-4 more entries than asked for", func(f *fake) { f.more = 1 }, check.Server},
	} {
		f := newFake(t)
		f.add("alice@example.com", true)
		f.add("alice@example.com", false)
		f.add("bob@example.com", false)
		f.most = 3
		tt.lie(f)
		found, _, err := f.log().Look(t.Context(), Point{}, 100, alice)
		if check.Of(err) != tt.want || len(found) != 0 {
			t.Errorf("%s: got %v, %v, want check %s", tt.name, found, err, tt.want)
		}
	}
}

// readLeaf takes a MerkleTreeLeaf whole, or not at all.
func TestLG4_Leaf(t *testing.T) {
	f := newFake(t)
	f.add("alice@example.com", true)
	f.add("alice@example.com", false)
	pre, cert := f.leaves[0], f.leaves[1]
	set := func(leaf []byte, at int, b byte) []byte {
		out := slices.Clone(leaf)
		out[at] = b
		return out
	}
	for name, tt := range map[string]struct {
		leaf []byte
		text string
	}{
		"certificate":       {cert, ""},
		"precertificate":    {pre, ""},
		"nothing":           {nil, "timestamped entry of version 1"},
		"version alone":     {cert[:1], "timestamped entry of version 1"},
		"version 2":         {set(cert, 0, 1), "timestamped entry of version 1"},
		"another leaf type": {set(cert, 1, 1), "timestamped entry of version 1"},
		"no time":           {cert[:9], "neither a certificate nor"},
		"no type":           {cert[:11], "neither a certificate nor"},
		"unknown type":      {set(cert, 11, 2), "neither a certificate nor"},
		"time of 2^63":      {set(cert, 2, 0x80), "neither a certificate nor"},
		"half an issuer":    {pre[:20], "neither a certificate nor"},
		"no length":         {cert[:14], "neither a certificate nor"},
		"empty":             {append(cert[:12:12], 0, 0, 0, 0, 0), "neither a certificate nor"},
		"no extensions":     {cert[:len(cert)-2], "neither a certificate nor"},
		"something behind":  {append(cert[:len(cert):len(cert)], 0), "neither a certificate nor"},
		"no TBSCertificate": {append(pre[:44:44], 0, 0, 1, 't', 0, 0), "is not a TBSCertificate"},
		"no certificate":    {append(cert[:12:12], 0, 0, 1, 'c', 0, 0), "x509"},
	} {
		c, err := parse(tt.leaf)
		if tt.text == "" {
			if err != nil || c.Identity == nil || !c.Logged.Equal(sigtest.T0) || c.Pre != (name == "precertificate") {
				t.Errorf("%s: got %+v, %v", name, c, err)
			}
			continue
		}
		if check.Of(err) != check.CertProfile || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want check cert_profile with %q", name, err, tt.text)
		}
	}
	if _, err := dress(append(slices.Clone(pre[47:len(pre)-2]), 0)); check.Of(err) != check.CertProfile || !strings.Contains(err.Error(), "is not a TBSCertificate") {
		t.Errorf("something behind the TBSCertificate: got %v", err)
	}
}

func TestLM5_Point(t *testing.T) {
	f := newFake(t)
	f.add("alice@example.com", false)
	if _, _, err := f.log().Look(t.Context(), Point{Size: -1}, 100, alice); check.Of(err) != check.Usage || !strings.Contains(err.Error(), "point is at -1") {
		t.Errorf("got %v, want check usage", err)
	}
}

func TestLM4_AuditPath(t *testing.T) {
	f := newFake(t)
	f.add("alice@example.com", false)
	for n, want := range map[int]check.Check{inclusion.MaxHashes: "", inclusion.MaxHashes + 1: check.Limit} {
		f.proof = slices.Repeat([][]byte{make([]byte, 32)}, n)
		if _, path, err := f.log().withProof(t.Context(), 0, 1); check.Of(err) != want || err == nil && len(path) != n {
			t.Errorf("%d hashes: got %d, %v, want check %q", n, len(path), err, want)
		}
	}
}

func TestLG1_LG2_History(t *testing.T) {
	f := newFake(t)
	for range 5 {
		f.add("alice@example.com", true)
	}
	_, p, err := f.log().Look(t.Context(), Point{}, 100, alice)
	if err != nil {
		t.Fatal(err)
	}
	f.dir = t.TempDir()
	f.leaves[2] = f.leaves[2][1:]
	f.add("bob@example.com", true)
	if _, _, err := f.log().Look(t.Context(), p, 100, alice); check.Of(err) != check.Checkpoint || !strings.Contains(err.Error(), "hides or changed") {
		t.Errorf("fork: got %v", err)
	}
	f.leaves = f.leaves[:4]
	if _, _, err := f.log().Look(t.Context(), p, 100, alice); check.Of(err) != check.Checkpoint || !strings.Contains(err.Error(), "went back") {
		t.Errorf("rollback: got %v", err)
	}
	// Both signed tree heads are kept.
	kept, _ := filepath.Glob(filepath.Join(f.dir, "evidence", "*"))
	if len(kept) != 2 || !strings.Contains(kept[0], "fork-") || !strings.Contains(kept[1], "rollback-") {
		t.Errorf("kept %q", kept)
	}
	for _, file := range kept {
		var e evidence.Evidence
		if err := json.Unmarshal(must(os.ReadFile(file)), &e); err != nil || e.Remembered.Note != p.Head || e.Served == p.Head || !strings.Contains(p.Head, "tree_head_signature") {
			t.Errorf("%s: got %+v, %v", file, e, err)
		}
	}
	for _, p := range []Point{{Size: -1}, {Size: 3}, {Size: 2, Hashes: [][]byte{{1}}}} {
		if _, _, err := f.log().Look(t.Context(), p, 100, alice); err == nil {
			t.Errorf("point %v is accepted", p)
		}
	}
}

func FuzzParse(f *testing.F) {
	v := &fake{w: sigtest.New(f)}
	v.add("alice@example.com", true)
	v.add("alice@example.com", false)
	for _, l := range v.leaves {
		f.Add(l)
	}
	f.Fuzz(func(t *testing.T, leaf []byte) {
		c, err := parse(leaf)
		if err == nil && !strings.Contains(string(leaf), string(c.TBS)) {
			t.Errorf("%x: TBS is not in it", leaf)
		}
	})
}

// A log that does not say whether it has a checkpoint is not asked for a tree head
// in its place.
func TestLG4_CheckpointThatFails(t *testing.T) {
	f := newFake(t)
	f.add("alice@example.com", false)
	root := must(trustroot.Parse(f.w.TrustedRoot()))
	asked := 0
	l := New(&root.CTLogs[0], doer(func(_ context.Context, r fetch.Request) (*fetch.Response, error) {
		asked++
		return nil, check.Refuse("TU-14", check.Net, "%s is down", r.Path)
	}), Config{Now: f.w.Clock.Now})
	if _, err := l.Head(t.Context()); check.Of(err) != check.Net || !strings.Contains(err.Error(), "checkpoint") || asked != 1 {
		t.Errorf("got %v after %d questions, want check net after one", err, asked)
	}
}

type doer func(context.Context, fetch.Request) (*fetch.Response, error)

func (d doer) Do(ctx context.Context, r fetch.Request) (*fetch.Response, error) { return d(ctx, r) }
