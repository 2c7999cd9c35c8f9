package sigtest

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Fulcio returns the certificate authority with its REST API v2, started. It
// takes tokens of the world's issuer.
func (w *World) Fulcio() *Service {
	return w.servers.once(&w.servers.fulcio, func() *Service {
		mux := http.NewServeMux()
		mux.HandleFunc("POST /api/v2/signingCert", w.signingCert)
		mux.HandleFunc("GET /api/v2/trustBundle", w.trustBundle)
		return w.start("/ca", mux)
	})
}

// signingCert is CreateSigningCertificate.
func (w *World) signingCert(rw http.ResponseWriter, r *http.Request) {
	var in struct {
		Credentials struct {
			Token string `json:"oidcIdentityToken"`
		} `json:"credentials"`
		CSR []byte `json:"certificateSigningRequest"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(rw, http.StatusBadRequest, 3, err.Error())
		return
	}
	who, err := w.identify(in.Credentials.Token)
	if err != nil {
		refuse(rw, http.StatusBadRequest, 3, "There was an error processing the identity token: "+err.Error())
		return
	}
	key, err := proven(in.CSR)
	if err != nil {
		refuse(rw, http.StatusBadRequest, 3, "The certificate signing request is invalid: "+err.Error())
		return
	}
	leaf := w.Leaf(w.CA, who, key, w.Clock.Now(), []*CT{w.CT}, w.CAEdits)
	chain := []string{pemCert(leaf)}
	for _, c := range w.CA.Chain() {
		chain = append(chain, pemCert(c.Raw))
	}
	writeJSON(rw, http.StatusOK, object("signedCertificateEmbeddedSct", object("chain", object("certificates", chain))))
}

// trustBundle is GetTrustBundle.
func (w *World) trustBundle(rw http.ResponseWriter, _ *http.Request) {
	var chain []string
	for _, c := range w.CA.Chain() {
		chain = append(chain, pemCert(c.Raw))
	}
	writeJSON(rw, http.StatusOK, object("chains", []any{object("certificates", chain)}))
}

func pemCert(raw []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}))
}

// identify checks a token and says whom a certificate is for.
func (w *World) identify(token string) (Identity, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return Identity{}, err
	}
	payload, err := signed.Verify(&RSA().PublicKey)
	if err != nil {
		return Identity{}, err
	}
	var claims struct {
		Iss, Aud, Sub, Email string
		EmailVerified        bool `json:"email_verified"`
		Exp, Nbf             int64
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return Identity{}, err
	}
	now := w.Clock.Now().Unix()
	switch {
	case claims.Iss != w.Issuer().URL:
		return Identity{}, errors.New("unknown issuer")
	case claims.Aud != w.Audience:
		return Identity{}, errors.New("other audience")
	case now >= claims.Exp || now < claims.Nbf:
		return Identity{}, errors.New("not valid now")
	case claims.Email != "" && !claims.EmailVerified:
		return Identity{}, errors.New("email_verified claim was false")
	case claims.Email != "":
		return Identity{Subject: claims.Email, Kind: "email", Issuer: claims.Iss}, nil
	case strings.Contains(claims.Sub, "://"):
		return Identity{Subject: claims.Sub, Kind: "uri", Issuer: claims.Iss}, nil
	}
	return Identity{Subject: claims.Sub + "!" + w.Host, Kind: "username", Issuer: claims.Iss}, nil
}

// proven returns the key of a certificate request that is signed with it.
func proven(text []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("not in PEM")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return csr.PublicKey, csr.CheckSignature()
}
