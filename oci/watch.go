package oci

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/hallmarksign/hallmark/internal/check"
)

// The throughput rule (Q16): in every window some bytes must arrive.
const (
	window    = 20 * time.Second
	perWindow = 20 << 10 // 1 KiB/s
)

// watched ends a body that arrives too slowly.
func watched(body io.ReadCloser) io.ReadCloser { return watch(body, window) }

func watch(body io.ReadCloser, window time.Duration) *watching {
	w := &watching{body: body}
	w.timer = time.AfterFunc(time.Hour, func() {
		if w.seen.Swap(0) < perWindow {
			w.slow.Store(true)
			body.Close()
			return
		}
		w.timer.Reset(window)
	})
	w.timer.Reset(window)
	return w
}

type watching struct {
	body  io.ReadCloser
	timer *time.Timer
	seen  atomic.Int64 // bytes in this window
	slow  atomic.Bool
}

func (w *watching) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.seen.Add(int64(n))
	if err != nil && err != io.EOF && w.slow.Load() {
		err = check.Refuse("OC-8", check.Net, "want at least 1 KiB a second, got less for %v", window)
	}
	return n, err
}

func (w *watching) Close() error {
	w.timer.Stop()
	return w.body.Close()
}
