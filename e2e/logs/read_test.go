package logs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// What was signed is found in the log by everything that names it.
func TestLog_GetAndVerify(t *testing.T) {
	forBoth(t, func(t *testing.T, s *scene, g generation) {
		b, bundle := s.sign(t, g, "got back")
		entry := b.VerificationMaterial.TlogEntries[0]
		index := fmt.Sprint(entry.LogIndex)
		one := lines[shown](t, s.run(t, 0, "log", "get", index, "--log", g.log, "--json").Stdout)[0]
		sum := sha256.Sum256([]byte("got back"))
		leaf := sha256.Sum256(append([]byte{0}, entry.CanonicalizedBody...))
		if one.Log != g.log || one.Index != entry.LogIndex || one.Subject != s.email || one.Issuer != s.Issuer() || one.Authority == "" ||
			one.Digest != fmt.Sprintf("sha256:%x", sum) || one.LeafHash != hex.EncodeToString(leaf[:]) || one.Time == nil {
			t.Errorf("got %+v", one)
		}
		names := []string{index, "log:" + index + "@" + g.log}
		if g.number == 1 {
			if len(one.ID) != 80 || !strings.HasSuffix(one.ID, one.LeafHash) || one.TimeSource != "log" {
				t.Errorf("got id %q, time of %q", one.ID, one.TimeSource)
			}
			names = append(names, one.ID, one.LeafHash)
		}
		for _, name := range names {
			args := []string{"log", "get", name}
			if name == index {
				args = append(args, "--log", g.log)
			}
			if raw := s.run(t, 0, append(args, "--raw")...).Stdout; raw != string(entry.CanonicalizedBody)+"\n" {
				t.Errorf("%s: got %q, want the body as it was logged", name, raw)
			}
			text := s.run(t, 0, args...).Stdout
			if !strings.Contains(text, s.email) || strings.Count(text, "\n") != 1 {
				t.Errorf("%s: got %q", name, text)
			}
			args[1] = "verify"
			if text := s.run(t, 0, args...).Stdout; !strings.HasPrefix(text, "ok  ") {
				t.Errorf("%s: got %q", name, text)
			}
		}
		type verdict struct {
			OK                    bool
			Index                 int64
			TreeSize, ClaimedSize int64 `json:"-"`
			Tree                  int64 `json:"tree_size"`
			Claimed               int64 `json:"claimed_tree_size"`
		}
		s.sign(t, g, "and later another")
		v := lines[verdict](t, s.run(t, 0, "log", "verify", bundle, "--json").Stdout)[0]
		if !v.OK || v.Index != entry.LogIndex || v.Claimed != entry.InclusionProof.TreeSize || v.Tree <= v.Claimed {
			t.Errorf("got %+v", v)
		}
		if out := s.run(t, 0, "log", "verify", bundle, "--quiet").Stdout; out != "" {
			t.Errorf("quiet: got %q", out)
		}
		s.refused(t, refusal{"not_found", "index 99999999"}, "log", "get", "99999999", "--log", g.log)
		s.refused(t, refusal{"usage", "several are known"}, "log", "get", index)
		s.refused(t, refusal{"tlog_unknown", ""}, "log", "get", index, "--log", "log.example.com")
	})
}

func (s *scene) find(t *testing.T, status int, args ...string) []shown {
	t.Helper()
	r := s.run(t, status, append([]string{"log", "find", "--json"}, args...)...)
	return lines[shown](t, r.Stdout)
}

