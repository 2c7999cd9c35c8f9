package read

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/strictjson"
	"github.com/hallmarksign/hallmark/tlog"
)

func find(t *testing.T, v *world, q Query) (out []int64, notes []string, errs []error) {
	t.Helper()
	for e, err := range v.v1(nil).Find(t.Context(), q, func(s string) { notes = append(notes, s) }) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, e.Raw.LogIndex)
	}
	return out, notes, errs
}

func TestFind1(t *testing.T) {
	v := newWorld(t)
	alice := sigtest.Alice()
	one := v.sign(1, "one")
	v.Clock.Add(time.Hour)
	two := v.sign(1, "two")
	bob := alice
	bob.Subject = "bob@example.com"
	foreign := v.sign(1, "three", func(m *sigtest.Maker) { m.Who = &bob })
	sum := sha256.Sum256([]byte("two"))
	key := sigtest.SPKI(v.SignerKey().Public())

	v.index[alice.Subject] = []string{id(one), id(two)[16:], id(one), id(two)}
	v.index[fmt.Sprintf("sha256:%x", sum)] = []string{id(two)}
	for _, tt := range []struct {
		name string
		q    Query
		want []int64
	}{
		{"e-mail", Query{Subject: alice.Subject}, []int64{one.LogIndex, two.LogIndex}},
		// The log of these tests promises the time of asking.
		{"since now", Query{Subject: alice.Subject, Since: v.Clock.Now()}, []int64{one.LogIndex, two.LogIndex}},
		{"since later", Query{Subject: alice.Subject, Since: v.Clock.Now().Add(time.Second)}, nil},
		{"from", Query{Subject: alice.Subject, From: two.LogIndex}, []int64{two.LogIndex}},
		{"digest", Query{Hash: crypto.SHA256, Digest: sum[:]}, []int64{two.LogIndex}},
		{"nobody", Query{Subject: "carol@example.com"}, nil},
	} {
		got, notes, errs := find(t, v, tt.q)
		if fmt.Sprint(got) != fmt.Sprint(tt.want) || len(notes)+len(errs) > 0 {
			t.Errorf("%s: got %v, %q, %v, want %v", tt.name, got, notes, errs, tt.want)
		}
	}
	find(t, v, Query{Key: key})
	if q := fmt.Sprint(v.lastAsk["publicKey"]); !strings.Contains(q, "x509") {
		t.Errorf("asked for key %s", q)
	}
	find(t, v, Query{Subject: "https://github.com/a/b/.github/workflows/c.yml@refs/heads/main"})
	if find(t, v, Query{Subject: alice.Subject}); v.lastAsk["email"] == nil || v.lastAsk["subject"] != nil {
		t.Errorf("asked %v for an address", v.lastAsk)
	}
	find(t, v, Query{Subject: "https://github.com/a@b"})
	if v.lastAsk["subject"] == nil || v.lastAsk["email"] != nil {
		t.Errorf("asked %v for a URI", v.lastAsk)
	}
	// The index lies: entries of others, entries that are not there.
	v.index[alice.Subject] = []string{id(foreign), strings.Repeat("0", 80), id(two)}
	got, notes, errs := find(t, v, Query{Subject: alice.Subject})
	if fmt.Sprint(got) != fmt.Sprint([]int64{two.LogIndex}) || len(notes) != 1 || len(errs) != 1 || check.Of(errs[0]) != check.Server {
		t.Errorf("got %v, %q, %v", got, notes, errs)
	}
	v.index[alice.Subject] = []string{"../../etc/passwd"}
	if _, _, errs := find(t, v, Query{Subject: alice.Subject}); len(errs) != 1 || rule(errs[0]) != "SG-12" {
		t.Errorf("got %v, want that the id is refused by SG-12", errs)
	}
	if _, _, errs := find(t, v, Query{Repo: "owner/name"}); len(errs) != 1 || check.Of(errs[0]) != check.Usage {
		t.Errorf("got %v, want check usage", errs)
	}
}

func TestER2_LM6_Query(t *testing.T) {
	sum := sha256.Sum256(nil)
	for _, tt := range []struct {
		name string
		q    Query
		want string // rule
	}{
		{"subject", Query{Subject: "a"}, ""},
		{"digest", Query{Hash: crypto.SHA256, Digest: sum[:]}, ""},
		{"key", Query{Key: []byte("k")}, ""},
		{"repository", Query{Repo: "owner/name"}, ""},
		{"ER-2 nothing", Query{}, "ER-2"},
		{"ER-2 two things", Query{Subject: "a", Repo: "owner/name"}, "ER-2"},
		{"ER-2 repository without owner", Query{Repo: "name"}, "ER-2"},
		{"LM-6 digest of no hash", Query{Digest: sum[:]}, "LM-6"},
		{"LM-6 digest of a hash that is not here", Query{Hash: crypto.MD4, Digest: sum[:16]}, "LM-6"},
		{"LM-6 digest too short", Query{Hash: crypto.SHA256, Digest: sum[:31]}, "LM-6"},
		{"LM-6 digest of another hash", Query{Hash: crypto.SHA512, Digest: sum[:]}, "LM-6"},
		{"LM-6 digest empty", Query{Hash: crypto.SHA256, Digest: []byte{}}, "LM-6"},
	} {
		if err := tt.q.Check(); rule(err) != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: got %v, want rule %q", tt.name, err, tt.want)
		}
	}
}

