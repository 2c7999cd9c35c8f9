package registry

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	memory "github.com/google/go-containerregistry/pkg/registry"
	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"
	"github.com/sirupsen/logrus"
	"golang.org/x/crypto/bcrypt"

	// Parts of distribution that are chosen by name.
	_ "github.com/distribution/distribution/v3/registry/auth/htpasswd"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/inmemory"
)

// A kind is a registry that tests run on.
type kind struct {
	name      string
	referrers bool // it has the referrers API
	tls, auth bool
	open      func(t testing.TB) http.Handler
}

// where is how hallmark names the place of what it finds there.
func (k kind) where() string {
	if k.referrers {
		return "referrers API"
	}
	return "fallback tag"
}

var (
	plain          = kind{name: "go-containerregistry", referrers: true, open: inMemory(true)}
	plainTags      = kind{name: "go-containerregistry without referrers", open: inMemory(false)}
	withPassword   = kind{name: "go-containerregistry over TLS with a password", referrers: true, tls: true, auth: true, open: protected(inMemory(true))}
	olaregAPI      = kind{name: "olareg", referrers: true, open: olaregOpen(true)}
	olaregTags     = kind{name: "olareg without referrers", open: olaregOpen(false)}
	distribution   = kind{name: "distribution over TLS with htpasswd", tls: true, auth: true, open: func(t testing.TB) http.Handler { return distributionOpen(t, "") }}
	dockerRegistry = kind{name: "docker-registry of Debian", open: debianOpen}
)

func kinds() []kind {
	return []kind{plain, plainTags, withPassword, olaregAPI, olaregTags, distribution, dockerRegistry}
}

func inMemory(referrers bool) func(testing.TB) http.Handler {
	return func(testing.TB) http.Handler {
		return memory.New(memory.Logger(log.New(io.Discard, "", 0)), memory.WithReferrersSupport(referrers))
	}
}

func protected(open func(testing.TB) http.Handler) func(testing.TB) http.Handler {
	return func(t testing.TB) http.Handler { return basic(open(t)) }
}

func olaregOpen(referrers bool) func(testing.TB) http.Handler {
	return func(t testing.TB) http.Handler { return olaregAt(t, "", referrers) }
}

// olaregAt keeps what it gets in dir; in memory if that is empty.
func olaregAt(t testing.TB, dir string, referrers bool) http.Handler {
	yes := true
	c := olaregconfig.Config{Storage: olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreMem}}
	if dir != "" {
		c.Storage = olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreDir, RootDir: dir}
	}
	c.API.DeleteEnabled, c.API.Blob.DeleteEnabled, c.API.Referrer.Enabled = &yes, &yes, &referrers
	s := olareg.New(c)
	t.Cleanup(func() { s.Close() })
	return s
}

// distributionOpen keeps what it gets in dir; in memory if that is empty.
func distributionOpen(t testing.TB, dir string) http.Handler {
	t.Helper()
	logrus.SetOutput(io.Discard)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "htpasswd")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%s:%s\n", userName, hash), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &configuration.Configuration{
		Storage: configuration.Storage{
			"inmemory":    configuration.Parameters{},
			"delete":      configuration.Parameters{"enabled": true},
			"maintenance": configuration.Parameters{"uploadpurging": map[any]any{"enabled": false}},
		},
		Auth: configuration.Auth{"htpasswd": configuration.Parameters{"realm": "test", "path": file}},
	}
	if dir != "" {
		delete(c.Storage, "inmemory")
		c.Storage["filesystem"] = configuration.Parameters{"rootdirectory": dir}
	}
	c.HTTP.Secret = "of all runs"
	c.Catalog.MaxEntries = 1000
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return handlers.NewApp(ctx, c)
}

// debianOpen runs Debian's program behind a proxy in this process.
func debianOpen(t testing.TB) http.Handler {
	t.Helper()
	program := os.Getenv("HALLMARK_DOCKER_REGISTRY")
	if program == "" {
		var err error
		if program, err = exec.LookPath("docker-registry"); err != nil {
			t.Skipf("SKIPPED: docker-registry is not installed (%v)", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	file := filepath.Join(t.TempDir(), "config.yml")
	config := "version: 0.1\nlog: {level: error}\nstorage: {inmemory: {}, delete: {enabled: true}}\nhttp: {addr: " + address + ", secret: x}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "serve", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 200 {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
			proxy.ErrorLog = log.New(io.Discard, "", 0)
			return proxy
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("docker-registry does not answer")
	return nil
}
