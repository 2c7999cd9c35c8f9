package oci

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A repository is a source and a target: one repository of a registry.
type repository struct {
	client *Client
	s      *session
	name   string
}

func (c *Client) repository(registry, name string) *repository {
	return &repository{client: c, s: c.session(registry), name: name}
}

func (r *repository) String() string { return r.s.host + "/" + r.name }

// do sends a call with the credentials for this repository.
func (r *repository) do(ctx context.Context, c call) (*http.Response, error) {
	c.repository = r.name
	return r.s.do(ctx, c)
}

func (r *repository) path(kind, what string) string { return "/v2/" + r.name + "/" + kind + "/" + what }

var acceptDocuments = http.Header{"Accept": {strings.Join([]string{typeManifest, typeIndex, typeDockerManifest, typeDockerIndex}, ", ")}}

// manifest reads a manifest by tag or digest. What the registry says about its
// digest is not looked at: the bytes are hashed (O2, O3).
func (r *repository) manifest(ctx context.Context, ref string) (*document, error) {
	res, err := r.do(ctx, call{method: http.MethodGet, path: r.path("manifests", ref), header: acceptDocuments,
		scopes: pull(r.name), answers: []int{http.StatusNotFound}})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		drain(res)
		return nil, errMissing
	}
	raw, err := r.bounded(res, MaxManifest)
	if err != nil {
		return nil, err
	}
	if isDigest(ref) && sum(raw) != ref {
		return nil, check.Refuse("OC-1", check.OCI, "registry %q answers %s with a manifest of digest %s", r.s.host, ref, sum(raw))
	}
	return readDocument(raw, res.Header.Get("Content-Type"))
}

// maxDrained bounds what is read of a body that nobody wants.
const maxDrained = 4 << 10 // unit: bytes of a body that nobody wants; with more, the connection is not used again

// drain reads a short body that nobody wants, so that the connection can be used
// again: most of what is asked for does not exist.
func drain(res *http.Response) {
	if res.ContentLength > 0 && res.ContentLength <= maxDrained {
		_, _ = io.CopyN(io.Discard, res.Body, res.ContentLength)
	}
}

// bounded reads the body of an answer of at most limit bytes (OC-8).
func (r *repository) bounded(res *http.Response, limit int64) ([]byte, error) {
	if res.ContentLength > limit {
		return nil, check.Refuse("OC-8", check.Limit, "want at most %d bytes from %q, got %d announced", limit, r.s.host, res.ContentLength)
	}
	var b bytes.Buffer
	body := watched(res.Body)
	defer body.Close()
	if _, err := b.ReadFrom(io.LimitReader(body, limit+1)); err != nil {
		return nil, r.s.translate(err)
	}
	if int64(b.Len()) > limit {
		return nil, check.Refuse("OC-8", check.Limit, "want at most %d bytes from %q, got more", limit, r.s.host)
	}
	return b.Bytes(), nil
}

// blob opens a blob. URLs in its descriptor are not followed (OC-7).
func (r *repository) blob(ctx context.Context, d descriptor) (io.ReadCloser, error) {
	res, err := r.do(ctx, call{method: http.MethodGet, path: r.path("blobs", d.Digest), scopes: pull(r.name)})
	if err != nil {
		return nil, err
	}
	if res.ContentLength >= 0 && res.ContentLength != d.Size {
		res.Body.Close()
		return nil, check.Refuse("OC-1", check.OCI, "blob %s has %d bytes, want %d as announced", d.Digest, res.ContentLength, d.Size)
	}
	return compared(&translated{watched(res.Body), r.s}, d), nil
}

// translated gives errors of a body their check.
type translated struct {
	io.ReadCloser
	s *session
}

func (t *translated) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = t.s.translate(err)
	}
	return n, err
}

// referrers reads the listing of the referrers API, page by page (OC-3, O13).
func (r *repository) referrers(ctx context.Context, digest string, visit func(descriptor) bool) error {
	path := r.path("referrers", digest)
	seen := map[string]bool{}
	var query url.Values
	size := 0
	for page := 0; ; page++ {
		list, next, err := r.page(ctx, path, query)
		if err != nil {
			return err
		}
		before := len(seen)
		for _, d := range list.children() {
			if seen[d.Digest] {
				continue
			}
			if len(seen) == MaxReferrers {
				return tooLong("%d referrers", MaxReferrers)
			}
			if seen[d.Digest] = true; !visit(d) {
				return nil
			}
		}
		switch size += len(list.raw); {
		case next == nil:
			return nil
		case len(seen) == before:
			return check.Refuse("OC-8", check.OCI, "page %d of the listing of referrers has nothing new", page+1)
		case page+1 == MaxPages:
			return tooLong("%d pages", MaxPages)
		case size >= MaxListing:
			return tooLong("%d bytes", MaxListing)
		}
		query = next
	}
}

func tooLong(format string, bound int) error {
	return check.Refuse("OC-8", check.Limit, "listing of referrers has more than "+format+": %w", bound, errTooLong).
		WithNext("remove what is not wanted from the image with hallmark image clean, or verify a bundle with --bundle FILE")
}

// page reads one page, and the query of the next; nil if it is the last.
func (r *repository) page(ctx context.Context, path string, query url.Values) (*document, url.Values, error) {
	res, err := r.do(ctx, call{method: http.MethodGet, path: path, query: query, header: http.Header{"Accept": {typeIndex}},
		scopes: pull(r.name), answers: []int{http.StatusNotFound}})
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		drain(res)
		return nil, nil, errMissing
	}
	media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || media != typeIndex {
		return nil, nil, check.Refuse("OC-3", check.OCI, "listing of referrers is of type %q, want %q",
			strictjson.Clip(res.Header.Get("Content-Type")), typeIndex)
	}
	raw, err := r.bounded(res, MaxManifest)
	if err != nil {
		return nil, nil, unread("the referrers API", err)
	}
	list, err := readDocument(raw, media)
	if err != nil {
		return nil, nil, unread("the referrers API", err)
	}
	next, err := nextPage(res, path)
	return list, next, err
}

// nextPage reads the Link field of a listing. Only the query of the link is
// used, so that it can't lead anywhere else.
func nextPage(res *http.Response, path string) (url.Values, error) {
	link := res.Header.Get("Link")
	if link == "" {
		return nil, nil
	}
	target, parameters, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	if !ok || len(link) > maxChallenge || !strings.Contains(strings.ReplaceAll(parameters, `"`, ""), "rel=next") {
		return nil, check.Refuse("OC-3", check.OCI, "listing of referrers has a link of %d bytes that is not <url>; rel=next", len(link))
	}
	u, err := res.Request.URL.Parse(target)
	if err != nil {
		return nil, check.Refuse("OC-3", check.OCI, "listing of referrers has a link that is no URL")
	}
	if !sameOrigin(u, res.Request.URL) || u.User != nil || u.Path != path {
		return nil, check.Refuse("OC-6", check.OCI, "listing of referrers goes on at %q, want the same place", u.Host)
	}
	return u.Query(), nil
}
