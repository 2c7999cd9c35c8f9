package main

import (
	"io"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A bar, its text and its numbers must fit on a line: the next state is written over
// it, and what went on to a second line would stay.
const (
	maxBarText = 32 // bytes
	barColumns = 72 // a terminal of fewer gets no bar
)

// bigFile is the size in bytes from which hashing shows progress.
const bigFile = 64 << 20

// A progress shows what takes long on a terminal. The nil progress is silent.
type progress struct{ w io.Writer }

// newProgress is silent when nobody watches or nothing may move.
func newProgress(e *env, quiet bool) *progress {
	if quiet || !e.movement {
		return nil
	}
	return &progress{w: e.stderr}
}

// reader shows how much of a big file was read.
func (p *progress) reader(r io.Reader, name string, size int64) io.Reader {
	if p == nil || size < bigFile {
		return r
	}
	bar := progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(p.w),
		progressbar.OptionSetDescription("hashing "+printable(filepath.Base(name), maxBarText-len("hashing "))),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	reader := progressbar.NewReader(r, bar)
	return &reader
}

// wait shows that something is awaited until the returned function is called.
func (p *progress) wait(what string, total int) (step, stop func()) {
	if p == nil {
		return func() {}, func() {}
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(p.w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	_ = bar.RenderBlank()
	return func() { _ = bar.Add(1) }, func() { _ = bar.Finish() }
}

// steps shows how far a long piece of work is; both functions may be called at
// any time.
func (p *progress) steps(what string) (show func(done, all int64), stop func()) {
	if p == nil {
		return func(int64, int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(p.w),
		progressbar.OptionSetDescription(printable(what, maxBarText)),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	return func(done, all int64) {
		bar.ChangeMax64(all)
		_ = bar.Set64(done)
	}, func() { _ = bar.Finish() }
}
