package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hallmarksign/hallmark/e2e/internal/wire"
)

// announce prints shell lines; what is not for the shell is a comment, so
// that the whole block can be pasted or eval'ed. When hallmark lies beside
// this program, the instance is added already and the lines find it.
func announce(ctx context.Context, w io.Writer, setup *wire.Setup, info *wire.Info) error {
	home := filepath.Join(info.Dir, "hallmark")
	// The instance is of this run: its address may be new.
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	env := []string{
		"HALLMARK_CONFIG_DIR=" + filepath.Join(home, "config"),
		"HALLMARK_CACHE_DIR=" + filepath.Join(home, "cache"),
		"HALLMARK_STATE_DIR=" + filepath.Join(home, "state"),
		"HALLMARK_INSTANCE=sandbox",
	}
	add := []string{"trust", "add", "sandbox", "--mirror", info.URLs[wire.TUF], "--root", info.TUFRoot}

	fmt.Fprintf(w, "# A whole Sigstore, ready after %d ms. Paste these lines into another shell:\n", info.Millis)
	printExports(w, "", env)
	if hallmark := neighbour(); hallmark != "" {
		cmd := exec.CommandContext(ctx, hallmark, add...)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
		}
		fmt.Fprintf(w, "export PATH=%s:\"$PATH\"\n", quote(filepath.Dir(hallmark)))
	} else {
		for i, a := range add {
			add[i] = quote(a)
		}
		fmt.Fprintf(w, "hallmark %s\n", strings.Join(add, " "))
	}
	fmt.Fprintln(w, "# Then: hallmark sign FILE, and sign in as anyone. To be a workflow on GitHub instead:")
	printExports(w, "#   ", info.ActionsEnv())
	fmt.Fprintln(w, "# To sign into Rekor v1 instead of v2, and to verify that (as any other bundle):")
	fmt.Fprintf(w, "#   hallmark sign FILE --trusted-root %s --signing-config %s\n", quote(info.TrustedRoot), quote(info.Rekor1Config))
	for _, service := range setup.Services() {
		fmt.Fprintf(w, "# %-12s %s\n", service, info.URLs[service])
	}
	_, err := fmt.Fprintf(w, "# data in %s; end with Ctrl-C\n", info.Dir)
	return err
}

func printExports(w io.Writer, before string, env []string) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(w, "%sexport %s=%s\n", before, name, quote(value))
	}
}

// neighbour is the hallmark program in the folder of this one, if there is one.
func neighbour() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	path := filepath.Join(filepath.Dir(self), "hallmark")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return path
}

// quote writes a word for a POSIX shell, plain when nothing in it is special.
func quote(s string) string {
	special := func(r rune) bool {
		return !strings.ContainsRune("-_./:=@%+,", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
