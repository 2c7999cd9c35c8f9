package tuf

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
)

// Each case is one fault in a repository that a client has seen honest before.
// The client must refuse by the check, leave what it trusted in place, and
// succeed once the repository is repaired.
func TestP_OneFault(t *testing.T) {
	targetPath := func(r *repo, name string) string {
		return fmt.Sprintf("/targets/%x.%s", []byte(r.targets.Signed.Targets[name].Hashes["sha256"]), name)
	}
	cases := []struct {
		name  string
		check check.Check
		rule  string
		fault func(r *repo)
	}{
		{"P1 target replaced", check.TUFHash, "TU-8", func(r *repo) {
			r.content[TrustedRoot] = append(r.content[TrustedRoot], '\n')
			r.bump()
			p := targetPath(r, TrustedRoot)
			r.files[p] = bytes.Replace(r.files[p], []byte("sigstore"), []byte("Sigstore"), 1)
		}},
		{"P1 target shorter", check.TUFHash, "TU-8", func(r *repo) {
			r.content[TrustedRoot] = append(r.content[TrustedRoot], '\n')
			r.bump()
			p := targetPath(r, TrustedRoot)
			r.files[p] = r.files[p][:100]
		}},
		{"P2 unsigned timestamp", check.TUFSig, "TU-9", func(r *repo) {
			r.files["/timestamp.json"] = edit(r.t, r.files["/timestamp.json"], func(m map[string]any) { m["signatures"] = []any{} })
		}},
		{"P2 unsigned snapshot", check.TUFSig, "TU-9", func(r *repo) {
			r.bump()
			r.files["/6.snapshot.json"] = edit(r.t, r.files["/6.snapshot.json"], func(m map[string]any) { m["signatures"] = []any{} })
		}},
		{"P2 targets by another key", check.TUFSig, "TU-9", func(r *repo) {
			r.bump()
			r.files["/6.targets.json"] = sign(r.t, r.targets, key("thief"))
		}},
		{"P4 root by new keys only", check.TUFSig, "TU-9", func(r *repo) {
			old := r.keys["root"]
			r.keys["root"] = []ed25519.PrivateKey{key("n1"), key("n2")}
			r.publishRoot(2, r.keys["root"], nil)
			r.keys["root"] = old
		}},
		{"P4 root by old keys only", check.TUFSig, "TU-9", func(r *repo) {
			old := r.keys["root"]
			r.keys["root"] = []ed25519.PrivateKey{key("n1"), key("n2")}
			r.publishRoot(2, old, nil)
			r.keys["root"] = old
		}},
		{"P5 root skips a version", check.TUFRollback, "TU-3", func(r *repo) {
			r.publishRoot(3, r.keys["root"], nil)
			r.files["/2.root.json"] = r.files["/3.root.json"]
			delete(r.files, "/3.root.json")
		}},
		{"P5 root repeated", check.TUFRollback, "TU-3", func(r *repo) { r.files["/2.root.json"] = r.files["/1.root.json"] }},
		{"P8 timestamp rollback", check.TUFRollback, "TU-5", func(r *repo) {
			r.timestamp.Signed.Version = 4
			r.publishTimestamp()
		}},
		{"P9 P51 snapshot in timestamp rollback", check.TUFRollback, "TU-5", func(r *repo) {
			r.timestamp.Signed.Version = 99
			r.timestamp.Signed.Meta["snapshot.json"].Version = 4
			r.publishTimestampAsIs()
		}},
		{"P10 targets rollback", check.TUFRollback, "TU-6", func(r *repo) {
			r.timestamp.Signed.Version++
			r.snapshot.Signed.Version++
			r.snapshot.Signed.Meta["targets.json"].Version = 4
			r.publishSnapshotAsIs()
			r.publishTimestamp()
		}},
		{"P10 role removed", check.TUFRollback, "TU-6", func(r *repo) {
			r.timestamp.Signed.Version++
			r.snapshot.Signed.Version++
			delete(r.snapshot.Signed.Meta, "extra.json")
			r.publishSnapshot()
			r.publishTimestamp()
		}},
		{"P12 timestamp expired", check.TUFFreeze, "TU-1", func(r *repo) {
			r.timestamp.Signed.Version++
			r.timestamp.Signed.Expires = day
			r.publishTimestamp()
		}},
		{"P12 snapshot expired", check.TUFFreeze, "TU-1", func(r *repo) { r.snapshot.Signed.Expires = day; r.bump() }},
		{"P12 targets expired", check.TUFFreeze, "TU-1", func(r *repo) { r.targets.Signed.Expires = day; r.bump() }},
		{"P12 root expired", check.TUFFreeze, "TU-1", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.Expires = day })
		}},
		{"P16 version 0", check.Parse, "LM-5", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) { s["version"] = 0 })
		}},
		{"P16 version -1", check.Parse, "LM-5", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) { s["version"] = -1 })
		}},
		{"P16 version 2^63", check.Parse, "BP-2", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) { s["version"] = json.Number("9223372036854775808") })
		}},
		{"P16 version is a string", check.Parse, "BP-2", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) { s["version"] = "6" })
		}},
		{"P16 version is a float", check.Parse, "BP-2", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) { s["version"] = 6.5 })
		}},
		{"P17 targets of another time", check.TUFMix, "TU-7", func(r *repo) {
			r.bump()
			r.targets.Signed.Version = 9
			r.files["/6.targets.json"] = sign(r.t, r.targets, r.keys["targets"]...)
			r.targets.Signed.Version = 6
		}},
		{"P17 snapshot of another time", check.TUFMix, "TU-6", func(r *repo) {
			r.bump()
			r.snapshot.Signed.Version = 9
			r.files["/6.snapshot.json"] = sign(r.t, r.snapshot, r.keys["snapshot"]...)
			r.snapshot.Signed.Version = 6
		}},
		{"P17 hash of snapshot", check.TUFHash, "TU-8", func(r *repo) {
			r.bump()
			r.timestamp.Signed.Meta["snapshot.json"].Hashes = metadata.Hashes{"sha256": make([]byte, 32)}
			r.publishTimestampAsIs()
		}},
		{"P17 hash of targets", check.TUFHash, "TU-8", func(r *repo) {
			r.bump()
			r.snapshot.Signed.Meta["targets.json"].Hashes = metadata.Hashes{"sha512": make([]byte, 64)}
			r.publishSnapshotAsIs()
		}},
		{"timestamp without snapshot", check.TUFMix, "TU-5", func(r *repo) {
			r.timestamp.Signed.Version++
			r.timestamp.Signed.Meta = map[string]*metadata.MetaFiles{}
			r.publishTimestampAsIs()
		}},
		{"snapshot without targets", check.TUFMix, "TU-7", func(r *repo) {
			r.timestamp.Signed.Version++
			r.snapshot.Signed.Version++
			r.snapshot.Signed.Meta = map[string]*metadata.MetaFiles{}
			r.publishSnapshotAsIs()
			r.publishTimestamp()
		}},
		{"P18 timestamp 404", check.Net, "TU-10", func(r *repo) { r.bump(); delete(r.files, "/timestamp.json") }},
		{"P18 snapshot 404", check.Net, "TU-10", func(r *repo) { r.bump(); delete(r.files, "/6.snapshot.json") }},
		{"P18 targets 404", check.Net, "TU-10", func(r *repo) { r.bump(); delete(r.files, "/6.targets.json") }},
		{"P19 endless root", check.TUFLimit, "TU-8", func(r *repo) { r.files["/2.root.json"] = make([]byte, maxRoot+1) }},
		{"P19 endless timestamp", check.TUFLimit, "TU-8", func(r *repo) { r.files["/timestamp.json"] = make([]byte, maxTimestamp+1) }},
		{"P19 endless snapshot", check.TUFLimit, "TU-8", func(r *repo) { r.bump(); r.files["/6.snapshot.json"] = make([]byte, maxSnapshot+1) }},
		{"P19 endless targets", check.TUFLimit, "TU-8", func(r *repo) { r.bump(); r.files["/6.targets.json"] = make([]byte, maxTargets+1) }},
		{"P19 snapshot longer than listed", check.TUFLimit, "TU-8", func(r *repo) {
			r.bump()
			r.timestamp.Signed.Meta["snapshot.json"].Length = 10
			r.publishTimestampAsIs()
		}},
		{"P19 snapshot shorter than listed", check.TUFHash, "TU-8", func(r *repo) {
			r.bump()
			r.timestamp.Signed.Meta["snapshot.json"].Length = 10_000
			r.publishTimestampAsIs()
		}},
		{"P19 listed length of targets is over the bound", check.TUFLimit, "TU-6", func(r *repo) {
			r.bump()
			r.snapshot.Signed.Meta["targets.json"].Length = maxTargets + 1
			r.publishSnapshotAsIs()
		}},
		{"P19 listed length of targets is negative", check.TUFLimit, "TU-6", func(r *repo) {
			r.bump()
			r.snapshot.Signed.Meta["targets.json"].Length = -1
			r.publishSnapshotAsIs()
			r.publishTimestampAsIs()
		}},
		{"P19 endless target", check.TUFLimit, "TU-8", func(r *repo) {
			r.content[TrustedRoot] = append(r.content[TrustedRoot], '\n')
			r.bump()
			p := targetPath(r, TrustedRoot)
			r.files[p] = append(r.files[p], 'x')
		}},
		{"P19 target of huge length", check.TUFLimit, "TU-8", func(r *repo) { r.listTarget(func(f *metadata.TargetFiles) { f.Length = math.MaxInt64 }) }},
		{"P19 target of negative length", check.TUFLimit, "TU-8", func(r *repo) { r.listTarget(func(f *metadata.TargetFiles) { f.Length = -1 }) }},
		{"P21 threshold 0", check.TUFSig, "TU-9", rootRole(func(role map[string]any) { role["threshold"] = 0 })},
		{"P21 threshold -1", check.TUFSig, "TU-9", rootRole(func(role map[string]any) { role["threshold"] = -1 })},
		{"P21 threshold absent", check.TUFSig, "TU-9", rootRole(func(role map[string]any) { delete(role, "threshold") })},
		{"P21 threshold 10^9", check.TUFSig, "TU-9", rootRole(func(role map[string]any) { role["threshold"] = 1000000000 })},
		{"P21 threshold is a string", check.Parse, "LM-2", rootRole(func(role map[string]any) { role["threshold"] = "1" })},
		{"P21 timestamp threshold 0", check.TUFSig, "TU-9", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.Roles["timestamp"].Threshold = 0 })
			r.bump()
		}},
		{"P22 below threshold", check.TUFSig, "TU-9", func(r *repo) { r.publishRoot(2, r.keys["root"][:1], nil) }},
		{"P22 role without keys", check.TUFSig, "TU-9", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.Roles["timestamp"].KeyIDs = nil })
		}},
		{"P22 role removed", check.TUFSig, "TU-9", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { delete(s.Roles, "timestamp") })
		}},
		{"P23 duplicate signature", check.TUFSig, "TU-9", func(r *repo) {
			r.publishRoot(2, r.keys["root"][:1], nil)
			r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) {
				s := m["signatures"].([]any)
				m["signatures"] = append(s, s[0])
			})
		}},
		{"P24 P25 one key under two ids", check.TUFSig, "TU-9", func(r *repo) {
			var second metadata.Key
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) {
				id := s.Roles["timestamp"].KeyIDs[0]
				second = *s.Keys[id]
				s.Keys["0000"] = &second
				s.Roles["timestamp"].KeyIDs = append(s.Roles["timestamp"].KeyIDs, "0000")
				s.Roles["timestamp"].Threshold = 2
			})
			r.bump()
			r.files["/timestamp.json"] = edit(r.t, r.files["/timestamp.json"], func(m map[string]any) {
				s := m["signatures"].([]any)
				m["signatures"] = append(s, map[string]any{"keyid": "0000", "sig": s[0].(map[string]any)["sig"]})
			})
		}},
		{"P26 scheme does not fit", check.TUFSig, "TU-9", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.Keys[s.Roles["timestamp"].KeyIDs[0]].Scheme = "rsassa-pss-sha256" })
		}},
		{"P26 key of wrong length", check.TUFSig, "TU-9", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.Keys[s.Roles["timestamp"].KeyIDs[0]].Value.PublicKey = "00" })
		}},
		{"P28 wrong type", check.TUFSig, "TU-9", func(r *repo) { r.files["/timestamp.json"] = r.files["/5.snapshot.json"] }},
		{"P28 targets for root", check.TUFSig, "TU-9", func(r *repo) { r.files["/2.root.json"] = r.files["/5.targets.json"] }},
		{"P29 null", check.TUFSig, "TU-9", func(r *repo) { r.files["/timestamp.json"] = []byte("null") }},
		{"P29 array", check.Parse, "BP-2", func(r *repo) { r.files["/timestamp.json"] = []byte("[]") }},
		{"P29 HTML", check.Parse, "LM-2", func(r *repo) { r.files["/timestamp.json"] = []byte("<html>") }},
		{"P29 meta entry is null", check.Parse, "LM-2", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) { s["meta"] = map[string]any{"snapshot.json": nil} })
		}},
		{"P29 target entry is null", check.Parse, "LM-2", func(r *repo) {
			r.bump()
			r.files["/6.targets.json"] = resign(r.t, r.files["/6.targets.json"], key("tg"), func(s map[string]any) { s["targets"] = map[string]any{"x": nil} })
		}},
		{"P29 key is null", check.Parse, "LM-2", func(r *repo) {
			r.publishRoot(2, r.keys["root"], nil)
			r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) { m["signed"].(map[string]any)["keys"] = map[string]any{"x": nil} })
		}},
		{"P29 role is null", check.Parse, "LM-2", func(r *repo) {
			r.publishRoot(2, r.keys["root"], nil)
			r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) { m["signed"].(map[string]any)["roles"] = map[string]any{"root": nil} })
		}},
		{"P29 signature is null", check.Parse, "LM-2", func(r *repo) {
			r.files["/timestamp.json"] = edit(r.t, r.files["/timestamp.json"], func(m map[string]any) { m["signatures"] = []any{nil} })
		}},
		{"P29 members in another case", check.Parse, "LM-2", func(r *repo) {
			r.files["/timestamp.json"] = edit(r.t, r.files["/timestamp.json"], func(m map[string]any) { m["Signatures"] = []any{nil} })
		}},
		{"P29 targets in another case, null", check.Parse, "LM-2", func(r *repo) {
			r.bump()
			r.files["/6.targets.json"] = edit(r.t, r.files["/6.targets.json"], func(m map[string]any) { m["signed"].(map[string]any)["target\u017f"] = map[string]any{"x": nil} })
		}},
		{"P29 delegated roles in another case, null", check.Parse, "LM-2", func(r *repo) {
			r.bump()
			r.files["/6.targets.json"] = edit(r.t, r.files["/6.targets.json"], func(m map[string]any) {
				m["signed"].(map[string]any)["delegations"] = map[string]any{"ROLES": []any{nil}}
			})
		}},
		{"many keys", check.TUFLimit, "LM-1", func(r *repo) {
			r.publishRoot(2, r.keys["root"], nil)
			r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) {
				keys := m["signed"].(map[string]any)["keys"].(map[string]any)
				for i := range maxKeys {
					keys[fmt.Sprint(i)] = map[string]any{}
				}
			})
		}},
		{"many delegated keys", check.TUFLimit, "LM-1", func(r *repo) {
			r.bump()
			r.files["/6.targets.json"] = edit(r.t, r.files["/6.targets.json"], func(m map[string]any) {
				keys := map[string]any{}
				for i := range maxKeys + 1 {
					keys[fmt.Sprint(i)] = map[string]any{}
				}
				m["signed"].(map[string]any)["delegations"] = map[string]any{"keys": keys, "roles": []any{}}
			})
		}},
		{"many signatures", check.TUFLimit, "LM-1", func(r *repo) {
			r.publishRoot(2, r.keys["root"], nil)
			r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) {
				for i := range maxSignatures {
					m["signatures"] = append(m["signatures"].([]any), map[string]any{"keyid": fmt.Sprint(i), "sig": ""})
				}
			})
		}},
		{"P30 unknown hash only", check.TUFHash, "TU-8", func(r *repo) {
			r.listTarget(func(f *metadata.TargetFiles) { f.Hashes = metadata.Hashes{"md5": make([]byte, 16)} })
		}},
		{"P30 two hashes, one wrong", check.TUFHash, "TU-8", func(r *repo) {
			r.listTarget(func(f *metadata.TargetFiles) { f.Hashes["sha512"] = make([]byte, 64) })
		}},
		{"P30 unknown hash of metadata only", check.TUFHash, "TU-8", func(r *repo) {
			r.bump()
			r.timestamp.Signed.Meta["snapshot.json"].Hashes = metadata.Hashes{"md5": make([]byte, 16)}
			r.publishTimestampAsIs()
		}},
		{"P30 no hashes", check.Parse, "LM-2", func(r *repo) {
			r.bump()
			r.files["/6.targets.json"] = resign(r.t, r.files["/6.targets.json"], key("tg"), func(s map[string]any) {
				s["targets"].(map[string]any)[TrustedRoot].(map[string]any)["hashes"] = map[string]any{}
			})
		}},
		{"P32 duplicate names", check.Parse, "LM-2", func(r *repo) {
			r.files["/timestamp.json"] = bytes.Replace(r.files["/timestamp.json"], []byte(`"version":5}`), []byte(`"version":5,"version":5}`), 1)
		}},
		{"P48 useless trusted root", check.TrustRoot, "TR-3", func(r *repo) {
			r.content[TrustedRoot] = edit(r.t, r.content[TrustedRoot], func(m map[string]any) { m["tlogs"] = []any{} })
			r.bump()
		}},
		{"P48 no authorities", check.TrustRoot, "TR-3", func(r *repo) {
			r.content[TrustedRoot] = edit(r.t, r.content[TrustedRoot], func(m map[string]any) { m["certificateAuthorities"] = []any{} })
			r.bump()
		}},
		{"P48 no trusted root at all", check.TrustRoot, "TR-1", func(r *repo) { r.content[TrustedRoot] = []byte("{}"); r.bump() }},
		{"P48 target removed", check.TrustRoot, "TU-8", func(r *repo) { delete(r.content, TrustedRoot); r.bump() }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, clk, dir := seen(t)
			clk.now = day.Add(25 * time.Hour)
			r.timestamp.Signed.Expires = r.timestamp.Signed.Expires.Add(24 * time.Hour)
			c.fault(r)
			err := client(t, r.config(dir, clk)).Refresh(t.Context())
			want(t, err, c.check, c.rule)

			// P7, TU-10: what was trusted before still is, without network.
			offline := r.config(dir, clk)
			offline.Offline, offline.HTTP = true, noNetwork{t}
			cl := client(t, offline)
			if _, err := cl.Root(t.Context()); err != nil && !overtaken(c.name) {
				t.Fatalf("the old state: %v", err)
			}
		})
	}
}

