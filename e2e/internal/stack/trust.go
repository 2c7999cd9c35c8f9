package stack

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"time"

	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	prototrust "github.com/sigstore/protobuf-specs/gen/pb-go/trustroot/v1"
	"github.com/sigstore/rekor-tiles/v2/pkg/note"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/hallmarksign/hallmark/e2e/internal/wire"
)

const (
	operator      = "sandbox.hallmark"
	otherOperator = "other.sandbox.hallmark"
)

// An anchor set is what verifiers must trust.
type anchors struct {
	fulcio, tsa  *authority
	rekor, ctlog crypto.PublicKey
	rekor1       []rekor1Log
	since        time.Time
}

// trustedRoot is trusted_root.json.
func trustedRoot(a anchors, urls map[wire.Service]string) ([]byte, error) {
	rekorSPKI, err := x509.MarshalPKIXPublicKey(a.rekor)
	if err != nil {
		return nil, err
	}
	_, rekorID, err := note.KeyHash(rekorOrigin, a.rekor)
	if err != nil {
		return nil, err
	}
	ctSPKI, err := x509.MarshalPKIXPublicKey(a.ctlog)
	if err != nil {
		return nil, err
	}
	ctID := sha256.Sum256(ctSPKI) // RFC 6962 section 3.2
	ct := logInstance(ctOrigin, ctSPKI, ctID[:], protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, a.since)
	ct.BaseUrl = urls[wire.CTLog] // its name is no address, and no signature covers it
	root := &prototrust.TrustedRoot{
		MediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		Tlogs: []*prototrust.TransparencyLogInstance{
			logInstance(rekorOrigin, rekorSPKI, rekorID, protocommon.PublicKeyDetails_PKIX_ED25519, a.since),
		},
		Ctlogs:                 []*prototrust.TransparencyLogInstance{ct},
		CertificateAuthorities: []*prototrust.CertificateAuthority{certAuthority(a.fulcio, urls[wire.Fulcio], a.since)},
		TimestampAuthorities:   []*prototrust.CertificateAuthority{certAuthority(a.tsa, urls[wire.TSA], a.since)},
	}
	for _, l := range a.rekor1 {
		spki, err := x509.MarshalPKIXPublicKey(l.key)
		if err != nil {
			return nil, err
		}
		id := sha256.Sum256(spki)
		instance := logInstance(logName(l.url), spki, id[:], protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256, a.since)
		instance.Operator = l.operator
		root.Tlogs = append(root.Tlogs, instance)
	}
	return protojson.MarshalOptions{Multiline: true}.Marshal(root)
}

func logInstance(origin string, spki, id []byte, details protocommon.PublicKeyDetails, since time.Time) *prototrust.TransparencyLogInstance {
	return &prototrust.TransparencyLogInstance{
		BaseUrl:       "http://" + origin,
		HashAlgorithm: protocommon.HashAlgorithm_SHA2_256,
		PublicKey:     &protocommon.PublicKey{RawBytes: spki, KeyDetails: details, ValidFor: from(since)},
		LogId:         &protocommon.LogId{KeyId: id},
		Operator:      operator,
	}
}

func certAuthority(a *authority, uri string, since time.Time) *prototrust.CertificateAuthority {
	chain := &protocommon.X509CertificateChain{}
	for _, c := range a.chain {
		chain.Certificates = append(chain.Certificates, &protocommon.X509Certificate{RawBytes: c.Raw})
	}
	subject := a.chain[len(a.chain)-1].Subject
	return &prototrust.CertificateAuthority{
		Subject:   &protocommon.DistinguishedName{Organization: subject.Organization[0], CommonName: subject.CommonName},
		Uri:       uri,
		CertChain: chain,
		ValidFor:  from(since),
		Operator:  operator,
	}
}

// signingConfig is signing_config.v0.2.json with these logs. Of several
// generations clients take the newest.
func signingConfig(urls map[wire.Service]string, logs []*prototrust.Service, since time.Time) ([]byte, error) {
	service := func(url string, version uint32) []*prototrust.Service {
		return []*prototrust.Service{entrance(url, version, operator, since)}
	}
	any := &prototrust.ServiceConfiguration{Selector: prototrust.ServiceSelector_ANY}
	return protojson.MarshalOptions{Multiline: true}.Marshal(&prototrust.SigningConfig{
		MediaType:       "application/vnd.dev.sigstore.signingconfig.v0.2+json",
		CaUrls:          service(urls[wire.Fulcio], 1),
		OidcUrls:        service(urls[wire.OIDC], 1),
		RekorTlogUrls:   logs,
		RekorTlogConfig: any,
		TsaUrls:         service(urls[wire.TSA]+"/api/v1/timestamp", 1),
		TsaConfig:       any,
	})
}

func entrance(url string, version uint32, operator string, since time.Time) *prototrust.Service {
	return &prototrust.Service{Url: url, MajorApiVersion: version, ValidFor: from(since), Operator: operator}
}

func from(t time.Time) *protocommon.TimeRange {
	return &protocommon.TimeRange{Start: timestamppb.New(t)}
}
