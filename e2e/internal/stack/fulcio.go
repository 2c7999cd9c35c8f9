package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	ctclient "github.com/google/certificate-transparency-go/client"
	"github.com/google/certificate-transparency-go/jsonclient"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/sigstore/fulcio/pkg/ca"
	"github.com/sigstore/fulcio/pkg/ca/baseca"
	"github.com/sigstore/fulcio/pkg/config"
	"github.com/sigstore/fulcio/pkg/generated/protobuf"
	"github.com/sigstore/fulcio/pkg/generated/protobuf/legacy"
	"github.com/sigstore/fulcio/pkg/server"
	"github.com/sigstore/sigstore/pkg/signature"
)

// audience is the client id that tokens for Fulcio are made for.
const audience = "sigstore"

// fulcio is the real certificate authority with both of its HTTP interfaces,
// without the gRPC port and the socket its own command opens. The issuers
// must answer already: their discovery documents are read here.
func fulcio(ctx context.Context, with *authority, ctlog string, issuers map[string]string) (http.Handler, error) {
	cfg, err := fulcioConfig(issuers)
	if err != nil {
		return nil, err
	}
	algorithms, err := signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{
		protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P384_SHA_384,
		protocommon.PublicKeyDetails_PKIX_ECDSA_P521_SHA_512,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_2048_SHA256,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_3072_SHA256,
		protocommon.PublicKeyDetails_PKIX_RSA_PKCS1V15_4096_SHA256,
		protocommon.PublicKeyDetails_PKIX_ED25519,
	})
	if err != nil {
		return nil, err
	}
	ctc, err := ctclient.New(ctlog, &http.Client{Timeout: 20 * time.Second, Transport: asHost(ctOrigin)}, jsonclient.Options{Logger: silent{}})
	if err != nil {
		return nil, err
	}
	issuer := &baseca.BaseCA{SignerWithChain: &ca.SignerCerts{Signer: with.key, Certs: with.chain}}
	v2 := server.NewGRPCCAServer(ctc, issuer, algorithms, server.NewIssuerPool(cfg))

	mux := runtime.NewServeMux(runtime.WithMetadata(bearer), runtime.WithForwardResponseOption(status))
	if err := protobuf.RegisterCAHandlerServer(ctx, mux, v2); err != nil {
		return nil, err
	}
	if err := legacy.RegisterCAHandlerServer(ctx, mux, server.NewLegacyGRPCCAServer(v2)); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(config.With(r.Context(), cfg)))
	}), nil
}

func fulcioConfig(issuers map[string]string) (*config.FulcioConfig, error) {
	list := map[string]config.OIDCIssuer{}
	for url, kind := range issuers {
		list[url] = config.OIDCIssuer{IssuerURL: url, ClientID: audience, Type: config.IssuerType(kind)}
	}
	data, err := json.Marshal(config.FulcioConfig{OIDCIssuers: list})
	if err != nil {
		return nil, err
	}
	cfg, err := config.Read(data)
	if err != nil {
		return nil, fmt.Errorf("fulcio configuration: %w", err)
	}
	return cfg, nil
}

func bearer(_ context.Context, r *http.Request) metadata.MD {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return metadata.Pairs(server.MetadataOIDCTokenKey, token)
}

// status carries the status code and the detached SCT that the version 1
// interface hides in gRPC headers over to HTTP.
func status(ctx context.Context, w http.ResponseWriter, _ proto.Message) error {
	md, ok := runtime.ServerMetadataFromContext(ctx)
	if !ok {
		return nil
	}
	for header := range w.Header() {
		if strings.HasPrefix(header, "Grpc-") {
			w.Header().Del(header)
		}
	}
	if sct := md.HeaderMD.Get(server.SCTMetadataKey); len(sct) > 0 {
		w.Header().Set("SCT", sct[0])
	}
	if code := md.HeaderMD.Get(server.HTTPResponseCodeMetadataKey); len(code) > 0 {
		n, err := strconv.Atoi(code[0])
		if err != nil {
			return err
		}
		w.WriteHeader(n)
	}
	return nil
}

// asHost is a transport that asks under another host name: the CT log knows
// itself by its origin only.
type asHost string

func (h asHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = string(h)
	return http.DefaultTransport.RoundTrip(r)
}

type silent struct{}

func (silent) Printf(string, ...any) {}
