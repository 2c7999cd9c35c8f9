package oci

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/hallmarksign/hallmark/internal/check"
)

// wholeUpload is up to how many bytes a blob is sent in one request; larger ones
// are streamed and then committed, which is what all registries know.
const wholeUpload = 4 << 20

// An opener opens a blob from its start, for each attempt to send it.
type opener func(ctx context.Context) (io.ReadCloser, error)

func inMemory(data []byte) opener {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// has says whether the repository has a blob, of the right size.
func (r *repository) has(ctx context.Context, d descriptor) (bool, error) {
	res, err := r.do(ctx, call{method: http.MethodHead, path: r.path("blobs", d.Digest), scopes: push(r.name),
		answers: []int{http.StatusNotFound}})
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK && (res.ContentLength < 0 || res.ContentLength == d.Size), nil
}

// writeBlob sends a blob unless it is there. from names a repository of the same
// registry that has it, if there is one: the registry then needs no bytes. A
// transfer that breaks is started again; what was sent whole is never sent twice
// (O32). It says whether anything was sent.
func (r *repository) writeBlob(ctx context.Context, d descriptor, from *repository, open opener) (bool, error) {
	there, err := r.has(ctx, d)
	if err != nil || there {
		return false, err
	}
	for tries := 0; ; tries++ {
		done, err := r.send(ctx, d, from, open)
		if err == nil {
			return !done, nil
		}
		begun, ok := errors.AsType[*unfinished](err)
		if !ok {
			return false, err
		}
		if !begun.transient() || tries >= r.client.config.Retries {
			return false, begun.err
		}
		if r.client.sleep(ctx, r.client.jitter(r.client.pause<<tries)) != nil {
			return false, err
		}
	}
}

// send uploads a blob once; true if the registry took it from another repository.
func (r *repository) send(ctx context.Context, d descriptor, from *repository, open opener) (bool, error) {
	at, err := r.start(ctx, d, from)
	if err != nil || at == nil {
		return err == nil, err
	}
	body := func() (io.ReadCloser, error) { return open(ctx) }
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	commit := call{method: http.MethodPut, scopes: push(r.name), header: header, once: true}
	if d.Size <= wholeUpload {
		commit.body, commit.size = body, d.Size
	} else if at, err = r.stream(ctx, at, header, body, d.Size); err != nil {
		return false, &unfinished{err}
	}
	committed := *at
	query := committed.Query()
	query.Set("digest", d.Digest)
	committed.RawQuery = query.Encode()
	commit.location = &committed
	res, err := r.do(ctx, commit)
	if err != nil {
		return false, &unfinished{err}
	}
	return false, res.Body.Close()
}

// An unfinished upload was begun; another may get further.
type unfinished struct{ err error }

func (u *unfinished) Error() string { return u.err.Error() }
func (u *unfinished) Unwrap() error { return u.err }

// transient says whether the connection or the registry failed. 404 and 416 say
// that it has forgotten the upload, as after a restart.
func (u *unfinished) transient() bool {
	if s, ok := errors.AsType[*status](u.err); ok {
		return s.code >= 500 || s.code == http.StatusNotFound || s.code == http.StatusRequestedRangeNotSatisfiable
	}
	_, ok := errors.AsType[*broken](u.err)
	return ok
}

// start begins an upload; nil if none is needed.
func (r *repository) start(ctx context.Context, d descriptor, from *repository) (*url.URL, error) {
	c := call{method: http.MethodPost, path: r.path("blobs", "uploads/"), scopes: push(r.name)}
	if from != nil && from.s == r.s && from.name != r.name {
		mount := c
		mount.query = url.Values{"mount": {d.Digest}, "from": {from.name}}
		mount.scopes = append(push(r.name), pull(from.name)...)
		mount.answers = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusBadRequest, http.StatusMethodNotAllowed}
		at, done, err := r.begin(ctx, mount)
		if err != nil || done || at != nil {
			return at, err
		}
	}
	at, _, err := r.begin(ctx, c)
	return at, err
}

func (r *repository) begin(ctx context.Context, c call) (at *url.URL, mounted bool, err error) {
	res, err := r.do(ctx, c)
	if err != nil {
		return nil, false, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusCreated:
		return nil, true, nil
	case http.StatusAccepted:
		at, err = allowUpload(res.Header.Get("Location"), res.Request.URL)
		return at, false, err
	}
	if len(c.query) > 0 {
		return nil, false, nil // no mount here; sent like any other
	}
	return nil, false, check.Refuse("OC-9", check.OCI, "registry %q answers an upload with %d, want 202", r.s.host, res.StatusCode)
}

// stream sends the bytes of a large blob, and returns where to commit it.
func (r *repository) stream(ctx context.Context, at *url.URL, header http.Header, body func() (io.ReadCloser, error), size int64) (*url.URL, error) {
	res, err := r.do(ctx, call{method: http.MethodPatch, location: at, header: header, body: body, size: size,
		scopes: push(r.name), once: true})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return allowUpload(res.Header.Get("Location"), res.Request.URL)
}

// writeManifest puts a manifest under a tag or its digest, and says whether the
// registry has seen what its subject is (distribution-spec, pushing manifests
// with subject).
func (r *repository) writeManifest(ctx context.Context, ref string, d *document) (bool, error) {
	return r.put(ctx, ref, d, call{})
}

// putOnce is writeManifest without a second attempt.
func (r *repository) putOnce(ctx context.Context, ref string, d *document) (bool, error) {
	return r.put(ctx, ref, d, call{single: true})
}

func (r *repository) put(ctx context.Context, ref string, d *document, c call) (bool, error) {
	c.method, c.path, c.scopes = http.MethodPut, r.path("manifests", ref), push(r.name)
	c.header = http.Header{"Content-Type": {d.media}}
	c.size, c.body = int64(len(d.raw)), func() (io.ReadCloser, error) { return inMemory(d.raw)(ctx) }
	res, err := r.do(ctx, c)
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	return d.Subject != nil && res.Header.Get("OCI-Subject") == d.Subject.Digest, nil
}

// remove removes a manifest by digest, or a tag of one; that there is none is no
// error, nor is it that a registry can't remove tags.
func (r *repository) remove(ctx context.Context, ref string) error {
	c := call{method: http.MethodDelete, path: r.path("manifests", ref), scopes: remove(r.name), answers: []int{http.StatusNotFound}}
	if !isDigest(ref) {
		c.answers = append(c.answers, http.StatusBadRequest, http.StatusMethodNotAllowed)
	}
	res, err := r.do(ctx, c)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
