package login

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// install puts the provider of another make into the cache of the user, once.
var install = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "hallmark-e2e", "panva")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	fresh := true
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		data, err := os.ReadFile(filepath.Join("panva", name))
		if err != nil {
			return "", err
		}
		before, err := os.ReadFile(filepath.Join(dir, name))
		if name != "provider.mjs" && (err != nil || string(before) != string(data)) {
			fresh = false
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err == nil && fresh {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir, npm.WaitDelay = dir, 5*time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		os.RemoveAll(filepath.Join(dir, "node_modules"))
		return "", &installError{string(out), err}
	}
	return dir, nil
})

type installError struct {
	said string
	err  error
}

func (e *installError) Error() string { return e.err.Error() + ": " + e.said }

// startPanva runs the provider until the test ends and returns its issuer.
func startPanva(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			skip(t, "there is no %s", program)
		}
	}
	dir, err := install()
	if err != nil {
		skip(t, "oidc-provider can't be installed: %v", err)
	}
	cmd := exec.Command("node", "provider.mjs")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("provider does not start: %v", err)
	}
	return strings.TrimSpace(line)
}
