// Package removal takes the checks of the verifier out one at a time, and sees
// whether the fixtures of package vectors notice.
//
// Rewrite finds every refusal, a call of check.Refuse, in the source of the core,
// and writes a copy in which each can be switched off: "if bad { return …,
// check.Refuse(…) }" becomes "if (bad) && !check.Removed(7) { … }". The copies are
// built with go build -overlay, so that nothing in the tree changes, and run by the
// program in runner.
package removal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Packages are those of the core, relative to the root of the module.
func Packages() []string {
	return []string{
		"bundle", "verify", "internal/checkpoint", "internal/entry", "internal/dsse", "internal/fulcioext", "internal/sct",
		"internal/tsp", "internal/set", "internal/inclusion", "internal/logproof", "internal/strictjson",
	}
}

// outside are files of the core that no verification uses, but those who watch a
// log or put something into it; they have tests of their own.
func outside() []string {
	return []string{
		"internal/checkpoint/head.go", "internal/checkpoint/treehead.go",
		"internal/inclusion/consistency.go", "internal/inclusion/frontier.go", "verify/logged.go",
	}
}

// A Site is one refusal in the source.
type Site struct {
	N     int    `json:"n"`
	Where string `json:"where"` // file:line
	Func  string `json:"func"`
	Rule  string `json:"rule"`
	Check string `json:"check"`
	Text  string `json:"text"`  // format of the reason
	Fixed bool   `json:"fixed"` // it can't be switched off: it is the initial value of an error
}

// Key names a site in a way that survives changes of lines: package, function and
// text of the refusal.
func (s Site) Key() string {
	return path.Dir(s.Where) + " " + s.Func + ": " + s.Text
}

// Rewrite reads the core below root, writes the copies below dir, and returns the
// file for go build -overlay and all sites, numbered in order.
func Rewrite(root, dir string) (overlay string, sites []Site, err error) {
	replace := map[string]string{}
	add := func(name string, data []byte) error {
		copied := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		replace[filepath.Join(root, name)] = copied
		return os.WriteFile(copied, data, 0o644)
	}
	for _, p := range Packages() {
		files, err := filepath.Glob(filepath.Join(root, p, "*.go"))
		if err != nil {
			return "", nil, err
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || slices.Contains(outside(), p+"/"+filepath.Base(file)) {
				continue
			}
			src, err := os.ReadFile(file)
			if err != nil {
				return "", nil, err
			}
			name := p + "/" + filepath.Base(file)
			changed, found, err := rewriteFile(name, src, len(sites))
			if err != nil {
				return "", nil, fmt.Errorf("%s: %w", name, err)
			}
			sites = append(sites, found...)
			if bytes.Equal(changed, src) {
				continue
			}
			if err := add(name, changed); err != nil {
				return "", nil, err
			}
		}
	}
	for name, data := range hooks() {
		if err := add(name, []byte(data)); err != nil {
			return "", nil, err
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, sites, os.WriteFile(overlay, data, 0o644)
}

// hooks are the switch, and what the runner uses of it.
func hooks() map[string]string {
	return map[string]string{
		"internal/check/removed.go": `package check

var target, hits, fired = -1, 0, map[int]bool{}

// Removed reports whether refusal n is switched off, and notes that it was due. It
// panics when code that relies on the refusal goes round for ever.
func Removed(n int) bool {
	fired[n] = true
	if n != target {
		return false
	}
	if hits++; hits > 1<<16 {
		panic("endless without refusal")
	}
	return true
}

// Remove switches refusal n off, and returns those that were due since.
func Remove(n int) []int {
	var out []int
	for i := range fired {
		out = append(out, i)
	}
	target, hits, fired = n, 0, map[int]bool{}
	return out
}
`,
		"internal/removal/runner/hook.go": `package main

import "github.com/hallmarksign/hallmark/internal/check"

const overlaid = true

func remove(n int) []int { return check.Remove(n) }
`,
	}
}
