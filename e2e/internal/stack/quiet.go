package stack

import (
	"io"
	"log/slog"

	fulciolog "github.com/sigstore/fulcio/pkg/log"
	tsalog "github.com/sigstore/timestamp-authority/v2/pkg/log"
	"go.uber.org/zap"
	"k8s.io/klog/v2"
)

// quiet silences the servers: what they have to say about a request, they
// say in the answer.
func quiet() {
	fulciolog.Logger = zap.NewNop().Sugar()
	tsalog.Logger = zap.NewNop().Sugar()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	klog.SetOutput(io.Discard)
}