// overtaken names the faults that come with a valid newer root, which no longer
// vouches for the old metadata.
func overtaken(name string) bool {
	switch name {
	case "P12 root expired", "P21 timestamp threshold 0", "P22 role without keys", "P22 role removed",
		"P24 P25 one key under two ids", "P26 scheme does not fit", "P26 key of wrong length":
		return true
	}
	return false
}

// seen returns a repository at version 5 and the cache of a client that knows it.
func seen(t *testing.T) (*repo, *clock, string) {
	t.Helper()
	r, clk, dir := newRepo(t), &clock{day}, t.TempDir()
	r.timestamp.Signed.Version, r.snapshot.Signed.Version, r.targets.Signed.Version = 5, 5, 5
	r.snapshot.Signed.Meta["extra.json"] = &metadata.MetaFiles{Version: 1}
	r.publish()
	if err := fetchRoot(t, r.config(dir, clk)); err != nil {
		t.Fatal(err)
	}
	return r, clk, dir
}

// publishTimestampAsIs signs the timestamp without setting what it names.
func (r *repo) publishTimestampAsIs() {
	r.files["/timestamp.json"] = sign(r.t, r.timestamp, r.keys["timestamp"]...)
}

func (r *repo) publishSnapshotAsIs() {
	r.files[fmt.Sprintf("/%d.snapshot.json", r.snapshot.Signed.Version)] = sign(r.t, r.snapshot, r.keys["snapshot"]...)
	r.timestamp.Signed.Meta["snapshot.json"].Version = r.snapshot.Signed.Version
}

