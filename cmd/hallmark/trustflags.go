package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/trustroot/tuf"
)

const defaultInstance = "public"

// trustFlags say which Sigstore instance is trusted.
type trustFlags struct {
	instance    string
	trustedRoot string
	offline     bool
}

func (t *trustFlags) register(f *pflag.FlagSet) {
	t.registerInstance(f)
	f.StringVar(&t.trustedRoot, "trusted-root", "", "trust exactly this trusted root `FILE`")
}

func (t *trustFlags) registerInstance(f *pflag.FlagSet) {
	f.StringVar(&t.instance, "instance", "", "use the Sigstore instance of this `NAME` (HALLMARK_INSTANCE; default "+defaultInstance+")")
	f.BoolVar(&t.offline, "offline", false, "open no connection")
}

// name returns the name of the chosen instance.
func (t *trustFlags) name(e *env) string {
	if t.instance != "" {
		return t.instance
	}
	if v := e.getenv("HALLMARK_INSTANCE"); v != "" {
		return v
	}
	return defaultInstance
}

// arguments returns the flags a user must add to trust the same instance.
func (t *trustFlags) arguments(e *env) string {
	switch {
	case t.trustedRoot != "":
		return " --trusted-root " + quoted(t.trustedRoot)
	case t.name(e) != defaultInstance:
		return " --instance " + quoted(t.name(e))
	}
	return ""
}

// root returns the trusted root of the file, or of the instance with its client.
func (t *trustFlags) root(ctx context.Context, e *env, out *outputFlags) (*trustroot.Root, *tuf.Client, error) {
	if t.trustedRoot != "" {
		if t.instance != "" {
			return nil, nil, usage("--trusted-root excludes --instance: the file is used exactly")
		}
		data, err := readBounded(t.trustedRoot, trustroot.MaxSize)
		if err != nil {
			return nil, nil, err
		}
		root, err := trustroot.Parse(data)
		return root, nil, named(t.trustedRoot, err)
	}
	client, err := t.client(e)
	if err != nil {
		return nil, nil, err
	}
	root, err := client.Root(ctx)
	if err != nil {
		return nil, nil, undecided(err)
	}
	for _, w := range client.Warnings() {
		out.say(e, "hallmark: warning: %s", printable(w, 1024))
	}
	return root, client, nil
}

// undecided marks trust data that can't be used: whatever is wrong with it, it
// says nothing about an artifact.
func undecided(err error) error {
	if check.Of(err).Exit() != check.ExitNo {
		return err
	}
	return &check.Error{Check: check.TrustRoot, Err: err, Next: "look at the trust data with hallmark trust status"}
}

// client returns the TUF client of the instance.
func (t *trustFlags) client(e *env) (*tuf.Client, error) {
	instance, err := loadInstance(e, t.name(e))
	if err != nil {
		return nil, err
	}
	return instanceClient(e, instance, t.offline)
}

func instanceClient(e *env, i tuf.Instance, offline bool) (*tuf.Client, error) {
	config := i.Config()
	config.Now, config.Offline = e.now, offline
	if dir := e.cacheDir(); dir != "" {
		config.CacheDir = filepath.Join(dir, "tuf", i.Name)
	}
	config.HTTP = fetch.Offline{}
	if !offline {
		client, err := fetch.New(strings.TrimSuffix(i.Mirror, "/"), fetch.Config{UserAgent: userAgent(), Retries: 2, Deadline: 5 * time.Minute})
		if err != nil {
			return nil, err
		}
		config.HTTP = client
	}
	return tuf.New(config)
}

// store keeps the instances that the user added.
func store(e *env) (tuf.Store, error) {
	dir := e.configDir()
	if dir == "" {
		return tuf.Store{}, nil
	}
	dir, err := filepath.Abs(dir)
	return tuf.Store{Dir: filepath.Join(dir, "instances")}, err
}

// loadInstance finds a built-in or an added instance.
func loadInstance(e *env, name string) (tuf.Instance, error) {
	s, err := store(e)
	if err != nil {
		return tuf.Instance{}, err
	}
	return s.Load(name)
}

func userAgent() string { return "hallmark/" + version }
