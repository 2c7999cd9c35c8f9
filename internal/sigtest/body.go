package sigtest

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/hallmarksign/hallmark/internal/entry"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// WriteBody returns the canonical body of an entry, of every kind that is read.
func WriteBody(b *entry.Body) ([]byte, error) {
	var spec map[string]any
	switch b.Kind + " " + b.Version {
	case "hashedrekord 0.0.2":
		return entry.HashedRekord2(b)
	case "hashedrekord 0.0.1":
		spec = object("data", object("hash", hashObject(b.Hash, b.Digest)),
			"signature", object("content", b.Signature, "publicKey", object("content", verifierPEM(b))))
	case "dsse 0.0.1":
		spec = object("envelopeHash", hashObject(crypto.SHA256, sum256(b.Digest)), "payloadHash", hashObject(b.Hash, b.Digest),
			"signatures", []any{object("signature", b.Signature, "verifier", verifierPEM(b))})
	case "intoto 0.0.2":
		twice := []byte(base64.StdEncoding.EncodeToString(b.Signature))
		spec = object("content", object(
			"envelope", object("payloadType", "application/vnd.in-toto+json",
				"signatures", []any{object("sig", twice, "publicKey", verifierPEM(b))}),
			"hash", hashObject(crypto.SHA256, sum256(b.Digest)), "payloadHash", hashObject(b.Hash, b.Digest)))
	default:
		return nil, fmt.Errorf("sigtest writes no %s %s", b.Kind, b.Version)
	}
	out, err := json.Marshal(object("apiVersion", b.Version, "kind", b.Kind, "spec", spec))
	if err != nil {
		return nil, err
	}
	return strictjson.Canonical(out)
}

// object makes a JSON object of names and values.
func object(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

func hashObject(h crypto.Hash, value []byte) map[string]any {
	name := map[crypto.Hash]string{crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}[h]
	return object("algorithm", name, "value", hex.EncodeToString(value))
}

func verifierPEM(b *entry.Body) []byte {
	if b.Certificate != nil {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Certificate})
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b.PublicKey})
}