// listTarget publishes a new trusted root with what change makes of its entry.
func (r *repo) listTarget(change func(*metadata.TargetFiles)) {
	r.content[TrustedRoot] = append(r.content[TrustedRoot], '\n')
	r.bump()
	change(r.targets.Signed.Targets[TrustedRoot])
	r.files[fmt.Sprintf("/%d.targets.json", r.targets.Signed.Version)] = sign(r.t, r.targets, r.keys["targets"]...)
}

// rootRole edits the root role of a second root that is signed by all.
func rootRole(change func(role map[string]any)) func(r *repo) {
	return func(r *repo) {
		r.publishRoot(2, r.keys["root"], nil)
		r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) {
			signed := m["signed"].(map[string]any)
			change(signed["roles"].(map[string]any)["root"].(map[string]any))
		})
	}
}

// What must pass, as the repaired twins of the faults.
func TestP_MustPass(t *testing.T) {
	cases := []struct {
		name   string
		honest func(r *repo)
	}{
		{"P4 root by old and new keys", func(r *repo) {
			old := r.keys["root"]
			r.keys["root"] = []ed25519.PrivateKey{key("n1"), key("n2"), old[0]}
			r.publishRoot(2, append(old, r.keys["root"]...), nil)
		}},
		{"P11 equal timestamp with other content", func(r *repo) {
			r.timestamp.Signed.Expires = r.timestamp.Signed.Expires.Add(time.Hour)
			r.publishTimestamp()
		}},
		{"P14 P49 expired root, newer one available", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.Expires = day.AddDate(-1, 0, 0) })
			r.publishRoot(3, r.keys["root"], nil)
		}},
		{"P15 fast-forward, then new keys", func(r *repo) {
			r.timestamp.Signed.Version, r.snapshot.Signed.Version = math.MaxInt32, math.MaxInt32
			r.publishSnapshot()
			r.publishTimestamp()
		}},
		{"P25 key id is not the hash", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) {
				id := s.Roles["timestamp"].KeyIDs[0]
				s.Keys["77"], s.Roles["timestamp"].KeyIDs = s.Keys[id], []string{"77"}
			})
			r.files["/timestamp.json"] = edit(r.t, r.files["/timestamp.json"], func(m map[string]any) {
				m["signatures"].([]any)[0].(map[string]any)["keyid"] = "77"
			})
		}},
		{"P26 unknown key beside enough", func(r *repo) {
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) {
				s.Keys["88"] = &metadata.Key{Type: "sphincs", Scheme: "x", Value: metadata.KeyVal{PublicKey: "?"}}
				s.Keys["99"] = &metadata.Key{Type: "ecdsa", Scheme: "ecdsa-sha2-nistp256", Value: metadata.KeyVal{PublicKey: "04"}}
				s.Roles["root"].KeyIDs = append(s.Roles["root"].KeyIDs, "88", "99", "absent")
			})
		}},
		{"P27 one invalid signature among enough", func(r *repo) {
			r.publishRoot(2, r.keys["root"], nil)
			r.files["/2.root.json"] = edit(r.t, r.files["/2.root.json"], func(m map[string]any) {
				m["signatures"].([]any)[0].(map[string]any)["sig"] = "00"
			})
		}},
		{"P30 unknown hash beside a known one", func(r *repo) {
			r.listTarget(func(f *metadata.TargetFiles) { f.Hashes["md5"] = make([]byte, 16) })
		}},
		{"P30 sha512 alone", func(r *repo) {
			r.listTarget(func(f *metadata.TargetFiles) {
				sum := sha512.Sum512(r.content[TrustedRoot])
				f.Hashes = metadata.Hashes{"sha512": sum[:]}
				r.files["/targets/"+hex.EncodeToString(sum[:])+"."+TrustedRoot] = r.content[TrustedRoot]
			})
		}},
		{"P31 unknown fields", func(r *repo) {
			r.files["/timestamp.json"] = resign(r.t, r.files["/timestamp.json"], key("ts"), func(s map[string]any) {
				s["version"], s["custom"] = 6, map[string]any{"a": []any{1, nil, "ä"}}
			})
		}},
		{"lengths and hashes listed", func(r *repo) {
			r.bump()
			data := r.files["/6.snapshot.json"]
			f, err := metadata.TargetFile().FromBytes("", data, "sha256", "sha512")
			if err != nil {
				r.t.Fatal(err)
			}
			r.timestamp.Signed.Meta["snapshot.json"] = &metadata.MetaFiles{Version: 6, Length: int64(len(data)), Hashes: f.Hashes}
			r.publishTimestampAsIs()
		}},
		{"P48 a log is added and one removed", func(r *repo) {
			r.content[TrustedRoot] = edit(r.t, r.content[TrustedRoot], func(m map[string]any) { m["tlogs"] = m["tlogs"].([]any)[1:] })
			r.bump()
		}},
		{"no signing configuration", func(r *repo) { delete(r.content, SigningConfig); r.bump() }},
		{"without consistent snapshots", func(r *repo) {
			r.content[TrustedRoot] = append(r.content[TrustedRoot], '\n')
			r.bump()
			r.publishRoot(2, r.keys["root"], func(s *metadata.RootType) { s.ConsistentSnapshot = false })
			r.files["/snapshot.json"], r.files["/targets.json"] = r.files["/6.snapshot.json"], r.files["/6.targets.json"]
			r.files["/targets/"+TrustedRoot] = r.content[TrustedRoot]
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r, clk, dir := seen(t)
			c.honest(r)
			cl := client(t, r.config(dir, clk))
			if err := cl.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			offline := r.config(dir, clk)
			offline.Offline = true
			if err := fetchRoot(t, offline); err != nil {
				t.Fatalf("from the cache: %v", err)
			}
		})
	}
}

