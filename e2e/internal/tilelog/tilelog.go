// Package tilelog writes logs of the second generation with Tessera, the library
// that real ones are made with, for tests that need more entries than anybody
// wants to sign.
package tilelog

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"

	"github.com/hallmarksign/hallmark/internal/sigtest"
)

// batch is how many entries are integrated at once.
const batch = 4096

// Write writes a log of n entries of sigtest with so many certificates, signed by
// its log of the second generation, below dir/api/v2, and dir/trusted_root.json.
// The files are those that a server has at the URL http://127.0.0.1:PORT/log2.
func Write(ctx context.Context, dir string, n, certificates int) error {
	w := sigtest.New(nil)
	path := filepath.Join(dir, "api", "v2")
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "trusted_root.json"), w.TrustedRoot(), 0o644); err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: path})
	if err != nil {
		return err
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
		WithCheckpointSigner(signer{w.Log2}).
		WithBatching(batch, 100*time.Millisecond).
		WithPushback(4*batch).
		WithCheckpointInterval(100*time.Millisecond))
	if err != nil {
		return err
	}
	return errors.Join(fill(ctx, appender, reader, w.Entries(certificates), n), shutdown(ctx))
}

// fill adds entries in order, and waits until the log shows them.
func fill(ctx context.Context, appender *tessera.Appender, reader tessera.LogReader, entries *sigtest.Entries, n int) error {
	var waiting []tessera.IndexFuture
	first := 0
	for i := range n {
		waiting = append(waiting, appender.Add(ctx, tessera.NewEntry(entries.Body(i))))
		if len(waiting) < 2*batch && i < n-1 {
			continue
		}
		most := 0
		if i < n-1 {
			most = batch
		}
		for ; len(waiting) > most; waiting, first = waiting[1:], first+1 {
			index, err := waiting[0]()
			if err != nil {
				return err
			}
			if index.Index != uint64(first) {
				return fmt.Errorf("entry %d was given index %d", first, index.Index)
			}
		}
	}
	for {
		size, err := reader.IntegratedSize(ctx)
		if err != nil {
			return err
		}
		if size >= uint64(n) {
			return published(ctx, reader, n)
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// published waits for the checkpoint of all entries.
func published(ctx context.Context, reader tessera.LogReader, n int) error {
	for {
		note, err := reader.ReadCheckpoint(ctx)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		var origin string
		var size int
		if fmt.Sscanf(string(note), "%s\n%d\n", &origin, &size); size >= n {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// A signer signs checkpoints as a log of sigtest (note.Signer).
type signer struct{ log *sigtest.Log }

func (s signer) Name() string { return s.log.Name }

func (s signer) KeyHash() uint32 { return binary.BigEndian.Uint32(s.log.ID()) }

func (s signer) Sign(msg []byte) ([]byte, error) {
	key, ok := s.log.Key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("is not an Ed25519 key")
	}
	return key.Sign(nil, msg, crypto.Hash(0))
}
