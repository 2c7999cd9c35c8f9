package login

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
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
	ctx, cancel := buildTime()
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--omit-lockfile-registry-resolved", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir, npm.WaitDelay = dir, 5*time.Second
	if out, err := npm.CombinedOutput(); err != nil {
		os.RemoveAll(filepath.Join(dir, "node_modules"))
		return "", &installError{string(out), err}
	}
	return dir, nil
})

// buildTime is what fetching and building a provider may take.
func buildTime() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 4*time.Minute)
}

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
	return startProvider(t, cmd)
}