func TestTU4_P15_RotationForgivesFastForward(t *testing.T) {
	for _, role := range []string{"timestamp", "snapshot"} {
		t.Run(role, func(t *testing.T) { forgives(t, role) })
	}
}

// forgives: a stolen key signs the largest version; new keys of a role begin anew.
func forgives(t *testing.T, role string) {
	r, clk, dir := seen(t)
	r.timestamp.Signed.Version, r.snapshot.Signed.Version = math.MaxInt32, math.MaxInt32
	r.publishSnapshot()
	r.publishTimestamp()
	if err := client(t, r.config(dir, clk)).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.timestamp.Signed.Version, r.snapshot.Signed.Version = 6, 6
	r.publishSnapshot()
	r.publishTimestamp()
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.TUFRollback, "TU-5")

	// A new root with the same keys forgives nothing.
	r.publishRoot(2, r.keys["root"], nil)
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.TUFRollback, "TU-5")

	r.keys[role] = []ed25519.PrivateKey{key("new")}
	r.publishRoot(3, r.keys["root"], nil)
	r.publishSnapshot()
	r.publishTimestamp()
	// A crash after the root is saved must not lose the pardon.
	r.hook = func(path string) (*fetch.Response, error) {
		if path == "/timestamp.json" {
			return nil, errDown
		}
		return nil, nil
	}
	want(t, client(t, r.config(dir, clk)).Refresh(t.Context()), check.Net, "TU-10")
	r.up()
	if err := client(t, r.config(dir, clk)).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestER2_NextStepIsKept: a step that was named where things went wrong is better
