package stack

import (
	"crypto"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/alicebob/miniredis/v2"
	"github.com/go-openapi/loads"
	"github.com/sigstore/rekor/pkg/api"
	"github.com/sigstore/rekor/pkg/generated/restapi"
	"github.com/sigstore/rekor/pkg/generated/restapi/operations"
	"github.com/sigstore/rekor/pkg/types"
	"github.com/spf13/viper"

	"github.com/hallmarksign/hallmark/e2e/internal/wire"

	// Each registers a kind of entry.
	_ "github.com/sigstore/rekor/pkg/types/alpine/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/cose/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/helm/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/intoto/v0.0.2"
	_ "github.com/sigstore/rekor/pkg/types/jar/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/rekord/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/rfc3161/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/rpm/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/tuf/v0.0.1"
)

// rekor1Started guards the server's configuration and state, which are global.
var rekor1Started atomic.Bool

// A rekor1Server is the real Rekor v1 over Trillian and a Redis server for its
// search index, all in this process and in memory unless there is another
// Trillian: a restart begins an empty log under the same key.
type rekor1Server struct {
	http.Handler
	trees *trillianServer
	index *miniredis.Miniredis
}

// rekor1 makes the handler of a log that signs with a key (PEM, PKCS #8) and
// calls itself name in checkpoints. Its tree is in the Trillian log server at an
// address, or in memory if that is empty.
//
// It must be called before Rekor v2 starts: both are configured through one
// global registry, which is not safe for concurrent use.
func rekor1(keyFile, name, trillian string) (s *rekor1Server, err error) {
	if !rekor1Started.CompareAndSwap(false, true) {
		return nil, errors.New("rekor v1: one server for each process")
	}
	s = &rekor1Server{}
	defer func() {
		// The server panics when it is not configured as it should be.
		if p := recover(); p != nil {
			err = fmt.Errorf("rekor v1: %v", p)
		}
		if err != nil {
			s.close()
		}
	}()
	const newTree = 0
	tree := int64(newTree)
	if trillian != "" {
		tree, err = firstTree(trillian)
	} else if s.trees, err = trillianLog(); err == nil {
		trillian = s.trees.address
	}
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(trillian)
	if err != nil {
		return nil, fmt.Errorf("trillian: %w", err)
	}
	if s.index, err = miniredis.Run(); err != nil { // on 127.0.0.1
		return nil, err
	}
	for key, value := range map[string]any{
		"rekor_server.hostname":         name,
		"rekor_server.signer":           keyFile,
		"trillian_log_server.address":   host,
		"trillian_log_server.port":      port,
		"search_index.storage_provider": "redis",
		"redis_server.address":          "127.0.0.1",
		"redis_server.port":             s.index.Port(),
		"enable_attestation_storage":    true,
		"attestation_storage_bucket":    "mem://",
		"max_attestation_size":          100 << 10,
		"max_request_body_size":         32 << 20,
		"max_jar_metadata_size":         1 << 20,
		"max_apk_metadata_size":         1 << 20,
		"enabled_api_endpoints": []string{
			"searchIndex", "getLogInfo", "getPublicKey", "getLogProof", "createLogEntry",
			"getLogEntryByIndex", "getLogEntryByUUID", "searchLogQuery",
		},
	} {
		viper.Set(key, value)
	}
	types.SetAllowedKindsForSubmission(types.ListSupportedKinds())
	doc, err := loads.Embedded(restapi.SwaggerJSON, restapi.FlatSwaggerJSON)
	if err != nil {
		return nil, fmt.Errorf("rekor v1: %w", err)
	}
	api.ConfigureAPI(tree)
	server := restapi.NewServer(operations.NewRekorServerAPI(doc))
	server.ConfigureAPI()
	s.Handler = server.GetHandler()
	return s, nil
}

func (s *rekor1Server) close() {
	if s.Handler != nil {
		api.StopAPI()
	}
	if s.trees != nil {
		s.trees.close()
	}
	if s.index != nil {
		s.index.Close()
	}
}

// A rekor1Log is a running Rekor v1 as its users see it.
type rekor1Log struct {
	url, operator string
	key           crypto.PublicKey
}

// startRekor1 runs the log of the first generation, and that of another
// operator when there is to be one.
func (s *Stack) startRekor1() ([]rekor1Log, error) {
	key, err := s.keys.ec("rekor1")
	if err != nil {
		return nil, err
	}
	url := s.urls[wire.Rekor1]
	if s.rekor1, err = rekor1(s.keys.path("rekor1"), logName(url), s.setup.Trillian); err != nil {
		return nil, err
	}
	s.serve(wire.Rekor1, s.rekor1)
	logs := []rekor1Log{{url, operator, key.Public()}}
	if !s.setup.SecondOperator {
		return logs, nil
	}
	if key, err = s.keys.ec("rekor1-other"); err != nil {
		return nil, err
	}
	url = s.urls[wire.Rekor1Other]
	if s.other, err = rekor1Child(s.keys.path("rekor1-other"), logName(url)); err != nil {
		return nil, err
	}
	s.serve(wire.Rekor1Other, s.other)
	return append(logs, rekor1Log{url, otherOperator, key.Public()}), nil
}

// logName is how a log at this address is called in checkpoints: its base URL
// without scheme. Unlike Rekor v2's, the name of a Rekor v1 has no part in the
// log's identity, and verifiers take it from the checkpoint; so it may have a
// port, which tells several logs on one host apart.
func logName(base string) string {
	_, name, _ := strings.Cut(base, "://")
	return strings.TrimRight(name, "/")
}
