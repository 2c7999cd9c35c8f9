package sigtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/hallmarksign/hallmark/internal/entry"
)

// Rekor returns the log of a generation, started.
func (w *World) Rekor(generation int) *Service {
	if generation == 1 {
		return w.servers.once(&w.servers.rekor1, func() *Service { return w.start("/log1", rekor1(w.Log1)) })
	}
	return w.servers.once(&w.servers.rekor2, func() *Service { return w.start("/log2", rekor2(w.Log2)) })
}

// rekor2 is the API of rekor-tiles: entries, checkpoint and tiles.
func rekor2(l *Log) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/log/entries", l.createEntry)
	mux.HandleFunc("GET /api/v2/checkpoint", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(l.Checkpoint()))
	})
	mux.HandleFunc("GET /api/v2/tile/{path...}", l.serveTile)
	return mux
}

// createEntry is CreateEntry of hashedRekordRequestV002.
func (l *Log) createEntry(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Request *struct {
			Digest    []byte `json:"digest"`
			Signature struct {
				Content  []byte `json:"content"`
				Verifier struct {
					X509Certificate *rawBytes `json:"x509Certificate"`
					PublicKey       *rawBytes `json:"publicKey"`
					KeyDetails      string    `json:"keyDetails"`
				} `json:"verifier"`
			} `json:"signature"`
		} `json:"hashedRekordRequestV002"`
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || in.Request == nil {
		refuse(w, http.StatusBadRequest, 3, "invalid type, must be hashedrekord")
		return
	}
	s := in.Request.Signature
	b := &entry.Body{
		Kind: "hashedrekord", Version: "0.0.2", Digest: in.Request.Digest, Signature: s.Content,
		Certificate: s.Verifier.X509Certificate.bytes(), PublicKey: s.Verifier.PublicKey.bytes(), KeyDetails: s.Verifier.KeyDetails,
	}
	if err := accept(b); err != nil {
		refuse(w, http.StatusBadRequest, 3, "invalid hashedrekord request")
		return
	}
	body, err := WriteBody(b)
	if err != nil {
		refuse(w, http.StatusBadRequest, 3, "invalid hashedrekord request")
		return
	}
	if at := l.find(LeafHash(body)); at >= 0 {
		refuse(w, http.StatusConflict, 6, fmt.Sprintf("an equivalent entry already exists in the transparency log with index %d", at))
		return
	}
	writeJSON(w, http.StatusCreated, entryDocument(l.Add(b.Kind, b.Version, body, l.Edits)))
}

type rawBytes struct {
	RawBytes []byte `json:"rawBytes"`
}

func (r *rawBytes) bytes() []byte {
	if r == nil {
		return nil
	}
	return r.RawBytes
}

// accept finds the hash of a request and verifies its signature, as the log does.
func accept(b *entry.Body) error {
	key, err := keyOf(b)
	if err != nil {
		return err
	}
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if name, err := entry.KeyDetailsOf(key, h); err == nil && name == b.KeyDetails {
			b.Hash = h
			return verify(key, h, b.Digest, b.Signature)
		}
	}
	return errors.New("key details are not of this key")
}

// keyOf returns the key of an entry.
func keyOf(b *entry.Body) (crypto.PublicKey, error) {
	if b.Certificate == nil {
		return x509.ParsePKIXPublicKey(b.PublicKey)
	}
	cert, err := x509.ParseCertificate(b.Certificate)
	if err != nil {
		return nil, err
	}
	return cert.PublicKey, nil
}

func verify(key crypto.PublicKey, h crypto.Hash, digest, signature []byte) error {
	ok := false
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, digest, signature)
	case *rsa.PublicKey:
		ok = rsa.VerifyPKCS1v15(k, h, digest, signature) == nil
	case ed25519.PublicKey:
		ok = ed25519.VerifyWithOptions(k, digest, signature, &ed25519.Options{Hash: h}) == nil
	}
	if !ok {
		return errors.New("signature does not verify")
	}
	return nil
}
