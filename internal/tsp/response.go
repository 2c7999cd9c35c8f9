package tsp

import (
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Parse reads a TimeStampResp in DER (TS-1..TS-3, TS-7). Errors are
// *check.Error of check tsa, alg or limit. Embedded certificates are counted
// here and parsed only when Verify needs one.
func Parse(der []byte) (*Token, error) {
	if len(der) > MaxSize {
		return nil, check.Refuse("LM-4", check.Limit, "timestamp response has %d bytes, want at most %d", len(der), MaxSize)
	}
	if !strict(der, maxDepth) {
		return nil, check.Refuse("TS-1", check.TSA, "timestamp response is not DER")
	}
	input := cryptobyte.String(der)
	var resp, status cryptobyte.String
	if !input.ReadASN1(&resp, asn1.SEQUENCE) || !input.Empty() {
		return nil, check.Refuse("TS-1", check.TSA, "timestamp response is not exactly one SEQUENCE")
	}
	if !resp.ReadASN1(&status, asn1.SEQUENCE) {
		return nil, check.Refuse("TS-1", check.TSA, "timestamp response has no status")
	}
	if err := checkStatus(status); err != nil {
		return nil, err
	}
	if resp.Empty() {
		return nil, check.Refuse("TS-1", check.TSA, "timestamp was granted, but the response has no token")
	}
	signed, err := readContentInfo(resp)
	if err != nil {
		return nil, err
	}
	t := new(Token)
	if err := t.readSignedData(signed); err != nil {
		return nil, err
	}
	if err := t.readTSTInfo(t.content); err != nil {
		return nil, err
	}
	return t, nil
}

// checkStatus reads a PKIStatusInfo (RFC 3161 section 2.4.2). Status 1 is
// "granted with modifications"; every other value refuses, whatever follows.
func checkStatus(s cryptobyte.String) error {
	status := new(big.Int)
	if !s.ReadASN1Integer(status) {
		return check.Refuse("TS-1", check.TSA, "timestamp status is not a number")
	}
	if status.Sign() < 0 || status.BitLen() > 1 {
		return check.Refuse("TS-1", check.TSA, "timestamp status is %.20s%s, want 0 or 1", status, statusText(s))
	}
	if !s.SkipOptionalASN1(asn1.SEQUENCE) {
		return check.Refuse("TS-1", check.TSA, "timestamp status text is malformed")
	}
	if !s.Empty() {
		return check.Refuse("TS-1", check.TSA, "timestamp was granted, but its status has failure information or trailing data")
	}
	return nil
}

// statusText returns the first text of a PKIStatusInfo for an error message.
func statusText(s cryptobyte.String) string {
	var texts, text cryptobyte.String
	if !s.ReadASN1(&texts, asn1.SEQUENCE) || !texts.ReadASN1(&text, asn1.UTF8String) {
		return ""
	}
	return " (" + quote(text) + ")"
}

// readContentInfo reads the token (RFC 5652 section 3) and returns the content
// of its SignedData.
func readContentInfo(s cryptobyte.String) (cryptobyte.String, error) {
	var info, oid, explicit, signed cryptobyte.String
	if !s.ReadASN1(&info, asn1.SEQUENCE) || !s.Empty() {
		return nil, check.Refuse("TS-1", check.TSA, "timestamp response does not end with one token")
	}
	if !info.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || string(oid) != oidSignedData {
		return nil, check.Refuse("TS-2", check.TSA, "token has content type %s, want signed data", nameOID(oid))
	}
	if !info.ReadASN1(&explicit, contextTag(0)) || !info.Empty() ||
		!explicit.ReadASN1(&signed, asn1.SEQUENCE) || !explicit.Empty() {
		return nil, check.Refuse("TS-1", check.TSA, "token is not exactly one SignedData")
	}
	return signed, nil
}
