package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

const maxDetached = 64 << 10 // bytes of a detached certificate, in any encoding

// ParseLegacy reads the JSON that cosign wrote before there were bundles:
// {"base64Signature", "cert", "rekorBundle"}. The result counts as version 0.1:
// its entry, if any, has a signed entry timestamp and no proof. A signature that
// is a DSSE envelope becomes Envelope. Without "cert" the bundle is for a key of
// the verifier. Errors are *FormatError.
func ParseLegacy(data []byte) (*Bundle, error) {
	if len(data) > MaxSize {
		return nil, check.Refuse("LM-2", check.Limit, "is more than %d bytes", MaxSize)
	}
	var l legacy
	if err := strictjson.Read(data, l.read); err != nil {
		return nil, explain(err, data, "legacy")
	}
	b := &Bundle{Version: V01, Entries: l.entries}
	if err := b.setSignature(l.signature, "base64Signature"); err != nil {
		return nil, err
	}
	if err := b.setSigner(l.certificate, "cert"); err != nil {
		return nil, err
	}
	return b, nil
}

// Detached makes a bundle of a signature file and a certificate file, each in
// base64 or as they are (the certificate in PEM or DER). A nil certificate means
// a key of the verifier. The result counts as version 0.1 and has no log entry,
// so only a policy that demands none accepts it. Errors are *FormatError.
func Detached(signature, certificate []byte) (*Bundle, error) {
	if len(signature) > MaxSize || len(certificate) > maxDetached {
		return nil, check.Refuse("LM-4", check.Limit, "signature or certificate is more than %d or %d bytes", MaxSize, maxDetached)
	}
	b := &Bundle{Version: V01}
	if err := b.setSignature(unwrap(signature), "signature"); err != nil {
		return nil, err
	}
	if certificate != nil && len(bytes.TrimSpace(certificate)) == 0 {
		return nil, check.Refuse("BP-7", check.Parse, "is empty, want PEM or DER").At("certificate")
	}
	if err := b.setSigner(unwrap(certificate), "certificate"); err != nil {
		return nil, err
	}
	return b, nil
}

// unwrap undoes base64 on one line, if that is what data is.
func unwrap(data []byte) []byte {
	text := bytes.TrimSpace(data)
	if bytes.ContainsAny(text, "\r\n") {
		return data
	}
	out, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return data
	}
	return out
}

// setSignature takes a bare signature or a DSSE envelope, which is text: bytes of a
// signature may begin like one.
func (b *Bundle) setSignature(sig []byte, field string) error {
	if len(sig) == 0 {
		return check.Refuse("BP-9", check.Content, "is missing, want a signature").At(field)
	}
	if sig[0] != '{' || !utf8.Valid(sig) {
		b.Message = &Message{Signature: sig}
		return nil
	}
	err := strictjson.Read(sig, func(d *jsontext.Decoder) (err error) {
		b.Envelope, err = readEnvelope(d)
		return err
	})
	if err != nil {
		return err
	}
	return b.Envelope.wellFormed(field)
}

const pemStart = "-----BEGIN "

// setSigner takes a certificate in PEM or DER. What is no certificate is refused
// and never tried as a key (GHSA-fx35-mq7g-6g98).
func (b *Bundle) setSigner(certificate []byte, field string) error {
	if len(certificate) == 0 {
		b.PublicKey = &PublicKey{}
		return nil
	}
	der := certificate
	if text := bytes.TrimSpace(certificate); bytes.HasPrefix(text, []byte(pemStart)) {
		block, rest := pem.Decode(text)
		if block == nil || len(block.Headers) > 0 || len(rest) > 0 || bytes.Count(text, []byte(pemStart)) > 1 {
			return check.Refuse("BP-7", check.Parse, "is not one PEM block without headers and nothing else").At(field)
		}
		if block.Type != "CERTIFICATE" {
			return check.Refuse("BP-7", check.Parse, "is PEM of type %q, want %q", clip(block.Type), "CERTIFICATE").At(field)
		}
		der = block.Bytes
	}
	if len(der) > MaxCert {
		return check.Refuse("LM-4", check.Limit, "is %d bytes, want at most %d", len(der), MaxCert).At(field)
	}
	if _, _, ok := names(der); !ok {
		return check.Refuse("BP-7", check.Parse, "is not an X.509 certificate in PEM or DER").At(field)
	}
	b.Certificate = der
	return nil
}

// legacy is cosign's older format while it is read.
type legacy struct {
	signature, certificate []byte
	entries                []Entry
}

func (l *legacy) read(d *jsontext.Decoder) error {
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "base64Signature":
			l.signature, err = strictjson.Binary(d, MaxSize)
		case "cert":
			l.certificate, err = strictjson.Binary(d, maxDetached)
		case "rekorBundle":
			l.entries, err = readLegacyEntry(d)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if err != nil {
		return err
	}
	if !present {
		return check.Refuse("BP-2", check.Parse, "is null, want an object")
	}
	return nil
}

func readLegacyEntry(d *jsontext.Decoder) ([]Entry, error) {
	e := Entry{LogIndex: -1}
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "SignedEntryTimestamp":
			e.Promise, err = strictjson.Binary(d, MaxBody)
		case "Payload":
			err = e.readLegacyPayload(d)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if err != nil || !present {
		return nil, err
	}
	if len(e.Promise) == 0 {
		return nil, check.Refuse("BP-5", check.Content, "is missing, want a signed entry timestamp").At("rekorBundle.SignedEntryTimestamp")
	}
	if e.LogIndex < 0 || len(e.LogID) == 0 || len(e.Body) == 0 {
		return nil, check.Refuse("BP-5", check.Content, "lacks body, logIndex or logID").At("rekorBundle.Payload")
	}
	return []Entry{e}, e.readLegacyKind()
}

func (e *Entry) readLegacyPayload(d *jsontext.Decoder) error {
	_, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "body":
			e.Body, err = strictjson.Binary(d, MaxBody)
		case "integratedTime":
			e.IntegratedTime, err = readNumber(d, check.Time)
		case "logIndex":
			e.LogIndex, err = readNumber(d, check.Parse)
		case "logID":
			e.LogID, err = readHexID(d)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	return err
}

// readNumber reads a JSON number that is not negative; negative is refused as c.
func readNumber(d *jsontext.Decoder, c check.Check) (int64, error) {
	n, err := strictjson.Number(d)
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, check.Refuse("LM-5", c, "is %d, want 0 or more", n).At(strictjson.Where(d))
	}
	return n, nil
}

func readHexID(d *jsontext.Decoder) ([]byte, error) {
	s, err := strictjson.Text(d, maxText)
	if err != nil {
		return nil, err
	}
	id, err := hex.DecodeString(s)
	if err != nil || len(id) != sha256.Size || hex.EncodeToString(id) != s {
		return nil, check.Refuse("R1-1", check.Parse, "is %q, want %d bytes in lower-case hex", clip(s), sha256.Size).At(strictjson.Where(d))
	}
	return id, nil
}

// readLegacyKind takes kind and version from the body, since this format says
// them nowhere else.
func (e *Entry) readLegacyKind() error {
	var body struct {
		Kind    string `json:"kind"`
		Version string `json:"apiVersion"`
	}
	if err := strictjson.UnmarshalOpen(e.Body, &body); err != nil {
		return err
	}
	if len(body.Kind) > maxText || len(body.Version) > maxText {
		return check.Refuse("LM-4", check.Limit, "has a kind or version of more than %d bytes", maxText).At("rekorBundle.Payload.body")
	}
	e.Kind, e.Version = body.Kind, body.Version
	return e.bodyFits("rekorBundle.Payload.body")
}
