// Package arch_test asserts the map of packages in docs/design.md: who may
// import whom, and which package is the only door to which dependency.
package arch_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/hallmarksign/hallmark/"

// ours lists, for each package, the packages of this module it may import.
// "internal/*" stands for the format packages, which import no network.
var ours = map[string][]string{
	"bundle":              {"internal/check", "internal/hashname", "internal/strictjson"},
	"trustroot":           {"internal/check", "internal/strictjson"},
	"trustroot/tuf":       {"trustroot", "internal/atomicfile", "internal/check", "internal/fetch", "internal/strictjson"},
	"verify":              {"bundle", "trustroot", "internal/logproof", "format"},
	"oidc":                {"internal/check", "internal/fetch", "internal/strictjson"},
	"sign":                {"bundle", "oidc", "internal/check", "internal/dsse", "internal/hashname"},
	"sign/fulcio":         {"internal/service", "sign", "oidc", "format", "internal/fetch"},
	"sign/tsa":            {"internal/service", "sign", "trustroot", "format", "internal/fetch"},
	"tlog":                {"internal/service", "bundle", "sign", "trustroot", "internal/logproof", "format", "internal/fetch"},
	"tlog/index":          {"bundle", "trustroot", "tlog", "tlog/read", "format", "internal/*"},
	"tlog/ctlog":          {"trustroot", "internal/*"},
	"tlog/read":           {"bundle", "trustroot", "tlog", "format", "internal/*"},
	"tlog/watch":          {"bundle", "trustroot", "tlog", "tlog/ctlog", "tlog/read", "tlog/index", "format", "internal/*"},
	"oci":                 {"bundle", "format", "internal/atomicfile", "internal/bounded", "internal/fetch"},
	"agent":               {"sign", "internal/check", "internal/strictjson"},
	"internal/tiles":      {"internal/check", "internal/checkpoint", "internal/fetch", "internal/inclusion"},
	"cmd/hallmark":        {"*"},
	"internal/bounded":    {},
	"internal/check":      {},
	"internal/atomicfile": {"internal/check"},
	"internal/evidence":   {"internal/atomicfile", "internal/check"},
	"internal/rescue":     {"bundle", "internal/atomicfile", "internal/check", "internal/strictjson"},
	"internal/fetch":      {"internal/check"},
	"internal/service":    {"internal/check", "internal/fetch"},
	"internal/logproof":   {"bundle", "trustroot", "format"},
}

// format are the packages of one format each; they import each other, the names
// of checks and strict JSON, never a network.
var format = []string{
	"internal/check", "internal/strictjson", "internal/checkpoint", "internal/dsse", "internal/entry",
	"internal/fulcioext", "internal/inclusion", "internal/hashname", "internal/sct", "internal/set", "internal/tsp",
}

// doors lists the packages that may import a dependency.
var doors = map[string][]string{
	"github.com/theupdateframework/go-tuf/v2": {"trustroot/tuf"},
	"github.com/gofrs/flock":                  {"internal/atomicfile", "internal/rescue", "trustroot/tuf"},
	"github.com/coreos/go-oidc/v3":            {"oidc"},
	"github.com/go-jose/go-jose/v4":           {"oidc"},
	"golang.org/x/oauth2":                     {"oidc"},
	"github.com/cenkalti/backoff/v5":          {"internal/fetch"},
	"github.com/transparency-dev/merkle":      {"internal/inclusion"},
	"github.com/digitorus/timestamp":          {"internal/tsp"},
	"github.com/digitorus/pkcs7":              {"internal/tsp"},
	"github.com/go-json-experiment/json":      {"bundle", "internal/dsse", "internal/strictjson", "oci", "oidc", "tlog/read", "trustroot/tuf"},
	"golang.org/x/mod":                        {"internal/checkpoint", "internal/tiles"},
	"golang.org/x/crypto":                     {"bundle", "internal/fulcioext", "internal/sct", "internal/tsp", "tlog/ctlog"},
	"github.com/google/go-containerregistry":  {"oci"},
	"go.etcd.io/bbolt":                        {"tlog/index"},
	"rsc.io/qr":                               {"cmd/hallmark"},
	"github.com/spf13/cobra":                  {"cmd/hallmark"},
	"github.com/spf13/pflag":                  {"cmd/hallmark"},
	"github.com/schollz/progressbar/v3":       {"cmd/hallmark"},
	"golang.org/x/term":                       {"cmd/hallmark"},
	"golang.org/x/sync":                       {"cmd/hallmark", "sign"},
}

// testOnly are packages that product code must not import.
var testOnly = []string{
	"internal/arch", "internal/boundmap", "internal/removal", "internal/sigtest", "internal/sct/scttest", "internal/specmap",
	"internal/tiles/tilestest", "internal/tsp/tsptest", "internal/vectors",
}

// isTestOnly reports whether a package is, or is below, one of testOnly.
func isTestOnly(name string) bool {
	return slices.ContainsFunc(testOnly, func(t string) bool { return name == t || strings.HasPrefix(name, t+"/") })
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func list(t *testing.T, args ...string) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Deps,Standard"}, args...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	all := map[string]pkg{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func TestImportsFollowTheMap(t *testing.T) {
	packages := list(t, "./...")
	for path, p := range packages {
		name := strings.TrimPrefix(path, module)
		if isTestOnly(name) {
			continue
		}
		allowed, listed := ours[name]
		if !listed {
			if !slices.Contains(format, name) {
				t.Errorf("%s is on no map: add it to docs/design.md and to this test", name)
			}
			allowed = format
		}
		for _, imported := range p.Imports {
			inner, found := strings.CutPrefix(imported, module)
			switch {
			case found && isTestOnly(inner):
				t.Errorf("%s imports %s, which is for tests", name, inner)
			case found && !permits(allowed, inner):
				t.Errorf("%s imports %s, want one of %q", name, inner, allowed)
			case !found:
				checkDoor(t, name, imported)
			}
		}
	}
	if len(packages) < 15 {
		t.Errorf("looked at %d packages, want at least 15", len(packages))
	}
}

func permits(allowed []string, name string) bool {
	return slices.Contains(allowed, "*") || slices.Contains(allowed, name) ||
		slices.Contains(allowed, "format") && slices.Contains(format, name) ||
		slices.Contains(allowed, "internal/*") && strings.HasPrefix(name, "internal/")
}

func checkDoor(t *testing.T, name, imported string) {
	if !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return // standard library
	}
	for dependency, allowed := range doors {
		if imported == dependency || strings.HasPrefix(imported, dependency+"/") {
			if !slices.Contains(allowed, name) {
				t.Errorf("%s imports %s, want it only in %q", name, imported, allowed)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which has no door", name, imported)
}

// The verification decision is pure: nothing below it can reach a network,
// start a program or write a log.
func TestDecisionIsPure(t *testing.T) {
	for _, name := range []string{"bundle", "trustroot", "verify"} {
		p, ok := list(t, "./"+name)[module+name]
		if !ok {
			t.Fatalf("no package %s", name)
		}
		for _, banned := range []string{"net/http", "os/exec", "log", "log/slog"} {
			if slices.Contains(p.Deps, banned) {
				t.Errorf("%s depends on %s", name, banned)
			}
		}
	}
}

func TestVerifyAndSignDoNotKnowEachOther(t *testing.T) {
	if slices.Contains(list(t, "./verify")[module+"verify"].Deps, module+"sign") {
		t.Error("verify depends on sign")
	}
	if slices.Contains(list(t, "./sign")[module+"sign"].Deps, module+"verify") {
		t.Error("sign depends on verify")
	}
}
