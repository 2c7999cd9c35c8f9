package stack

import (
	"log/slog"

	fulciolog "github.com/sigstore/fulcio/pkg/log"
	rekorlog "github.com/sigstore/rekor/pkg/log"
	tsalog "github.com/sigstore/timestamp-authority/v2/pkg/log"
	"go.uber.org/zap"
	"k8s.io/klog/v2"
)

// quiet silences the servers: what they have to say about a request, they
// say in the answer.
func quiet() {
	fulciolog.Logger = zap.NewNop().Sugar()
	tsalog.Logger = zap.NewNop().Sugar()
	rekorlog.Logger = zap.NewNop().Sugar()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
}