// A bound on one answer is no verdict: what fits is shown, and the rest is counted.
func TestLM3_FindLeavesOut(t *testing.T) {
	v := newWorld(t)
	alice := sigtest.Alice().Subject
	one, two := v.sign(1, "one"), v.sign(1, "two")
	v.index[alice] = []string{id(one), id(two)}
	for limit, want := range map[int]int{0: 2, 1: 1, 2: 2, 3: 2} {
		got, _, errs := find(t, v, Query{Subject: alice, Limit: limit})
		if len(got) != want || len(errs) != 2-want {
			t.Errorf("limit %d: got %v, %v, want %d entries", limit, got, errs, want)
		}
		for _, err := range errs {
			left, ok := errors.AsType[LeftOut](err)
			if check.Of(err) != check.Limit || !ok || left != (LeftOut{2, 1}) || check.Of(err).Exit() != check.ExitUndecided {
				t.Errorf("limit %d: got %v, want that 1 of 2 was left out", limit, err)
			}
		}
	}
	v.index[alice] = nil
	for i := range MaxHits + 1 { // none of them is there
		v.index[alice] = append(v.index[alice], fmt.Sprintf("%064x", i))
	}
	v.index[alice][0] = id(two)
	got, _, errs := find(t, v, Query{Subject: alice})
	if len(got) != 1 || len(errs) != MaxHits || check.Of(errs[MaxHits-1]) != check.Limit {
		t.Errorf("got %v and %d errors, want what fits and one about the rest", got, len(errs))
	}
	// An index that names more than is read of one answer.
	for name, answer := range map[string]string{
		"bytes": "[" + strings.Repeat(`"`+id(one)+`",`, maxNamed/83) + `"` + id(two) + `"]`,
		"items": "[" + strings.Repeat(`"",`, strictjson.MaxElements) + `""]`,
	} {
		v.fault = rewrite("/index/retrieve", func(string) string { return answer })
		if _, _, errs := find(t, v, Query{Subject: alice}); len(errs) != 1 || check.Of(errs[0]) != check.Limit || rule(errs[0]) != "LM-3" {
			t.Errorf("%s: got %v, want check limit", name, errs)
		}
	}
}

// Anybody can log long entries in any name: what is beside them is found.
func TestLM1_LongEntries(t *testing.T) {
	v := newWorld(t)
	v.older = true
	alice := sigtest.Alice().Subject
	one := v.sign(1, "one")
	long := func(n int) bundle.Entry {
		return v.Log1.Add("", "", []byte(`{"long":"`+strings.Repeat("x", 1<<20+n)+`"}`), sigtest.LogEdits{})
	}
	huge := v.Log1.Add("", "", []byte(`{"huge":"`+strings.Repeat("x", tlog.MaxAnswer)+`"}`), sigtest.LogEdits{})
	a, b, c, d := long(1), long(2), long(3), long(4)
	two := v.sign(1, "two")
	v.index[alice] = []string{id(one), id(a), id(b), id(c), id(d), id(huge), id(two)}
	got, notes, errs := find(t, v, Query{Subject: alice})
	if len(got) != 2 || len(notes) != 4 || len(errs) != 1 || check.Of(errs[0]) != check.Limit || !strings.Contains(errs[0].Error(), id(huge)) {
		t.Errorf("got %v, %d notes, %v", got, len(notes), errs)
	}
	shards := must(v.v1(nil).Shards(t.Context()))
	n := 0
	for e, err := range v.v1(nil).Scan(t.Context(), shards, one.LogIndex, two.LogIndex+1) {
		if err == nil && e.Raw.LogIndex != one.LogIndex+int64(n) || (err != nil) != (n == 1) || err != nil && check.Of(err) != check.Limit {
			t.Errorf("%d: got %v", n, err)
		}
		n++
	}
	if n != 7 {
		t.Errorf("got %d entries, want 7", n)
	}
}

