// Package oci resolves images to digests and lists, attaches, copies, saves and
// cleans what belongs to them. It verifies nothing: what Bundles yields are
// claims, for package verify to judge.
//
//	c := oci.New(oci.Config{Credentials: keychain})
//	a, err := c.Resolve(ctx, "registry.example.com/app:1.2")
//	for found, err := range c.Bundles(ctx, a, 32) { ... }
//
// A name is resolved once; from then on only digests are asked for, and every
// manifest and blob is compared with the size and digest it was announced with.
// Refused are documents that can be read in two ways, listings without end,
// answers without bound, plain http to other than literal loopback addresses,
// and sending credentials anywhere but to the registry they are stored for.
//
// "oci:DIR" and "oci:FILE.tar" name an image layout on disk; what is attached goes
// into the folder, an archive is only read. A Client is safe for concurrent use and keeps one session for each
// registry.
package oci

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Bounds of what is read (OC-8, LM-2). Anybody who may push can reach those of
// listings: what was read until then is tried, and if nothing of it proves what was
// asked, the verdict stays open.
const (
	MaxManifest  = 4 << 20  // unit: bytes of one manifest, index or page of a listing; a larger one is refused, a larger listing leaves the verdict open
	MaxBundle    = 16 << 20 // unit: bytes of a layer that holds a bundle; a larger one is refused
	MaxReferrers = 100_000  // unit: items of one listing of referrers, or of one document; more leave the verdict open
	MaxPages     = 2000     // unit: pages of one listing of referrers; more leave the verdict open
	MaxListing   = 64 << 20 // unit: bytes of all pages of one listing of referrers; more leave the verdict open
	MaxLayers    = 1000     // unit: layers of one image, or children of one index; more are refused
	MaxDepth     = 8        // unit: levels of indexes in indexes, or of referrers of referrers; deeper ones are refused
	MaxNodes     = 200_000  // unit: manifests in the graph of one image; more are refused

	maxSmallBody = 64 << 10 // unit: bytes of an error or a token; what is more is not read
)

// Config is optional behaviour. The zero Config talks to public registries
// without credentials.
type Config struct {
	Credentials Keychain          // nil: anonymous
	Transport   http.RoundTripper // tests and fault injection; nil: a transport of this package's making
	AllowHTTP   bool              // plain http to any registry that speaks no https; always allowed to a literal loopback address
	UserAgent   string            // "hallmark" if empty

	CAs          *x509.CertPool    // nil: those of the system
	Certificates []tls.Certificate // of this client, for registries that ask

	// TokenHosts lists, by registry, hosts of token servers that may be given
	// its credentials although they are another host (OC-6), such as
	// "registry.example.com": {"gitlab.example.com"}.
	TokenHosts map[string][]string

	// SignatureRepository is where what belongs to images is kept; empty: in
	// the repository of each image.
	SignatureRepository string

	Now      func() time.Time // time.Now if nil; for the creation date of what has none of its own
	Deadline time.Duration    // of all attempts of one request; 2 min if 0
	Retries  int              // further attempts of one request; 4 if 0, none if negative
}

// A Client talks to registries.
type Client struct {
	config Config
	http   *http.Client

	pause  time.Duration                                    // before a first retry, about
	settle time.Duration                                    // how long a shared document must stay as it is
	sleep  func(ctx context.Context, d time.Duration) error // waits
	jitter func(d time.Duration) time.Duration              // a random time around d

	mu       sync.Mutex
	sessions map[string]*session
	locks    map[string]*sync.Mutex // of documents that are updated, by name
}

// New returns a client. It does not connect yet.
func New(config Config) *Client {
	config.UserAgent = cmp.Or(config.UserAgent, "hallmark")
	config.Deadline = cmp.Or(config.Deadline, 2*time.Minute)
	config.Retries = max(cmp.Or(config.Retries, 4), 0)
	if config.Now == nil {
		config.Now = time.Now
	}
	c := &Client{
		config:   config,
		pause:    500 * time.Millisecond,
		settle:   300 * time.Millisecond,
		sleep:    sleep,
		jitter:   func(d time.Duration) time.Duration { return d/2 + rand.N(d+1) },
		sessions: map[string]*session{},
		locks:    map[string]*sync.Mutex{},
	}
	c.http = newHTTP(config)
	return c
}

// CloseIdle closes connections that wait for a next request.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// A Use says which credentials a registry was shown.
type Use struct {
	Registry string
	Source   string // as in Credential
	Note     string // as in Credential
}

// Used returns the credentials that were shown, by registry.
func (c *Client) Used() []Use {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Use
	for _, host := range slices.Sorted(maps.Keys(c.sessions)) {
		s := c.sessions[host]
		s.mu.Lock()
		if s.used != nil {
			all = append(all, *s.used)
		}
		s.mu.Unlock()
	}
	return all
}

// session returns the one session with a registry.
func (c *Client) session(host string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[host]
	if s == nil {
		s = newSession(c, host)
		c.sessions[host] = s
	}
	return s
}

// lock returns the lock of a shared document; publishers in one process then
// take turns instead of repeating each other's work.
func (c *Client) lock(name string) *sync.Mutex {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.locks[name]
	if l == nil {
		l = &sync.Mutex{}
		c.locks[name] = l
	}
	return l
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