// Every question finds the same in both generations.
func TestLog_Find(t *testing.T) {
	s := newScene(t)
	b1, _ := s.sign(t, s.first(), "found again")
	b2, _ := s.sign(t, s.second(), "found again")
	s.sign(t, s.second(), "something else")
	want := map[string]int64{s.first().log: entryOf(b1), s.second().log: entryOf(b2)}
	sum := sha256.Sum256([]byte("found again"))
	for name, args := range map[string][]string{
		"digest of a file": {"--digest", "found-again"},
		"digest":           {"--digest", fmt.Sprintf("sha256:%x", sum)},
	} {
		got := s.find(t, 0, args...)
		if len(got) != 2 {
			t.Errorf("%s: got %+v, want one entry of each log", name, got)
		}
		for _, e := range got {
			if e.Index != want[e.Log] || e.Subject != s.email || (e.FirstSeen == nil) != (e.Log == s.first().log) {
				t.Errorf("%s: got %+v, want %v", name, e, want)
			}
		}
	}
	if got := s.find(t, 0, "--email", strings.ToUpper(s.email)); len(got) != 3 {
		t.Errorf("e-mail: got %+v, want 3", got)
	}
	if got := s.find(t, 0, "--email", s.email, "--since", "2020-01-01"); len(got) != 3 {
		t.Errorf("since long ago: got %+v, want 3", got)
	}
	s.refused(t, refusal{"not_found", s.email}, "log", "find", "--email", s.email, "--since", "2100-01-01")
	s.refused(t, refusal{"not_found", ""}, "log", "find", "--email", "nobody."+s.email)
	s.refused(t, refusal{"not_found", ""}, "log", "find", "--digest", fmt.Sprintf("sha256:%064x", 1))
	// A key signs once here.
	for i, g := range []generation{s.first(), s.second()} {
		cert := []byte(map[int][]byte{0: b1.VerificationMaterial.GetCertificate().RawBytes, 1: b2.VerificationMaterial.GetCertificate().RawBytes}[i])
		parsed, err := x509.ParseCertificate(cert)
		if err != nil {
			t.Fatal(err)
		}
		spki, err := x509.MarshalPKIXPublicKey(parsed.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		s.write(t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
		r := s.run(t, status1(g), "log", "find", "--key", "key.pem", "--json")
		got := lines[shown](t, r.Stdout)
		if g.number == 2 && (len(got) != 1 || got[0].Index != want[g.log]) {
			t.Errorf("%s: key: got %+v", g.name, got)
		}
	}
}

// status1 is what looking for the key of a certificate ends with: the search index
// of the first generation knows certificates by their own hash only.
func status1(g generation) int {
	if g.number == 1 {
		return 4
	}
	return 0
}

// A workflow is found by its repository in the second generation.
func TestLog_FindRepository(t *testing.T) {
	s := newScene(t)
	token, err := s.WorkflowToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "workflow.jwt", []byte(token))
	s.write(t, "built", []byte("built"))
	s.run(t, 0, "sign", "built", "--identity-token", "workflow.jwt", "--yes")
	index := entryOf(parse(t, s.read(t, "built.sigstore.json")))
	r := s.run(t, 0, "log", "find", "--repo", "octo/hello", "--json")
	got := lines[shown](t, r.Stdout)
	if len(got) == 0 || got[len(got)-1].Index != index || !strings.Contains(r.Stderr, "knows no repositories") {
		t.Errorf("got %+v, %s", got, r.Stderr)
	}
	s.refused(t, refusal{"not_found", ""}, "log", "find", "--repo", "octo/other", "--quiet")
}

// What is not known is news, once; a restart goes on where the run before ended.
func TestLog_Watch(t *testing.T) {
	forBoth(t, func(t *testing.T, s *scene, g generation) {
		watch := func(status int, more ...string) []shown {
			t.Helper()
			r := s.run(t, status, append([]string{"log", "watch", "--identity", s.email, "--log", g.log, "--json"}, more...)...)
			return lines[shown](t, r.Stdout)
		}
		if got := watch(0); len(got) != 0 {
			t.Errorf("nothing was signed: got %+v", got)
		}
		one, mine := s.sign(t, g, "mine")
		two, _ := s.sign(t, g, "not mine")
		if got := watch(10, "--known", mine); len(got) != 1 || got[0].Index != entryOf(two) || got[0].Subject != s.email {
			t.Errorf("one is known: got %+v, want entry %d", got, entryOf(two))
		}
		if got := watch(0); len(got) != 0 {
			t.Errorf("a second time: got %+v", got)
		}
		// A user who was not here before sees both.
		other := newScene(t)
		other.email = s.email
		args := []string{"log", "watch", "--identity", "user*" + s.email[len("user"):], "--log", g.log, "--json"}
		got := lines[shown](t, other.run(t, 10, args...).Stdout)
		if len(got) != 2 || got[0].Index != entryOf(one) || got[1].Index != entryOf(two) {
			t.Errorf("another machine: got %+v", got)
		}
		other = newScene(t)
		got = lines[shown](t, other.run(t, 10, append(args, "--since", fmt.Sprint(entryOf(two)))...).Stdout)
		if len(got) != 1 || got[0].Index != entryOf(two) {
			t.Errorf("since an index: got %+v", got)
		}
		other = newScene(t)
		if r := other.run(t, 0, append(args, "--since", "2100-01-01")...); r.Stdout != "" {
			t.Errorf("since a day to come: got %s", r.Stdout)
		}
	})
}

// info says how each log is, and that it continues what was seen.
func TestLog_Info(t *testing.T) {
	forBoth(t, func(t *testing.T, s *scene, g generation) {
		s.sign(t, g, "something")
		type tree struct {
			Origin    string
			Size      int64
			Root      string
			Signers   []string
			Age       *int64 `json:"age_seconds"`
			Continues *string
		}
		type status struct {
			Log     string
			Version uint32
			OK      bool
			InUse   bool `json:"in_use"`
			Writes  bool
			Size    int64
			Trees   []tree
		}
		info := func() status {
			t.Helper()
			return lines[status](t, s.run(t, 0, "log", "info", "--json", "--log", g.log).Stdout)[0]
		}
		before := info()
		if before.Log != g.log || before.Version != g.number || !before.OK || !before.InUse || !before.Writes || before.Size < 1 ||
			len(before.Trees) != 1 || before.Trees[0].Continues != nil || len(before.Trees[0].Signers) != 1 || before.Trees[0].Age == nil {
			t.Errorf("got %+v", before)
		}
		s.sign(t, g, "something more")
		after := info()
		if after.Size <= before.Size || after.Trees[0].Continues == nil || after.Trees[0].Root == before.Trees[0].Root {
			t.Errorf("got %+v after %+v", after, before)
		}
	})
	s := newScene(t)
	if got := s.run(t, 0, "log", "info").Stdout; strings.Count(got, "written to") != 3 {
		t.Errorf("got %s, want three logs", got)
	}
}
