package verify_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/verify"
)

// FuzzVerify changes good bundles. What is still accepted must be the signature,
// certificate and log entry of a good one.
func FuzzVerify(f *testing.F) {
	data, err := os.ReadFile(filepath.Join(vectorFolder, "public-good", "trusted_root.json"))
	if err != nil {
		f.Skipf("NOT RUN: %v", err)
	}
	root, err := trustroot.Parse(data)
	if err != nil {
		f.Fatal(err)
	}
	facts := func(b *bundle.Bundle) string {
		return hex.EncodeToString(signature(b)) + " " + hex.EncodeToString(b.Certificate) + " " + hex.EncodeToString(b.Entries[0].Body)
	}
	known := map[string]bool{}
	var policy verify.Policy
	var artifact verify.Artifact
	for _, v := range conformance(f) {
		data, err := os.ReadFile(filepath.Join(v.dir, "bundle.sigstore.json"))
		if err != nil {
			f.Fatal(err)
		}
		b, err := bundle.Parse(data)
		if err != nil || strings.HasSuffix(v.name, "_fail") || len(b.Certificate) == 0 {
			continue
		}
		known[facts(b)] = true
		f.Add(data)
		if v.name == "happy-path-v0.3" {
			if policy, err = v.policy(); err != nil {
				f.Fatal(err)
			}
			if artifact, err = v.load(f, b, true); err != nil {
				f.Fatal(err)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := bundle.Parse(data)
		if err != nil {
			return
		}
		v, err := verify.New(root, verify.PublicGood) // one that remembers nothing
		if err != nil {
			t.Fatal(err)
		}
		result, err := v.Verify(b, artifact, policy, today)
		if result.Verified() != (err == nil) {
			t.Fatalf("Verified() = %v, err = %v", result.Verified(), err)
		}
		if err == nil && !known[facts(b)] {
			t.Errorf("accepted:\n%s", data)
		}
	})
}

// FuzzPattern: what a pattern accepts is matched by the expression from end to
// end, and has no second line.
func FuzzPattern(f *testing.F) {
	f.Add("good|fine", "good-evil")
	f.Add(`https://github\.com/.*`, "https://github.com/x")
	f.Add("(?i)a$|^b", "b\nc")
	f.Fuzz(func(t *testing.T, re, s string) {
		m, err := verify.Pattern(re)
		if err != nil || !m.Accepts(s) {
			return
		}
		longest := regexp.MustCompile(re)
		longest.Longest()
		if loc := longest.FindStringIndex(s); loc == nil || loc[0] != 0 || loc[1] != len(s) {
			t.Errorf("Pattern(%q) accepts %q, but matches %v of it", re, s, loc)
		}
	})
}

// FuzzGlob: a glob accepts what the expression with .* for * does, or [^@]* for one
// before an @.
func FuzzGlob(f *testing.F) {
	f.Add("a*b*c", "abc")
	f.Add("aba*aba", "ababa")
	f.Fuzz(func(t *testing.T, glob, s string) {
		if strings.Trim(glob, "*") == "" || s == "" || len(glob) > 200 {
			return
		}
		before, after, at := strings.Cut(regexp.QuoteMeta(glob), "@")
		text := strings.ReplaceAll(before, `\*`, ".*")
		if at {
			text = strings.ReplaceAll(before, `\*`, "[^@]*") + "@" + strings.ReplaceAll(after, `\*`, ".*")
		}
		re, err := regexp.Compile(`^(?s:` + text + `)$`)
		if err != nil || strings.ToValidUTF8(glob+s, "") != glob+s {
			return // expressions know only valid UTF-8
		}
		if got, want := verify.Glob(glob).Accepts(s), re.MatchString(s); got != want {
			t.Errorf("Glob(%q) accepts %q: %v, want %v", glob, s, got, want)
		}
	})
}