// than one for all of the kind.
func TestER2_NextStepIsKept(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	err := client(t, r.config("", clk)).explain(check.Refuse("TU-12", check.FS, "x").WithNext("check the disk"))
	if e, ok := errors.AsType[*check.Error](err); !ok || e.Next != "check the disk" {
		t.Errorf("got %v, want its own next step", err)
	}
}

func TestTU3_P6_P50_TooManyRotations(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	for v := int64(2); v <= maxRotations+1; v++ {
		r.publishRoot(v, r.keys["root"], nil)
	}
	if err := fetchRoot(t, r.config("", clk)); err != nil {
		t.Fatalf("%d rotations: %v", maxRotations, err)
	}
	r.publishRoot(maxRotations+2, r.keys["root"], nil)
	want(t, fetchRoot(t, r.config("", clk)), check.TUFLimit, "TU-3")
}

func TestTU2_MirrorAndRootBelongTogether(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	for _, spoil := range []func(*Config){func(c *Config) { c.Mirror = "" }, func(c *Config) { c.Root = nil }} {
		c := r.config("", clk)
		spoil(c)
		_, err := New(c)
		want(t, err, check.Usage, "TU-2")
	}
}

func TestTU2_P3_InitialRoot(t *testing.T) {
	r, clk := newRepo(t), &clock{day}
	for name, c := range map[string]struct {
		data  []byte
		check check.Check
		rule  string
	}{
		"empty":            {[]byte{}, check.Parse, "LM-2"},
		"targets":          {r.files["/1.targets.json"], check.TUFSig, "TU-9"},
		"unsigned":         {edit(t, r.roots[1], func(m map[string]any) { m["signatures"] = []any{} }), check.TUFSig, "TU-9"},
		"no threshold":     {oddRoot(t, func(s *metadata.RootType) { s.Roles["targets"].Threshold = 0 }), check.TUFSig, "TU-9"},
		"high threshold":   {oddRoot(t, func(s *metadata.RootType) { s.Roles["targets"].Threshold = 2 }), check.TUFSig, "TU-9"},
		"no snapshot role": {oddRoot(t, func(s *metadata.RootType) { delete(s.Roles, "snapshot") }), check.TUFSig, "TU-9"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := r.config("", clk)
			cfg.Root = c.data
			_, err := New(cfg)
			want(t, err, c.check, c.rule)
		})
	}
	t.Run("another repository's root", func(t *testing.T) {
		cfg := r.config("", clk)
		other := newRepo(t)
		other.keys["root"] = []ed25519.PrivateKey{key("o1"), key("o2")}
		other.keys["timestamp"] = []ed25519.PrivateKey{key("o3")}
		other.publishRoot(1, other.keys["root"], nil)
		cfg.Root = other.roots[1]
		want(t, fetchRoot(t, cfg), check.TUFSig, "TU-9")
	})
}

// oddRoot returns a first root, signed by all, that change has worked on.
func oddRoot(t *testing.T, change func(*metadata.RootType)) []byte {
	r := newRepo(t)
	r.publishRoot(1, r.keys["root"], change)
	return r.roots[1]
}
