package oci

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxRounds bounds how often a shared document is looked at until it stays.
const maxRounds = 30 // unit: looks; then the registry is refused as too busy

// A merge adds something to a document that others add to as well: a listing at
// the fallback tag, or the signatures at an old tag.
type merge struct {
	tag string
	// add returns the document with what is to be added; old is nil if there is
	// none. It returns old itself if nothing is missing.
	add func(old *document) (*document, error)
}

// update adds to a shared document (OC-9, O31). Registries have no conditional
// writes, so whoever writes last may undo what others wrote after it had read.
// Everybody therefore stays until the document has not changed for a while that
// is longer than a write takes, and adds again what got lost. It says whether
// anything had to be written.
func (r *repository) update(ctx context.Context, m merge) (bool, error) {
	l := r.client.lock(r.String() + ":" + m.tag)
	l.Lock()
	defer l.Unlock()
	u := updating{r: r, m: m, pause: r.client.settle}
	for range maxRounds {
		done, err := u.round(ctx)
		if err != nil || done {
			return u.wrote, err
		}
		if err := r.client.sleep(ctx, r.client.jitter(u.pause)); err != nil {
			return u.wrote, &check.Error{Check: check.Net, Rule: "OC-9", Field: r.String() + ":" + m.tag, Err: err}
		}
	}
	return u.wrote, check.Refuse("OC-9", check.Net, "%q in %q changes all the time, want it to stay as it is", m.tag, r.String()).
		WithNext("run the same command again, it takes up where this one stopped")
}

// updating is one update.
type updating struct {
	r     *repository
	m     merge
	seen  string // digest at the last look
	quiet int    // looks since it changed
	wrote bool
	tries int
	pause time.Duration // between looks; several times what a write took
}

// round looks once, and writes if something is missing. A write is never sent
// again by itself: what it says may be out of date by then.
func (u *updating) round(ctx context.Context) (bool, error) {
	begun := time.Now()
	old, err := u.r.manifest(ctx, u.m.tag)
	if err != nil && !errors.Is(err, errMissing) {
		return false, err
	}
	want, err := u.m.add(old)
	if err != nil {
		return false, err
	}
	if want == nil || want == old && !u.wrote {
		return true, nil // there is nothing to write
	}
	if want == old && old.digest == u.seen {
		u.quiet++
		return u.quiet == 2, nil
	}
	u.quiet, u.seen = 0, want.digest
	if want == old {
		return false, nil
	}
	u.wrote = true
	_, err = u.r.putOnce(ctx, u.m.tag, want)
	u.pause = max(u.pause, 4*time.Since(begun))
	if err == nil {
		return false, nil
	}
	after, transient := again(err, call{})
	if u.tries++; !transient || u.tries > u.r.client.config.Retries || after > u.r.client.config.Deadline {
		return false, err
	}
	return false, u.r.client.sleep(ctx, after)
}

// listed returns the merge that adds referrers to the listing at the fallback tag of
// their subject.
func listed(subject string, more ...descriptor) merge {
	return merge{tag: fallbackTag(subject), add: func(old *document) (*document, error) {
		var c content
		if old != nil {
			if !old.index() {
				return nil, check.Refuse("OC-3", check.OCI, "%q is of type %q, want %q", fallbackTag(subject), old.media, typeIndex)
			}
			c = old.content
		}
		all := descriptors(withAll(slices.Clone(c.children()), more))
		if old != nil && len(all) == len(c.children()) {
			return old, nil
		}
		c.Manifests = &all
		return writeDocument(c, typeIndex)
	}}
}
