package agent

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"net"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A Client talks to the agent of one folder. It is safe for concurrent use.
type Client struct{ dir string }

// Open returns a client of the agent that runs for a folder, or an error that
// wraps ErrNone.
func Open(ctx context.Context, dir string) (*Client, error) {
	c := &Client{dir}
	_, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Status returns what the agent holds.
func (c *Client) Status(ctx context.Context) ([]Held, error) {
	r, err := c.ask(ctx, request{Do: "status"})
	return r.Held, err
}

// Held returns the key and the certificate of a scope with some life left; nil if
// there is none.
func (c *Client) Held(ctx context.Context, scope string, until time.Time) (*Key, []byte, error) {
	list, err := c.Status(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, h := range list {
		if h.Scope != scope || !until.Before(h.Expiry) {
			continue
		}
		cert, err := x509.ParseCertificate(h.Leaf)
		if err != nil {
			return nil, nil, check.Refuse("SG-7", check.CertProfile, "certificate of the agent: %v", err)
		}
		k, err := c.key(cert.PublicKey)
		if err != nil {
			return nil, nil, err
		}
		return k, h.Leaf, nil
	}
	return nil, nil, nil
}

// NewKey has a key made.
func (c *Client) NewKey(ctx context.Context) (*Key, error) {
	r, err := c.ask(ctx, request{Do: "key"})
	if err != nil {
		return nil, err
	}
	public, err := x509.ParsePKIXPublicKey(r.Public)
	if err != nil {
		return nil, check.Refuse("SG-3", check.Server, "key of the agent: %v", err)
	}
	return c.key(public)
}

// Hold gives the agent the certificate of its key.
func (c *Client) Hold(ctx context.Context, k *Key, leaf []byte, scope string) error {
	_, err := c.ask(ctx, request{Do: "hold", Key: k.id, Leaf: leaf, Scope: scope})
	return err
}

// Stop ends the agent, which drops its keys.
func (c *Client) Stop(ctx context.Context) error {
	_, err := c.ask(ctx, request{Do: "stop"})
	return err
}

// ask dials for one question.
func (c *Client) ask(ctx context.Context, q request) (response, error) {
	conn, err := dial(ctx, c.dir)
	if err != nil {
		return response{}, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(talkTime))
	return c.talk(conn, q)
}

// talk asks one question and reads the answer.
func (c *Client) talk(conn net.Conn, q request) (response, error) {
	q.Version = version
	if err := send(conn, q); err != nil {
		return response{}, err
	}
	var r response
	if err := receive(conn, &r); err != nil {
		return response{}, err
	}
	if r.Refused != "" {
		return response{}, check.Refuse("SG-5", check.Server, "agent: %s", strictjson.Clip(r.Refused))
	}
	return r, nil
}

// A Key is a crypto.Signer whose private half is in the agent. It signs SHA-256
// digests.
type Key struct {
	client *Client
	id     string
	public *ecdsa.PublicKey
}

func (c *Client) key(public crypto.PublicKey) (*Key, error) {
	p, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, check.Refuse("SG-3", check.Server, "key of the agent is a %T, want ECDSA", public)
	}
	id, _, err := keyID(p)
	if err != nil {
		return nil, err
	}
	return &Key{c, id, p}, nil
}

// Public returns the public half.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign has a digest signed. The signature is checked before it is returned.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts == nil || opts.HashFunc() != crypto.SHA256 || len(digest) != sha256.Size {
		return nil, check.Refuse("SG-3", check.Internal, "the agent signs SHA-256 digests only")
	}
	r, err := k.client.ask(context.Background(), request{Do: "sign", Key: k.id, Digest: digest}) // bounded by talkTime
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(k.public, digest, r.Signature) {
		return nil, check.Refuse("SG-3", check.Server, "agent: signature does not verify")
	}
	return r.Signature, nil
}
