package tsp

import (
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const maxDepth = 32 // nested elements of a response

const (
	classMask   = 0xc0
	constructed = 0x20
)

// contextTag returns the identifier of the context-specific constructed tag n.
func contextTag(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }

// strict reports whether s is a sequence of DER elements (X.690 section 10)
// nested at most depth deep. It also looks into what is never interpreted, so
// that a response has no corner in which BER can hide. cryptobyte refuses
// indefinite and overlong lengths and long-form tags.
func strict(s cryptobyte.String, depth int) bool {
	for !s.Empty() {
		var body cryptobyte.String
		var tag asn1.Tag
		if depth == 0 || !s.ReadAnyASN1(&body, &tag) || !strictUniversal(body, tag) {
			return false
		}
		if tag&constructed != 0 && !strict(body, depth-1) {
			return false
		}
	}
	return true
}

// strictUniversal checks the content of one element whose tag is universal.
func strictUniversal(body []byte, tag asn1.Tag) bool {
	if tag&classMask != 0 {
		return true
	}
	switch tag {
	case asn1.SEQUENCE, asn1.SET:
		return true
	case asn1.BOOLEAN:
		return len(body) == 1 && (body[0] == 0 || body[0] == 0xff)
	case asn1.INTEGER, asn1.ENUM:
		return minimalInt(body)
	case asn1.NULL:
		return len(body) == 0
	case asn1.OBJECT_IDENTIFIER:
		return validOID(body)
	case asn1.SEQUENCE &^ constructed, asn1.SET &^ constructed, 0:
		return false
	}
	return tag&constructed == 0 // strings in parts are BER
}

func minimalInt(b []byte) bool {
	if len(b) < 2 {
		return len(b) == 1
	}
	return !(b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80)
}

// validOID reports whether b is one or more arcs, each of minimal length.
func validOID(b []byte) bool {
	start := true
	for _, c := range b {
		if start && c == 0x80 {
			return false
		}
		start = c < 0x80
	}
	return len(b) > 0 && start
}

// readAlg reads an AlgorithmIdentifier whose parameters are absent or NULL, the
// only ones that the accepted algorithms have.
func readAlg(s *cryptobyte.String) (oid []byte, null, ok bool) {
	var seq, id, none cryptobyte.String
	if !s.ReadASN1(&seq, asn1.SEQUENCE) || !seq.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
		!seq.ReadOptionalASN1(&none, &null, asn1.NULL) || len(none) > 0 || !seq.Empty() {
		return nil, false, false
	}
	return id, null, true
}

// nameOID writes an OID for an error text.
func nameOID(der []byte) string {
	var o x509.OID
	if len(der) > 64 || o.UnmarshalBinary(der) != nil {
		return "an unreadable object identifier"
	}
	return o.String()
}
