package tsp

import (
	"bytes"
	"crypto/x509"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmarksign/hallmark/internal/check"
)

// maxAccuracySeconds keeps an accuracy far from overflowing a time.Duration.
const maxAccuracySeconds = 1<<31 - 1

// readTSTInfo reads a TSTInfo (RFC 3161 section 2.4.2, TS-3, TS-7).
func (t *Token) readTSTInfo(der cryptobyte.String) error {
	var s, policy, serial, genTime cryptobyte.String
	if !der.ReadASN1(&s, asn1.SEQUENCE) || !der.Empty() {
		return check.Refuse("TS-7", check.TSA, "TSTInfo is not exactly one SEQUENCE")
	}
	var version int
	if !s.ReadASN1Integer(&version) || version != 1 {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has version %d, want 1", version)
	}
	if !s.ReadASN1(&policy, asn1.OBJECT_IDENTIFIER) {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has no policy")
	}
	if err := t.readImprint(&s); err != nil {
		return err
	}
	if !s.ReadASN1(&serial, asn1.INTEGER) {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has no serial number")
	}
	// A negative one is found in accepted conformance bundles; nobody uses it.
	if len(serial) > 21 || len(serial) == 21 && serial[0] != 0 {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has serial number %s, want at most 160 bits", hexShort(serial))
	}
	if !s.ReadASN1(&genTime, asn1.GeneralizedTime) {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has no time")
	}
	var ok bool
	if t.Time, ok = parseTime(genTime); !ok {
		return check.Refuse("TS-7", check.TSA, "time in TSTInfo is %s, want YYYYMMDDhhmmss[.f]Z", quote(genTime))
	}
	if err := t.readAccuracy(&s); err != nil {
		return err
	}
	return t.readOptional(s)
}

// readImprint reads the MessageImprint.
func (t *Token) readImprint(s *cryptobyte.String) error {
	var imprint, hashed cryptobyte.String
	if !s.ReadASN1(&imprint, asn1.SEQUENCE) {
		return check.Refuse("TS-3", check.TSA, "TSTInfo has no message imprint")
	}
	oid, _, ok := readAlg(&imprint)
	if t.Hash = hashOf(oid); !ok || t.Hash == 0 {
		return check.Refuse("TS-3", check.TSA, "message imprint is made with %s, want SHA-256, SHA-384 or SHA-512", nameOID(oid))
	}
	if !imprint.ReadASN1(&hashed, asn1.OCTET_STRING) || !imprint.Empty() || len(hashed) != t.Hash.Size() {
		return check.Refuse("TS-3", check.TSA, "message imprint has %d bytes, want the %d of %v", len(hashed), t.Hash.Size(), t.Hash)
	}
	t.Hashed = hashed
	return nil
}

// readAccuracy reads the optional Accuracy. Its parts are 1 to 999; zero is
// written by leaving a part out.
func (t *Token) readAccuracy(s *cryptobyte.String) error {
	if !s.PeekASN1Tag(asn1.SEQUENCE) {
		return nil
	}
	var a cryptobyte.String
	var sec, milli, micro int64
	milliTag, microTag := asn1.Tag(0).ContextSpecific(), asn1.Tag(1).ContextSpecific()
	if !s.ReadASN1(&a, asn1.SEQUENCE) || a.PeekASN1Tag(asn1.INTEGER) && !a.ReadASN1Integer(&sec) {
		return check.Refuse("TS-7", check.TSA, "accuracy in TSTInfo is malformed")
	}
	if sec < 0 || sec > maxAccuracySeconds {
		return check.Refuse("TS-7", check.TSA, "accuracy in TSTInfo is %d seconds, want 0 to %d", sec, maxAccuracySeconds)
	}
	if a.PeekASN1Tag(milliTag) && (!a.ReadASN1Int64WithTag(&milli, milliTag) || milli < 1 || milli > 999) {
		return check.Refuse("TS-7", check.TSA, "accuracy in TSTInfo has %d milliseconds, want 1 to 999", milli)
	}
	if a.PeekASN1Tag(microTag) && (!a.ReadASN1Int64WithTag(&micro, microTag) || micro < 1 || micro > 999) {
		return check.Refuse("TS-7", check.TSA, "accuracy in TSTInfo has %d microseconds, want 1 to 999", micro)
	}
	if !a.Empty() {
		return check.Refuse("TS-7", check.TSA, "accuracy in TSTInfo has trailing data")
	}
	t.Accuracy = time.Duration(sec)*time.Second + time.Duration(milli)*time.Millisecond + time.Duration(micro)*time.Microsecond
	return nil
}

