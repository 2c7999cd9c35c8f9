package stack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/go-openapi/runtime"
	"github.com/sigstore/timestamp-authority/v2/pkg/api"
	"github.com/sigstore/timestamp-authority/v2/pkg/generated/restapi/operations/timestamp"
	"github.com/spf13/viper"
)

// tsa is the real timestamp authority. Its handlers are used directly: the
// server around them opens port 2112 on all interfaces. Its configuration and
// its state are global, so there is one for each process.
func tsa(keyFile, chainFile string) (http.Handler, error) {
	for key, value := range map[string]any{
		"timestamp-signer":       "file",
		"timestamp-signer-hash":  "sha256",
		"file-signer-key-path":   keyFile,
		"file-signer-passwd":     "",
		"certificate-chain-path": chainFile,
		"default-policy-oid":     "1.3.6.1.4.1.57264.2",
	} {
		viper.Set(key, value)
	}
	if _, err := api.NewAPI(); err != nil { // ConfigureAPI would panic
		return nil, fmt.Errorf("timestamp authority: %w", err)
	}
	api.ConfigureAPI()

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/timestamp", func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		params := timestamp.NewGetTimestampResponseParams()
		params.HTTPRequest, params.Request = r, r.Body
		w.Header().Set("Content-Type", "application/timestamp-reply")
		api.TimestampResponseHandler(params).WriteResponse(w, runtime.ProducerFunc(produce))
	})
	mux.HandleFunc("GET /api/v1/timestamp/certchain", func(w http.ResponseWriter, r *http.Request) {
		params := timestamp.NewGetTimestampCertChainParams()
		params.HTTPRequest = r
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		api.GetTimestampCertChainHandler(params).WriteResponse(w, runtime.ProducerFunc(produce))
	})
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "pong") })
	return mux, nil
}

// produce writes an answer: bytes as they are, errors as JSON.
func produce(w io.Writer, payload any) error {
	switch p := payload.(type) {
	case io.Reader:
		_, err := io.Copy(w, p)
		return err
	case string:
		_, err := io.WriteString(w, p)
		return err
	}
	return json.NewEncoder(w).Encode(payload)
}
