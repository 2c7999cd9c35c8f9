package fulcioext

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
)

const issuer = "https://token.actions.githubusercontent.com"

// der writes one element; the content may be up to 16 MiB.
func der(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	switch n := len(body); {
	case n < 0x80:
		return append([]byte{tag, byte(n)}, body...)
	case n < 0x100:
		return append([]byte{tag, 0x81, byte(n)}, body...)
	case n < 0x10000:
		return append([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body...)
	default:
		return append([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, body...)
	}
}

func utf8String(s string) []byte { return der(0x0c, []byte(s)) }

func san(names ...[]byte) pkix.Extension {
	return pkix.Extension{Id: oidSAN(), Critical: true, Value: der(0x30, names...)}
}

func email(s string) []byte { return der(0x81, []byte(s)) }
func uri(s string) []byte   { return der(0x86, []byte(s)) }

func otherName(oid string, value ...[]byte) []byte {
	return der(0xa0, der(0x06, []byte(oid)), der(0xa0, value...))
}

func ext(n int, value []byte) pkix.Extension {
	return pkix.Extension{Id: append(arc(), n), Value: value}
}

// leaf puts a certificate together without crypto/x509, which would refuse
// many of the faulty ones on its own.
func leaf(exts ...pkix.Extension) *x509.Certificate {
	return &x509.Certificate{RawSubject: []byte{0x30, 0}, Extensions: exts}
}

var goodIssuer = ext(8, utf8String(issuer))

func TestParse(t *testing.T) {
	noClaims := map[string]string{}
	alice := san(email("alice@example.com"))
	for _, test := range []struct {
		name string
		cert *x509.Certificate
		want *Identity // nil: refused
		no   check.Check
	}{
		{"ID-4 email", leaf(alice, goodIssuer), &Identity{"alice@example.com", Email, issuer, noClaims}, ""},
		{"ID-4 URI", leaf(san(uri("https://x/y@z")), goodIssuer), &Identity{"https://x/y@z", URI, issuer, noClaims}, ""},
		{"ID-4 username", leaf(san(otherName(oidUsername, utf8String("bob!example.com"))), goodIssuer), &Identity{"bob!example.com", Username, issuer, noClaims}, ""},
		{"D30 username is not changed", leaf(san(otherName(oidUsername, utf8String("bob@example.com"))), goodIssuer), &Identity{"bob@example.com", Username, issuer, noClaims}, ""},
		{"D14 URI is not normalised", leaf(san(uri("HTTPS://X:443//a/%2e")), goodIssuer), &Identity{"HTTPS://X:443//a/%2e", URI, issuer, noClaims}, ""},
		{"ID-8 email is not normalised", leaf(san(email("A+b@X.com")), goodIssuer), &Identity{"A+b@X.com", Email, issuer, noClaims}, ""},
		{"ID-3 old issuer alone", leaf(alice, ext(1, []byte(issuer))), &Identity{"alice@example.com", Email, issuer, noClaims}, ""},
		{"ID-3 both issuers", leaf(alice, ext(1, []byte(issuer)), goodIssuer), &Identity{"alice@example.com", Email, issuer, noClaims}, ""},
		{"ID-6 claims", leaf(alice, goodIssuer, ext(2, []byte("push")), ext(12, utf8String("https://r")), ext(17, utf8String("")), ext(24, utf8String("sub")), ext(99, []byte{1})),
			&Identity{"alice@example.com", Email, issuer, map[string]string{"github_workflow_trigger": "push", "source_repository_uri": "https://r", "source_repository_owner_identifier": "", "token_subject": "sub"}}, ""},
		{"ID-5 joined emoji in a claim", leaf(alice, goodIssuer, ext(4, []byte("build \U0001F469\u200d\U0001F4BB"))),
			&Identity{"alice@example.com", Email, issuer, map[string]string{"github_workflow_name": "build \U0001F469\u200d\U0001F4BB"}}, ""},
		{"ID-5 letters of the world", leaf(san(otherName(oidUsername, utf8String("żółć!例.jp"))), goodIssuer), &Identity{"żółć!例.jp", Username, issuer, noClaims}, ""},

		{"B25 no SAN", leaf(goodIssuer), nil, check.CertProfile},
		{"B25 SAN with two emails", leaf(san(email("a@x"), email("b@x")), goodIssuer), nil, check.CertProfile},
		{"D13 SAN with URI and email", leaf(san(uri("https://x"), email("b@x")), goodIssuer), nil, check.CertProfile},
		{"B25 SAN with a name and a broken one", leaf(san(email("a@x"), []byte{0x81}), goodIssuer), nil, check.CertProfile},
		{"B25 SAN empty", leaf(san(), goodIssuer), nil, check.CertProfile},
		{"B25 SAN not critical", leaf(pkix.Extension{Id: oidSAN(), Value: alice.Value}, goodIssuer), nil, check.CertProfile},
		{"B25 subject not empty", &x509.Certificate{RawSubject: der(0x30, der(0x31)), Extensions: []pkix.Extension{alice, goodIssuer}}, nil, check.CertProfile},
		{"B25 subject absent", &x509.Certificate{Extensions: []pkix.Extension{alice, goodIssuer}}, nil, check.CertProfile},
		{"CC-6 trailing byte after the SAN", leaf(pkix.Extension{Id: oidSAN(), Critical: true, Value: append(der(0x30, email("a@x")), 0)}, goodIssuer), nil, check.CertProfile},
		{"CC-6 SAN not DER", leaf(pkix.Extension{Id: oidSAN(), Critical: true, Value: []byte{0x30, 0x80, 0, 0}}, goodIssuer), nil, check.CertProfile},
		{"CC-6 name not DER", leaf(san([]byte{0x81, 0x81, 1, 'a'}), goodIssuer), nil, check.CertProfile},
		{"B24 two SANs", leaf(alice, alice, goodIssuer), nil, check.CertProfile},
		{"D20 issuer twice", leaf(alice, ext(8, utf8String("https://evil")), goodIssuer), nil, check.CertProfile},
		{"B24 unknown extension twice", leaf(alice, goodIssuer, ext(99, nil), ext(99, nil)), nil, check.CertProfile},
		{"B41 precertificate", leaf(alice, goodIssuer, pkix.Extension{Id: oidPoison(), Critical: true, Value: []byte{5, 0}}), nil, check.CertProfile},

		{"D12 DNS name", leaf(san(der(0x82, []byte("example.com"))), goodIssuer), nil, check.Identity},
		{"D12 IP address", leaf(san(der(0x87, []byte{127, 0, 0, 1})), goodIssuer), nil, check.Identity},
		{"D12 directory name", leaf(san(der(0xa4, der(0x30))), goodIssuer), nil, check.Identity},
		{"D12 universal string", leaf(san(utf8String("a@x")), goodIssuer), nil, check.Identity},
		{"ID-4 constructed email", leaf(san(der(0xa1, []byte{0x0c, 1, 'a'})), goodIssuer), nil, check.Identity},
		{"ID-4 empty email", leaf(san(email("")), goodIssuer), nil, check.Identity},
		{"ID-4 email not ASCII", leaf(san(email("ü@x")), goodIssuer), nil, check.Identity},
		{"D15 other name of another type", leaf(san(otherName("\x2b\x06\x01", utf8String("bob"))), goodIssuer), nil, check.Identity},
		{"D15 other name of a type of 10,000 bytes", leaf(san(otherName(strings.Repeat("\x01", 6000), utf8String("bob"))), goodIssuer), nil, check.Identity},
		{"D16 username IA5String", leaf(san(otherName(oidUsername, der(0x16, []byte("bob")))), goodIssuer), nil, check.Identity},
		{"D16 username PrintableString", leaf(san(otherName(oidUsername, der(0x13, []byte("bob")))), goodIssuer), nil, check.Identity},
		{"D16 username with trailing bytes", leaf(san(otherName(oidUsername, utf8String("bob"), []byte{0})), goodIssuer), nil, check.Identity},
		{"D16 username with two values", leaf(san(der(0xa0, der(6, []byte(oidUsername)), der(0xa0, utf8String("bob")), der(0xa0, utf8String("eve")))), goodIssuer), nil, check.Identity},
		{"ID-4 empty username", leaf(san(otherName(oidUsername, utf8String(""))), goodIssuer), nil, check.Identity},
		{"D9 newline", leaf(san(email("a@x\nb@x")), goodIssuer), nil, check.Identity},
		{"D22 NUL in the SAN", leaf(san(email("good\x00.evil")), goodIssuer), nil, check.Identity},
		{"D22 NUL in the issuer", leaf(alice, ext(8, utf8String("https://good\x00.evil"))), nil, check.Identity},
		{"D23 bidi override", leaf(san(otherName(oidUsername, utf8String("a\u202eb"))), goodIssuer), nil, check.Identity},
		{"D23 zero-width space", leaf(san(otherName(oidUsername, utf8String("a\u200bb"))), goodIssuer), nil, check.Identity},
		{"D23 zero-width space in the issuer", leaf(alice, ext(8, utf8String("https://a\u200bb"))), nil, check.Identity},
		{"D23 escape sequence", leaf(san(uri("https://x\x1b[2J")), goodIssuer), nil, check.Identity},
		{"ID-5 DEL", leaf(san(email("a\x7f@x")), goodIssuer), nil, check.Identity},
		{"ID-5 C1 control", leaf(san(otherName(oidUsername, utf8String("a\u009bb"))), goodIssuer), nil, check.Identity},
		{"ID-5 line separator in a claim", leaf(alice, goodIssuer, ext(4, []byte("a\u2028b"))), nil, check.Identity},
		{"ID-5 bidi control in a claim", leaf(alice, goodIssuer, ext(12, utf8String("a\u2066b"))), nil, check.Identity},
		{"ID-5 not UTF-8", leaf(san(otherName(oidUsername, utf8String("a\xffb"))), goodIssuer), nil, check.Identity},
		{"ID-5 claim not UTF-8", leaf(alice, goodIssuer, ext(2, []byte{0xff})), nil, check.Identity},

		{"ID-3 no issuer", leaf(alice), nil, check.Identity},
		{"ID-3 issuer empty", leaf(alice, ext(8, utf8String(""))), nil, check.Identity},
		{"ID-3 new issuer empty, old one not", leaf(alice, ext(8, utf8String("")), ext(1, []byte(issuer))), nil, check.Identity},
		{"D17 issuer raw", leaf(alice, ext(8, []byte(issuer))), nil, check.Identity},
		{"D18 issuer with trailing byte", leaf(alice, ext(8, append(utf8String(issuer), 0))), nil, check.Identity},
		{"D18 issuer BMPString", leaf(alice, ext(8, der(0x1e, []byte{0, 'a'}))), nil, check.Identity},
		{"D18 issuer in long form", leaf(alice, ext(8, append([]byte{0x0c, 0x81, byte(len(issuer))}, issuer...))), nil, check.Identity},
		{"D19 issuers differ", leaf(alice, ext(1, []byte(issuer)), ext(8, utf8String("https://other"))), nil, check.Identity},
		{"ID-6 claim raw", leaf(alice, goodIssuer, ext(12, []byte("https://r"))), nil, check.Identity},
		{"ID-6 claim with trailing byte", leaf(alice, goodIssuer, ext(24, append(utf8String("s"), 0))), nil, check.Identity},

		{"D29 SAN of 1 MiB", leaf(san(email(strings.Repeat("a", 1<<20))), goodIssuer), nil, check.Limit},
		{"D29 issuer too long", leaf(alice, ext(1, []byte(strings.Repeat("a", MaxText+1)))), nil, check.Limit},
		{"LM-4 claim too long", leaf(alice, goodIssuer, ext(9, utf8String(strings.Repeat("a", MaxText)))), nil, check.Limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(test.cert)
			if check.Of(err) != test.no {
				t.Fatalf("got %q (%v), want check %q", check.Of(err), err, test.no)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if err != nil && len(err.Error()) > 1200 {
				t.Errorf("error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestID3_ID6_RefusalsNameTheRule(t *testing.T) {
	alice := san(email("a@x"))
	for rule, cert := range map[string]*x509.Certificate{
		"ID-3": leaf(alice, ext(8, []byte(issuer))),
		"ID-6": leaf(alice, goodIssuer, ext(9, []byte("raw"))),
	} {
		_, err := Parse(cert)
		var refusal *check.Error
		if !errors.As(err, &refusal) || refusal.Rule != rule {
			t.Errorf("got %v, want a refusal by %s", err, rule)
		}
	}
}

func TestID6_Names(t *testing.T) {
	names := Names()
	if len(names) != 21 || names[0] != "github_workflow_trigger" || names[5] != "build_signer_uri" || names[20] != "token_subject" {
		t.Fatalf("got %d names %q", len(names), names)
	}
	exts := []pkix.Extension{san(email("a@x")), goodIssuer}
	want := map[string]string{}
	for n := 2; n <= 24; n++ {
		value := []byte(claimName(n))
		if n >= 8 {
			value = utf8String(claimName(n))
		}
		if n != 7 && n != 8 {
			exts = append(exts, ext(n, value))
		}
	}
	for _, name := range names {
		want[name] = name
	}
	id, err := Parse(leaf(exts...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, id.Claims); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// sign makes a real certificate.
func sign(tb testing.TB, exts ...pkix.Extension) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour), ExtraExtensions: exts}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func TestCC6_HandledCritical(t *testing.T) {
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}
	for _, test := range []struct {
		name         string
		cert         []byte
		before, left int
	}{
		{"otherName only", sign(t, san(otherName(oidUsername, utf8String("bob!x"))), goodIssuer), 1, 0},
		{"otherName only, and an unknown extension", sign(t, san(otherName(oidUsername, utf8String("bob!x"))), goodIssuer, unknown), 2, 1},
		{"email, and an unknown extension", sign(t, san(email("a@x.com")), goodIssuer, unknown), 1, 1},
		{"email", sign(t, san(email("a@x.com")), goodIssuer), 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			cert, err := x509.ParseCertificate(test.cert)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Parse(cert); err != nil {
				t.Fatal(err)
			}
			got := HandledCritical(cert)
			if len(got.UnhandledCriticalExtensions) != test.left || len(cert.UnhandledCriticalExtensions) != test.before {
				t.Errorf("got %v left of %v", got.UnhandledCriticalExtensions, cert.UnhandledCriticalExtensions)
			}
			roots := x509.NewCertPool()
			roots.AddCert(got)
			_, err = got.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: cert.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			if (err == nil) != (test.left == 0) {
				t.Errorf("path validation says %v with %d left", err, test.left)
			}
		})
	}
}

func TestCC6_Duplicate(t *testing.T) {
	good := san(email("a@x.com"))
	for _, test := range []struct {
		name string
		der  []byte
		want check.Check
	}{
		{"none", sign(t, good, goodIssuer), ""},
		{"D20 issuer twice", sign(t, good, ext(8, utf8String("https://evil")), goodIssuer), check.CertProfile},
		{"B24 SAN twice", sign(t, good, good, goodIssuer), check.CertProfile},
		{"not a certificate", []byte("-----BEGIN"), ""},
		{"empty", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := check.Of(Duplicate(test.der)); got != test.want {
				t.Errorf("got check %q, want %q", got, test.want)
			}
			if _, err := x509.ParseCertificate(test.der); test.want != "" && err == nil {
				t.Error("crypto/x509 parses it")
			}
		})
	}
}

// FuzzSAN is target 7: every accepted text is printable, and crypto/x509 sees
// the same name when it parses the certificate.
func FuzzSAN(f *testing.F) {
	f.Add(der(0x30, email("alice@example.com")))
	f.Add(der(0x30, uri("https://github.com/a/b/.github/workflows/c.yml@refs/heads/main")))
	f.Add(der(0x30, otherName(oidUsername, utf8String("bob!x"))))
	f.Add(der(0x30, email("a@x"), uri("https://x")))
	f.Fuzz(func(t *testing.T, value []byte) {
		id, err := Parse(leaf(pkix.Extension{Id: oidSAN(), Critical: true, Value: value}, goodIssuer))
		if err != nil {
			if c := check.Of(err); c != check.CertProfile && c != check.Identity && c != check.Limit {
				t.Fatalf("refused by check %s: %v", c, err)
			}
			return
		}
		mustPrint(t, id.Subject)
		if len(value) > 4<<10 {
			return
		}
		cert, err := x509.ParseCertificate(sign(t, pkix.Extension{Id: oidSAN(), Critical: true, Value: value}))
		if err != nil {
			return
		}
		want := slices.Concat(cert.EmailAddresses, uriTexts(cert.URIs))
		if id.Kind != Username && (len(want) != 1 || id.Kind == Email && want[0] != id.Subject) {
			t.Fatalf("crypto/x509 sees %q, got %s %q", want, id.Kind, id.Subject)
		}
		if id.Kind == Username && len(want)+len(cert.DNSNames)+len(cert.IPAddresses) != 0 {
			t.Fatalf("crypto/x509 sees %q beside the username", want)
		}
	})
}

func uriTexts(uris []*url.URL) (out []string) {
	for _, u := range uris {
		out = append(out, u.String())
	}
	return out
}

// mustPrint says independently of checkText what may be printed.
func mustPrint(t *testing.T, s string) {
	if s == "" || !utf8.ValidString(s) {
		t.Fatalf("accepted %q", s)
	}
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Fatalf("accepted %q with %U", s, r)
		}
	}
}

// FuzzIssuer: an accepted issuer is what encoding/asn1 reads as UTF8String.
func FuzzIssuer(f *testing.F) {
	f.Add(utf8String(issuer))
	f.Add([]byte(issuer))
	f.Add(append(utf8String(issuer), 0))
	f.Fuzz(func(t *testing.T, value []byte) {
		id, err := Parse(leaf(san(email("a@x")), ext(8, value)))
		if err != nil {
			return
		}
		mustPrint(t, id.Issuer)
		var s string
		rest, err := asn1.UnmarshalWithParams(value, &s, "utf8")
		if err != nil || len(rest) > 0 || s != id.Issuer {
			t.Fatalf("encoding/asn1 reads %q, %d bytes left (%v), got %q", s, len(rest), err, id.Issuer)
		}
	})
}
