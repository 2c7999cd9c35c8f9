package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"

	"github.com/go-jose/go-jose/v4"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/fetch"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const (
	maxKeys    = 100 // keys of an identity provider
	minRSABits = 2048
)

// keys are the public keys of a provider, fetched once for one login. They
// implement the KeySet of go-oidc.
type keys []jose.JSONWebKey

// keys fetches the key set (RFC 7517).
func (p party) keys(ctx context.Context, e endpoints) (keys, error) {
	res, err := p.ask(ctx, e.Keys, fetch.Request{})
	if err != nil {
		return nil, err
	}
	return parseKeys(res.Body)
}

// parseKeys keeps the keys that can verify a signature. A set with a private or
// symmetric key is refused as a whole: anybody could sign with that.
func parseKeys(data []byte) (keys, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := strictjson.UnmarshalOpen(data, &set); err != nil {
		return nil, check.Refuse("OI-4", check.OIDCToken, "want a JSON web key set, got something else: %v", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, check.Refuse("LM-1", check.Limit, "want at most %d keys, got %d", maxKeys, len(set.Keys)).At("keys")
	}
	var list keys
	for _, raw := range set.Keys {
		var kind struct {
			Type    string          `json:"kty"`
			Private json.RawMessage `json:"d"`
		}
		if err := json.Unmarshal(raw, &kind); err != nil {
			return nil, check.Refuse("OI-4", check.OIDCToken, "want JSON web keys, got something else").At("keys")
		}
		if kind.Type == "oct" || kind.Private != nil {
			return nil, check.Refuse("OI-4", check.OIDCToken, "want public keys only, got a secret one of type %q",
				strictjson.Clip(kind.Type)).At("keys")
		}
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(raw); err != nil || !k.Valid() || k.Use == "enc" || isWeak(k) {
			continue // of a kind that is not known here, or not for signatures; the others may do
		}
		list = append(list, k)
	}
	return list, nil
}

func isWeak(k jose.JSONWebKey) bool {
	r, ok := k.Key.(*rsa.PublicKey)
	return ok && r.N.BitLen() < minRSABits
}

// VerifySignature returns the payload of a token that one of the keys signed.
// A token that names a key is tried with that only.
func (ks keys) VerifySignature(_ context.Context, token string) ([]byte, error) {
	var algs []jose.SignatureAlgorithm
	for _, a := range algorithms {
		algs = append(algs, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(token, algs)
	if err != nil {
		return nil, check.Refuse("OI-4", check.OIDCToken, "want a signed token, got something else")
	}
	header := jws.Signatures[0].Header
	tried := 0
	for _, k := range ks {
		if (header.KeyID != "" && k.KeyID != header.KeyID) || (k.Algorithm != "" && k.Algorithm != header.Algorithm) {
			continue
		}
		tried++
		if payload, err := jws.Verify(k); err == nil {
			return payload, nil
		}
	}
	if tried == 0 {
		return nil, check.Refuse("OI-4", check.OIDCToken, "want a key %q for %s among the %d of the provider, got none",
			strictjson.Clip(header.KeyID), header.Algorithm, len(ks))
	}
	return nil, check.Refuse("OI-4", check.OIDCToken, "want a signature by one of %d keys, got one that none of them made", tried)
}