// readOptional reads what may follow the accuracy: ordering, nonce, tsa and
// extensions.
func (t *Token) readOptional(s cryptobyte.String) error {
	var ordering, name, extensions cryptobyte.String
	var named, extended bool
	if s.PeekASN1Tag(asn1.BOOLEAN) && s.ReadASN1(&ordering, asn1.BOOLEAN) && ordering[0] == 0 {
		return check.Refuse("TS-1", check.TSA, "TSTInfo spells out the default of ordering, which is not DER")
	}
	if s.PeekASN1Tag(asn1.INTEGER) {
		t.Nonce = new(big.Int)
		if !s.ReadASN1Integer(t.Nonce) {
			return check.Refuse("TS-7", check.TSA, "nonce in TSTInfo is malformed")
		}
	}
	if !s.ReadOptionalASN1(&name, &named, contextTag(0)) || !s.ReadOptionalASN1(&extensions, &extended, contextTag(1)) || !s.Empty() {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has trailing data")
	}
	if named && count(name) != 1 {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has %d names of the authority, want one", count(name))
	}
	if named {
		t.tsaName = name
	}
	for !extensions.Empty() {
		if err := checkExtension(&extensions); err != nil {
			return err
		}
	}
	return nil
}

// checkExtension reads one extension. None is known, so none may be critical.
func checkExtension(s *cryptobyte.String) error {
	var extension, oid, value, critical cryptobyte.String
	var present bool
	if !s.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!extension.ReadOptionalASN1(&critical, &present, asn1.BOOLEAN) ||
		!extension.ReadASN1(&value, asn1.OCTET_STRING) || !extension.Empty() {
		return check.Refuse("TS-7", check.TSA, "extension in TSTInfo is malformed")
	}
	if present {
		return check.Refuse("TS-7", check.TSA, "TSTInfo has the unknown critical extension %s", nameOID(oid))
	}
	return nil
}

// parseTime reads a GeneralizedTime as RFC 3161 section 2.4.2 wants it: in UTC,
// with seconds, a fraction without trailing zeros. Nine digits are the most
// that can be kept.
func parseTime(b []byte) (time.Time, bool) {
	const whole = "20060102150405"
	if len(b) < len(whole)+1 || b[len(b)-1] != 'Z' {
		return time.Time{}, false
	}
	head, tail := b[:len(whole)], b[len(whole):len(b)-1]
	for _, c := range head {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
	}
	t, err := time.Parse(whole, string(head))
	if err != nil || t.Year() == 0 {
		return time.Time{}, false
	}
	if len(tail) == 0 {
		return t, true
	}
	if tail[0] != '.' || len(tail) < 2 || len(tail) > 10 || tail[len(tail)-1] == '0' {
		return time.Time{}, false
	}
	nanos, unit := 0, 1_000_000_000
	for _, c := range tail[1:] {
		if c < '0' || c > '9' {
			return time.Time{}, false
		}
		unit /= 10
		nanos += int(c-'0') * unit
	}
	return t.Add(time.Duration(nanos)), true
}

// checkName checks that the name of the authority, if the token has one, is
// one of the signer's names (RFC 3161 section 2.4.2): its subject or a subject
// alternative name, as encoded.
func (t *Token) checkName(c *x509.Certificate) error {
	if t.tsaName == nil {
		return nil
	}
	name := cryptobyte.String(t.tsaName)
	var directory cryptobyte.String
	if name.ReadASN1(&directory, contextTag(4)) && bytes.Equal(directory, c.RawSubject) {
		return nil
	}
	for _, e := range c.Extensions {
		if !e.Id.Equal([]int{2, 5, 29, 17}) {
			continue
		}
		var names, one cryptobyte.String
		var tag asn1.Tag
		value := cryptobyte.String(e.Value)
		if !value.ReadASN1(&names, asn1.SEQUENCE) {
			break
		}
		for names.ReadAnyASN1Element(&one, &tag) {
			if bytes.Equal(one, t.tsaName) {
				return nil
			}
		}
	}
	return check.Refuse("TS-7", check.TSA, "TSTInfo names an authority that is not %q, the subject of the signer", c.Subject.String())
}
