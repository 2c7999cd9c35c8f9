package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// The throughput rule (Q16): in every window some bytes must arrive.
const (
	window    = 10 * time.Second
	perWindow = 10 << 10 // 1 KiB/s
)

// checkEncoding refuses what was not asked for; a small body could otherwise
// grow a thousandfold (Q23). It reports whether the body is to be unpacked.
func checkEncoding(res *http.Response, mayPack bool) (packed bool, err error) {
	e := res.Header.Get("Content-Encoding")
	if mayPack && e == "gzip" && !res.Uncompressed {
		return true, nil
	}
	if res.Uncompressed || (e != "" && e != "identity") {
		return false, check.Refuse("TU-14", check.Server, "want a plain body, got content encoding %q", e)
	}
	return false, nil
}

// unpack is bounded by what it makes, not by what it reads.
func unpack(packed []byte, most int64) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, check.Refuse("TU-14", check.Server, "content encoding gzip: %v", err)
	}
	plain, err := io.ReadAll(io.LimitReader(z, most+1))
	if int64(len(plain)) > most {
		return nil, check.Refuse("LM-1", check.Limit, "want at most %d bytes, got more when unpacked", most)
	}
	if err != nil {
		return nil, check.Refuse("TU-14", check.Server, "content encoding gzip: %v", err)
	}
	return plain, nil
}

// A body is bounded in length and in slowness.
type body struct {
	rc     io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	most   int64
	left   int64
	seen   atomic.Int64
	timer  *time.Timer
}

// watch returns rc with both bounds. Closing it ends ctx.
func watch(ctx context.Context, cancel context.CancelCauseFunc, rc io.ReadCloser, most int64, window time.Duration) *body {
	b := &body{rc: rc, ctx: ctx, cancel: cancel, most: most, left: most}
	b.timer = time.AfterFunc(time.Hour, func() {
		if n := b.seen.Swap(0); n < perWindow {
			cancel(check.Refuse("TU-14", check.Net, "want at least %d bytes in %v, got %d", perWindow, window, n))
			return
		}
		b.timer.Reset(window)
	})
	b.timer.Reset(window)
	return b
}

// Read returns a limit error at the first byte over the bound.
func (b *body) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.rc.Read(p)
	b.seen.Add(int64(n))
	b.left -= int64(n)
	if b.left < 0 {
		b.left = 0
		return 0, check.Refuse("LM-1", check.Limit, "want at most %d bytes, got more", b.most)
	}
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (b *body) Close() error {
	b.timer.Stop()
	err := b.rc.Close()
	b.cancel(nil)
	return err
}