// Shards adds the trees up, and stops at what a promise can hold.
func TestLM5_Shards(t *testing.T) {
	for size, want := range map[string]check.Check{
		"9007199254740992": "", "9007199254740993": check.Checkpoint, "9223372036854775807": check.Checkpoint,
	} {
		v := newWorld(t)
		v.Log1.Edits = sigtest.LogEdits{Note: func(s string) string { return strings.Replace(s, "\n3\n", "\n"+size+"\n", 1) }}
		shards, err := v.v1(nil).Shards(t.Context())
		if check.Of(err) != want || want != "" && rule(err) != "LM-5" || want == "" && Total(shards) != 1<<53 {
			t.Errorf("%s: got %v, %v, want check %q", size, shards, err, want)
		}
	}
}

// Entries of these tests are promised at the time of asking.
func TestIndexAt(t *testing.T) {
	v := newWorld(t)
	for i := range 9 {
		v.sign(1, fmt.Sprint("artifact ", i))
	}
	from, total := int64(sigtest.ShardOffset), int64(sigtest.ShardOffset+12)
	for later, want := range map[time.Duration]int64{0: from, margin: from, margin + time.Second: total} {
		if got, err := v.v1(nil).IndexAt(t.Context(), v.Clock.Now().Add(later), from, total); err != nil || got != want {
			t.Errorf("%v later: got %d, %v, want %d", later, got, err, want)
		}
	}
	if _, err := v.v1(nil).IndexAt(t.Context(), v.Clock.Now(), from, total+100); err == nil {
		t.Error("want an error of an entry that is not there")
	}
}

func TestScan1(t *testing.T) {
	v := newWorld(t)
	v.older = true
	for i := range 25 {
		v.sign(1, fmt.Sprint("artifact ", i))
	}
	want := int64(sigtest.ShardOffset)
	shards := must(v.v1(nil).Shards(t.Context()))
	if len(shards) != 2 || shards[1].First != want || Total(shards) != want+28 {
		t.Errorf("got %+v", shards)
	}
	for e, err := range v.v1(nil).Scan(t.Context(), shards, want, want+28) {
		if err != nil || e.Raw.LogIndex != want {
			t.Fatalf("got %v, %v, want %d", e, err, want)
		}
		want++
	}
	if want != sigtest.ShardOffset+28 {
		t.Errorf("ended before %d", want)
	}
	for e, err := range v.v1(nil).Scan(t.Context(), shards, want-1, want+1) {
		if e == nil && check.Of(err) != check.Server {
			t.Errorf("got %v, want check server", err)
		}
	}
	v.fault = rewrite("/retrieve", func(s string) string {
		return strings.Replace(s, fmt.Sprintf(`"logIndex":%d`, want-2), `"logIndex":7`, 1)
	})
	n := 0
	for _, err := range v.v1(nil).Scan(t.Context(), shards, want-3, want) {
		if n++; n == 2 && check.Of(err) != check.Server {
			t.Errorf("got %v for a hidden entry, want check server", err)
		}
	}
	if n != 2 {
		t.Errorf("went on after a hidden entry: %d", n)
	}

	// The log signs that the last entry but one has the last index as well.
	v.fault = nil
	hidden, shown := want-1, v.Log1.Add("", "", []byte(`{"shown":1}`), sigtest.LogEdits{}).LogIndex
	v.Log1.Edits.Promise = func(p *sigtest.Promise) {
		if p.LogIndex == shown {
			p.LogIndex = hidden
		}
	}
	v.fault = func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/retrieve") {
			r.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"logIndexes":[%d]}`, shown)))
		}
		next.ServeHTTP(w, r)
	}
	refused := func(what string) {
		t.Helper()
		for e, err := range v.v1(nil).Scan(t.Context(), must(v.v1(nil).Shards(t.Context())), hidden, hidden+1) {
			if e != nil || check.Of(err) != check.Checkpoint || rule(err) != "LG-1" {
				t.Errorf("%s: got %v, %v, want LG-1", what, e, err)
			}
		}
	}
	refused("LG-1 one entry under two indexes")
	v.fault, v.Log1.Edits, v.older = nil, sigtest.LogEdits{}, false
	refused("LG-1 R1-7 a tree that the log no longer names")
}

func TestLogsAndStatus(t *testing.T) {
	v := newWorld(t)
	if k := Logs(v.root, nil); len(k) != 2 || k[0].Version != 0 || k[0].Writes {
		t.Errorf("got %+v", k)
	}
	for generation := 1; generation <= 2; generation++ {
		log := &v.root.Logs[generation-1]
		got, err := Probe(t.Context(), log, v.config(generation, nil))
		if got != generation || err != nil {
			t.Errorf("got generation %d, %v, want %d", got, err, generation)
		}
		s := Inspect(t.Context(), v.reader(generation, nil), v.Clock.Now())
		if s.Err != nil || s.Size != 3 || !s.InUse || len(s.Heads[0].Signers) != 1 {
			t.Errorf("got %+v", s)
		}
	}
}
