package stack

import (
	"context"
	"crypto"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	tposix "github.com/transparency-dev/tessera/storage/posix"
	"github.com/transparency-dev/tesseract"
	"github.com/transparency-dev/tesseract/storage"
	"github.com/transparency-dev/tesseract/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// ctOrigin names the CT log. It has to be a host name: 127.0.0.1:PORT is
// refused, and ports change between starts.
const ctOrigin = "ctlog.sandbox.localhost"

// ctlog is a real static-ct log (TesseraCT) in dir, with its read path.
// The function it returns stops the log.
func ctlog(ctx context.Context, dir string, key crypto.Signer, roots string) (http.Handler, func(context.Context) error, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	var stop func(context.Context) error
	create := func(ctx context.Context, signer note.Signer) (*storage.CTStorage, error) {
		driver, err := tposix.New(ctx, tposix.Config{Path: dir})
		if err != nil {
			return nil, err
		}
		appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().
			WithCheckpointSigner(signer).
			WithCTLayout().
			WithAntispam(256, nil).
			WithBatching(256, 20*time.Millisecond).
			WithCheckpointInterval(200*time.Millisecond))
		if err != nil {
			return nil, err
		}
		stop = shutdown
		issuers, err := posix.NewIssuerStorage(ctx, dir)
		if err != nil {
			return nil, err
		}
		return storage.NewCTStorage(ctx, &storage.CTStorageOptions{Appender: appender, Reader: reader, IssuerStorage: issuers})
	}
	handler, err := tesseract.NewLogHandler(ctx, ctOrigin, key,
		tesseract.ChainValidationConfig{RootsPEMFile: roots, ExtKeyUsages: "CodeSigning"},
		create, 10*time.Second, false, "", tesseract.LogHandlerOpts{DedupRL: -1, MaxCertChainBytes: 512 << 10})
	if err != nil {
		return nil, nil, fmt.Errorf("ct log: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/ct/", handler)
	mux.Handle("/healthz", handler)
	files := http.FileServerFS(os.DirFS(filepath.Clean(dir)))
	for _, path := range []string{"GET /checkpoint", "GET /tile/", "GET /issuer/"} {
		mux.Handle(path, files)
	}
	return mux, stop, nil
}
