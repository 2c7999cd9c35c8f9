// Package tuf fetches and caches the trusted root and the signing configuration
// of a Sigstore instance over TUF.
//
// Believed is one root of keys that the caller pins, and what is signed through
// it. Cached files are never believed for being there: each load verifies the
// chain of roots from the pinned one, then timestamp, snapshot and targets, and
// hashes each target again (TU-2, TU-11). While the cached timestamp is young
// nothing is asked of the network.
//
//	c, err := tuf.New(&tuf.Config{CacheDir: dir}) // the public instance
//	root, err := c.Root(ctx)
//
// Delegated roles are not followed: the files that a client needs are listed by
// the top-level targets role.
package tuf

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/trustroot"
)

// Names of the targets that a client fetches.
const (
	TrustedRoot   = "trusted_root.json"
	SigningConfig = "signing_config.v0.2.json"
)

// Times of a client.
const (
	defaultMaxAge = 24 * time.Hour   // TU-15
	shortLife     = 48 * time.Hour   // TU-15: less is worth a warning
	deadline      = 5 * time.Minute  // TU-14: of a whole update
	lockWait      = 10 * time.Second // N19
	clockSlack    = 5 * time.Minute  // a clock this much behind the last update is not worth a word (P52)
)

// An Error says which check refused, by which rule, and what to do next.
type Error = check.Error

// Config says which repository to use and how. The zero Config is the public
// instance, cached in memory only.
type Config struct {
	Mirror string // URL of the repository; with Root; both empty: the public instance
	Root   []byte // the pinned root metadata; its expiry does not matter

	CacheDir string           // absolute; made if missing; "": memory only
	HTTP     fetch.Doer       // bound to Mirror; nil: a client of package fetch
	Now      func() time.Time // nil: time.Now
	MaxAge   time.Duration    // how long no refresh is needed; 24 h if 0

	Offline      bool // no network at all
	AllowExpired bool // only with Offline: take expired metadata, with a warning

	Fallback *Snapshot // used, with a warning, only if there is neither cache nor network
}

// A Snapshot is what a program brings along for its first run without network.
type Snapshot struct {
	TrustedRoot []byte
	Date        time.Time // the day it stands for
}

// A Client gives the trusted root and signing configuration of one instance. It
// is safe for concurrent use.
type Client struct {
	config Config
	host   string
	pinned *rootMeta
	http   fetch.Doer
	cache  *cache // nil: memory only

	mu       sync.Mutex
	view     *view    // the last verified one
	trouble  []string // with the cache
	warnings []string // of the last load
}

// New returns a client. The pinned root must be signed by itself. It makes the
// cache directory if it can; one that cannot be written is worked around in
// memory, one that is not safe is refused.
func New(config *Config) (*Client, error) {
	c := &Client{config: *config}
	if c.config.Mirror == "" && c.config.Root == nil {
		public := Instances()[0]
		c.config.Mirror, c.config.Root = public.Mirror, public.Root
		if c.config.Fallback == nil {
			c.config.Fallback = public.Fallback
		}
	}
	if c.config.Mirror == "" || c.config.Root == nil {
		return nil, check.Refuse("TU-2", check.Usage, "have only one of mirror and root, want both or none")
	}
	if c.config.AllowExpired && !c.config.Offline {
		return nil, check.Refuse("TU-11", check.Usage, "expired metadata is asked for, which only offline use allows")
	}
	if c.config.Now == nil {
		c.config.Now = time.Now
	}
	if c.config.MaxAge == 0 {
		c.config.MaxAge = defaultMaxAge
	}
	u, err := url.Parse(c.config.Mirror)
	if err != nil {
		return nil, check.Refuse("TU-14", check.Usage, "mirror %q is not a URL", c.config.Mirror)
	}
	c.host = u.Host
	if c.pinned, err = pin(c.config.Root); err != nil {
		return nil, c.explain(err)
	}
	if c.http = c.config.HTTP; c.http == nil && !c.config.Offline {
		client, err := fetch.New(strings.TrimSuffix(c.config.Mirror, "/"), fetch.Config{Retries: 2, Deadline: deadline})
		if err != nil {
			return nil, err
		}
		c.http = client
	}
	if c.config.CacheDir != "" {
		var warning string
		if c.cache, warning, err = openCache(c.config.CacheDir, c.config.Mirror); err != nil {
			return nil, err
		}
		c.warn(warning)
	}
	return c, nil
}

// Root returns the trusted root, refreshed if it is older than MaxAge.
func (c *Client) Root(ctx context.Context) (*trustroot.Root, error) {
	v, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	return v.root, nil
}

// Services returns the signing configuration.
func (c *Client) Services(ctx context.Context) (*trustroot.SigningConfig, error) {
	data, err := c.Target(ctx, SigningConfig)
	if err != nil {
		return nil, err
	}
	return trustroot.ParseSigningConfig(data)
}

// Target returns the bytes of TrustedRoot or SigningConfig, to be exported.
// Other targets are not fetched.
func (c *Client) Target(ctx context.Context, name string) ([]byte, error) {
	if name == "" || name[0] == '.' || len(name) > 128 || strings.ContainsFunc(name, notPlain) {
		return nil, check.Refuse("TU-13", check.TUFPath, "%q is not the name of a target", name).
			WithNext("name " + TrustedRoot + " or " + SigningConfig)
	}
	v, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	data, ok := v.files[name]
	if !ok {
		return nil, c.explain(check.Refuse("TU-8", check.TrustRoot, "has no target %q for clients", name).
			WithNext("ask whoever runs this instance, or give the file by name"))
	}
	return slices.Clone(data), nil
}

func notPlain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
}

// Refresh asks the repository for news, however young the cache is.
func (c *Client) Refresh(ctx context.Context) error {
	if c.config.Offline {
		return check.Refuse("TU-11", check.Usage, "a refresh is asked for, but also to stay offline")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v, err := c.update(ctx, true)
	if err != nil {
		return c.explain(err)
	}
	c.use(v)
	return nil
}

// Warnings returns what was worth a word in the last load: a cache that cannot
// be written, metadata about to expire, a clock that went back.
func (c *Client) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.trouble, c.warnings)
}

// warn notes trouble with the cache, once.
func (c *Client) warn(text string) {
	if text != "" && !slices.Contains(c.trouble, text) {
		c.trouble = append(c.trouble, text)
	}
}

func (c *Client) use(v *view) { c.view, c.warnings = v, v.warnings }
