package verify_test

import (
	"strings"
	"testing"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/verify"
)

func TestID2_Match(t *testing.T) {
	pattern := func(s string) verify.Match { return must[verify.Match](t)(verify.Pattern(s)) }
	for _, tt := range []struct {
		name string
		m    verify.Match
		text string
		want bool
	}{
		{"zero", verify.Match{}, "", false},
		{"zero", verify.Match{}, "x", false},
		{"exact", verify.Exactly("a@x"), "a@x", true},
		{"exact, empty", verify.Exactly(""), "", false},
		{"D10 case", verify.Exactly("admin@x"), "Admin@x", false},
		{"D10 plus address", verify.Exactly("a@x"), "a+b@x", false},
		{"D10 normal forms", verify.Exactly("\u00e9@x"), "e\u0301@x", false},
		{"D10 full-width letters", verify.Exactly("a@x"), "\uff41@x", false},
		{"D21 slash", verify.Exactly("https://a"), "https://a/", false},
		{"D22 NUL", verify.Exactly("good"), "good\x00.evil", false},
		{"D5 suffix", verify.Exactly("b"), "ab", false},
		{"D6 pattern inside another URL", pattern(`https://github\.com/org/.*`), "https://evil/?https://github.com/org/x", false},
		{"D6 pattern", pattern(`https://github\.com/org/.*`), "https://github.com/org/x", true},
		{"D9 lines", pattern(`good`), "good\nevil", false},
		{"D9 dot does not cross lines", pattern(`good.*`), "good\nevil", false},
		{"D9 final newline", pattern(`good`), "good\n", false},
		{"alternatives are anchored", pattern(`good|fine`), "good-evil", false},
		{"alternatives", pattern(`good|fine`), "fine", true},
		{"own anchors", pattern(`^good$`), "good", true},
		{"repeated group", pattern(`(ab){2}`), "abab", true},
		{"glob", verify.Glob("https://github.com/o/r/*@refs/tags/*"), "https://github.com/o/r/a/b.yml@refs/tags/v1", true},
		{"D7 glob, branch that is called like a tag", verify.Glob("https://github.com/o/r/*@refs/tags/*"), "https://github.com/o/r/a/b.yml@refs/heads/x@refs/tags/v1", false},
		{"glob, tag with an @", verify.Glob("https://github.com/o/r/*@refs/tags/*"), "https://github.com/o/r/a/b.yml@refs/tags/pkg@1.0", true},
		{"glob, @ only in the text", verify.Glob("https://github.com/o/r/*"), "https://github.com/o/r/a@b", true},
		{"glob, @ only in the glob", verify.Glob("a*@*"), "ab", false},
		{"glob, nothing for a star", verify.Glob("a*b"), "ab", true},
		{"glob anchored in front", verify.Glob("a*b"), "xab", false},
		{"glob anchored behind", verify.Glob("a*b"), "abx", false},
		{"glob parts do not overlap", verify.Glob("aba*aba"), "ababa", false},
		{"glob middle", verify.Glob("a*b*c"), "a1b2c", true},
		{"glob middle absent", verify.Glob("a*b*c"), "a12c", false},
		{"glob middle overlaps the end", verify.Glob("a*bc*bc"), "abc", false},
		{"glob without star", verify.Glob("ab"), "ab", true},
		{"glob dot is a dot", verify.Glob("github.com*"), "githubXcom", false},
		{"glob of stars alone", verify.Glob("**"), "x", false},
		{"glob of nothing", verify.Glob(""), "", false},
	} {
		if got := tt.m.Accepts(tt.text); got != tt.want {
			t.Errorf("%s: %v accepts %q = %v, want %v", tt.name, tt.m, tt.text, got, tt.want)
		}
	}
}

func TestD8_PatternRefuses(t *testing.T) {
	for _, re := range []string{
		"", "(", "a{1000}{1000}", ".*", ".+", "^.*$", "(.*)", ".*|good", "(good)?", "(good)*", "[a-z]+", `\S+@\S+|.*`, "(good){0,2}",
		"(?m)^good$", "(?s)good.", "a)|(b", "good)", "(?:good", strings.Repeat("a", 4097),
	} {
		if m, err := verify.Pattern(re); check.Of(err) != check.Usage || !m.IsZero() {
			t.Errorf("Pattern(%.20q) = %v, %v, want a refusal by usage", re, m, err)
		}
	}
	for _, re := range []string{"good", ".*@example\\.com", "(?i)good", "good+", "x(good|fine)", "(good){1,2}"} {
		if _, err := verify.Pattern(re); err != nil {
			t.Errorf("Pattern(%q): %v", re, err)
		}
	}
}

func TestD7_LooseDotIsReported(t *testing.T) {
	for _, tt := range []struct {
		re   string
		want bool
	}{
		{`https://github.com/owner/repo/.*`, true},
		{`https://(github).com/owner/repo/.*`, true},
		{`https://github\.com/owner/repo/.*`, false},
	} {
		p := newPlan(t, 1)
		p.policy = subject(must[verify.Match](t)(verify.Pattern(tt.re)))
		result, err := p.verify()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(strings.Join(result.Warnings, "\n"), "dot"); got != tt.want {
			t.Errorf("%s: warnings %q, want one about the dot: %v", tt.re, result.Warnings, tt.want)
		}
	}
}
