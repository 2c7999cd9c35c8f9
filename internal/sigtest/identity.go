package sigtest

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"maps"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// An Identity is who a certificate is about.
type Identity struct {
	Subject string
	Kind    string         // "email" if empty, "uri" or "username"
	Issuer  string         // of the token
	Claims  map[int]string // further extensions 1.3.6.1.4.1.57264.1.n by n
}

// Alice is who signs when nobody else is named.
func Alice() Identity {
	return Identity{Subject: "alice@example.com", Kind: "email", Issuer: "https://accounts.example.com"}
}

// Object identifiers of extensions.
var (
	OIDSAN    = asn1.ObjectIdentifier{2, 5, 29, 17}
	OIDSCTs   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}
	OIDPoison = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}
)

// OIDFulcio returns 1.3.6.1.4.1.57264.1.n.
func OIDFulcio(n int) asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, n}
}

// SAN returns a critical subject alternative name with one name.
func SAN(kind, value string) pkix.Extension {
	return pkix.Extension{Id: OIDSAN, Critical: true, Value: der(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { addName(b, kind, value) })
	})}
}

func addName(b *cryptobyte.Builder, kind, value string) {
	text := func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) }
	switch kind {
	case "uri":
		b.AddASN1(cbasn1.Tag(6).ContextSpecific(), text)
	case "dns":
		b.AddASN1(cbasn1.Tag(2).ContextSpecific(), text)
	case "username":
		b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(OIDFulcio(7))
			b.AddASN1(cbasn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.UTF8String, text)
			})
		})
	default:
		b.AddASN1(cbasn1.Tag(1).ContextSpecific(), text)
	}
}

// Claim returns extension .1.n: raw text up to .1.6, from .1.8 on a UTF8String.
func Claim(n int, value string) pkix.Extension {
	e := pkix.Extension{Id: OIDFulcio(n), Value: []byte(value)}
	if n >= 8 {
		e.Value = der(func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
		})
	}
	return e
}

// extensions are those that say who, as Fulcio writes them.
func (i Identity) extensions() []pkix.Extension {
	out := []pkix.Extension{SAN(i.Kind, i.Subject), Claim(1, i.Issuer), Claim(8, i.Issuer)}
	for _, n := range slices.Sorted(maps.Keys(i.Claims)) {
		out = append(out, Claim(n, i.Claims[n]))
	}
	return out
}

func der(build func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	build(&b)
	return must(b.Bytes())
}
