package sigtest

import (
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net/http"
)

// Stamper returns the timestamp authority, started. Its URL is complete: it is
// where requests go (SC-9).
func (w *World) Stamper() *Service {
	return w.servers.once(&w.servers.stamper, func() *Service {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /{$}", w.stamp)
		return w.start("/tsa/api/v1/timestamp", slashed(mux))
	})
}

// slashed gives requests to the base URL itself a path.
func slashed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "" {
			r.URL.Path = "/"
		}
		h.ServeHTTP(w, r)
	})
}

// A stampRequest is a TimeStampReq (RFC 3161 section 2.4.1).
type stampRequest struct {
	Version int
	Imprint struct {
		Algorithm struct {
			OID        asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Hash []byte
	}
	Policy  asn1.ObjectIdentifier `asn1:"optional"`
	Nonce   *big.Int              `asn1:"optional"`
	CertReq bool                  `asn1:"optional,default:false"`
}

func (w *World) stamp(rw http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(rw, "unsupported media type", http.StatusUnsupportedMediaType)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := w.answer(raw)
	if err != nil {
		http.Error(rw, "Error parsing timestamp request: "+err.Error(), http.StatusBadRequest)
		return
	}
	rw.Header().Set("Content-Type", "application/timestamp-reply")
	rw.WriteHeader(http.StatusCreated)
	rw.Write(response)
}

// answer timestamps what a request asks for.
func (w *World) answer(raw []byte) ([]byte, error) {
	var in stampRequest
	rest, err := asn1.Unmarshal(raw, &in)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 || in.Version != 1 || len(in.Imprint.Hash) == 0 {
		return nil, errors.New("not a request of version 1")
	}
	t := w.TSA.Token(nil, w.Clock.Now())
	t.Info.ImprintAlg, t.Info.Imprint, t.Info.Nonce = in.Imprint.Algorithm.OID, in.Imprint.Hash, in.Nonce
	if !in.CertReq {
		t.Certs = nil
	}
	return t.With(w.TSA.Edits...).DER()
}
