package tsp

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/tsp/tsptest"
)

var (
	now     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	message = []byte("signature")
)

func newAuthority(tb testing.TB) *tsptest.Authority {
	a, err := tsptest.New(now, time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func issue(tb testing.TB, parent tsptest.Cert, template *x509.Certificate, edit ...func(*x509.Certificate)) tsptest.Cert {
	window := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-time.Hour), now.Add(time.Hour) }
	c, err := tsptest.Issue(parent, template, append([]func(*x509.Certificate){window}, edit...)...)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// judge parses and verifies what a makes.
func judge(tb testing.TB, a *tsptest.Authority, chain []*x509.Certificate, faults ...tsptest.Fault) error {
	der, err := a.Issue(message, now, faults...)
	if err != nil {
		tb.Fatal(err)
	}
	tok, err := Parse(der)
	if err != nil {
		if tok != nil {
			tb.Error("token returned with an error")
		}
		return err
	}
	signer, err := tok.Verify(message, chain)
	if (signer == nil) != (err != nil) {
		tb.Errorf("signer %v with error %v", signer, err)
	}
	return err
}

func wantRefusal(t *testing.T, err error, want check.Check) {
	t.Helper()
	if errors.Is(err, ErrUnknown) {
		t.Fatalf("got ErrUnknown, want check %s", want)
	}
	if got := check.Of(err); got != want {
		t.Errorf("got %q (%v), want check %s", got, err, want)
	}
}

// by makes c the signer and the embedded certificate.
func by(c tsptest.Cert) tsptest.Fault {
	return func(t *tsptest.Token) { t.By(c).Certs = [][]byte{c.Raw} }
}

func TestCatalogueH_Tokens(t *testing.T) {
	a := newAuthority(t)
	other := issue(t, a.Root, tsptest.LeafTemplate("other"))
	chain := a.Chain()
	ran := 0
	for _, r := range tsptest.Rows(other) {
		t.Run(r.ID+" "+r.Name, func(t *testing.T) {
			start := time.Now()
			wantRefusal(t, judge(t, a, chain, r.Fault), r.Check)
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %v", took)
			}
		})
		ran++
	}
	if ran < 90 {
		t.Errorf("ran %d rows, want at least 90", ran)
	}
	if err := judge(t, a, chain); err != nil {
		t.Errorf("repair twin: %v", err)
	}
}

func TestTS1_TS2_TS7_GoodTokensVerify(t *testing.T) {
	a := newAuthority(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	withKey := func(key crypto.Signer) tsptest.Cert {
		return issue(t, a.Intermediate, tsptest.LeafTemplate("other key"), func(c *x509.Certificate) { c.PublicKey = key })
	}
	withRSA, withEd := withKey(rsaKey), withKey(edKey)
	hash := func(h crypto.Hash, digest, sig asn1.ObjectIdentifier) tsptest.Fault {
		return func(t *tsptest.Token) {
			t.Hash, t.Digest, t.DigestSet, t.SignatureAlg = h, digest, []asn1.ObjectIdentifier{digest}, sig
		}
	}
	all := a.Chain()
	for name, test := range map[string]struct {
		chain []*x509.Certificate
		fault tsptest.Fault
	}{
		"as it is":                            {all, func(*tsptest.Token) {}},
		"status 1":                            {all, func(t *tsptest.Token) { t.Status = big.NewInt(1) }},
		"status text":                         {all, func(t *tsptest.Token) { t.StatusText = "fine" }},
		"nothing embedded":                    {all, func(t *tsptest.Token) { t.Certs = nil }},
		"pinned alone":                        {all[:1], func(*tsptest.Token) {}},
		"intermediate is the anchor":          {all[:2], func(*tsptest.Token) {}},
		"not pinned":                          {all[1:], func(*tsptest.Token) {}},
		"not pinned, intermediate the anchor": {all[1:2], func(*tsptest.Token) {}},
		"not pinned, intermediate embedded": {all[2:], func(t *tsptest.Token) {
			t.Certs = [][]byte{a.Root.Raw, a.Intermediate.Raw, a.Leaf.Raw}
		}},
		"by key identifier":               {all, func(t *tsptest.Token) { t.KeyID, t.SignerVersion = a.Leaf.SubjectKeyId, 3 }},
		"by key identifier, not pinned":   {all[1:], func(t *tsptest.Token) { t.KeyID, t.SignerVersion = a.Leaf.SubjectKeyId, 3 }},
		"SHA-384":                         {all, hash(crypto.SHA384, tsptest.SHA384, tsptest.ECDSASHA384)},
		"SHA-512":                         {all, hash(crypto.SHA512, tsptest.SHA512, tsptest.ECDSASHA512)},
		"two digest algorithms announced": {all, func(t *tsptest.Token) { t.DigestSet = append(t.DigestSet, tsptest.MD5) }},
		"RSA":                             {all[1:], func(t *tsptest.Token) { by(withRSA)(t); t.SignatureAlg, t.AlgNull = tsptest.RSA, true }},
		"RSA with SHA-256":                {all[1:], func(t *tsptest.Token) { by(withRSA)(t); t.SignatureAlg, t.AlgNull = tsptest.RSASHA256, true }},
		"Ed25519":                         {all[1:], func(t *tsptest.Token) { by(withEd)(t); hash(crypto.SHA512, tsptest.SHA512, tsptest.Ed25519)(t) }},
		"imprint SHA-512": {all, func(t *tsptest.Token) {
			t.Info.ImprintAlg, t.Info.Imprint = tsptest.SHA512, tsptest.Sum(crypto.SHA512, message)
		}},
		"another policy":                 {all, func(t *tsptest.Token) { t.Info.Policy = asn1.ObjectIdentifier{1, 2, 3} }},
		"serial number of 160 bits":      {all, func(t *tsptest.Token) { t.Info.Serial.Lsh(big.NewInt(1), 159) }},
		"ordering":                       {all, func(t *tsptest.Token) { t.Info.Ordering = tsptest.TLV(1, []byte{0xff}) }},
		"name of the subject":            {all, func(t *tsptest.Token) { t.Info.Name = tsptest.TLV(0xa4, a.Leaf.RawSubject) }},
		"extension that is not critical": {all, func(t *tsptest.Token) { t.Info.Extensions = tsptest.Seq(tsptest.OID(tsptest.MD5), tsptest.TLV(4)) }},
		"signing certificate by SHA-512": {all, func(t *tsptest.Token) {
			t.SetAttr(tsptest.SigningCertV2, tsptest.Seq(tsptest.Seq(tsptest.Seq(tsptest.Alg(tsptest.SHA512, false), tsptest.TLV(4, tsptest.Sum(crypto.SHA512, a.Leaf.Raw))))))
		}},
		"signing certificate with its issuer": {all, func(t *tsptest.Token) {
			names := tsptest.Seq(tsptest.TLV(0xa4, a.Leaf.RawIssuer))
			serial, _ := asn1.Marshal(a.Leaf.SerialNumber)
			t.SetAttr(tsptest.SigningCertV2, tsptest.Seq(tsptest.Seq(tsptest.Seq(tsptest.TLV(4, tsptest.Sum(crypto.SHA256, a.Leaf.Raw)), tsptest.Seq(names, serial)))))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := judge(t, a, test.chain, test.fault); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTS7_FieldsAreRead(t *testing.T) {
	a := newAuthority(t)
	for _, test := range []struct {
		time     string
		accuracy []byte
		want     time.Time
		width    time.Duration
	}{
		{"20260301120000Z", nil, now, 0},
		{"20260301120000.25Z", tsptest.Seq(), now.Add(250 * time.Millisecond), 0},
		{"20260301120000.000000001Z", tsptest.Seq(tsptest.Integer(1), tsptest.TLV(0x80, []byte{2}), tsptest.TLV(0x81, []byte{3})), now.Add(1), 1002003 * time.Microsecond},
		{"20240229120000Z", tsptest.Seq(tsptest.Integer(10 * 365 * 86400)), time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), 10 * 365 * 24 * time.Hour}, // H29: printed
	} {
		der, err := a.Issue(message, now, func(t *tsptest.Token) {
			t.Info.Time, t.Info.Accuracy, t.Info.Nonce = test.time, test.accuracy, big.NewInt(99)
		})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Parse(der)
		if err != nil {
			t.Fatalf("%s: %v", test.time, err)
		}
		if !tok.Time.Equal(test.want) || tok.Accuracy != test.width {
			t.Errorf("%s: got %v ± %v, want %v ± %v", test.time, tok.Time, tok.Accuracy, test.want, test.width)
		}
		if tok.Nonce.Cmp(big.NewInt(99)) != 0 || tok.Hash != crypto.SHA256 || !bytes.Equal(tok.Hashed, tsptest.Sum(crypto.SHA256, message)) {
			t.Errorf("%s: nonce %v, imprint %v %x", test.time, tok.Nonce, tok.Hash, tok.Hashed)
		}
	}
}

// The fault lies in a certificate, so no certificate is pinned.
func TestTS5_Certificates(t *testing.T) {
	a := newAuthority(t)
	leaf := func(edit func(*x509.Certificate)) tsptest.Cert {
		return issue(t, a.Intermediate, tsptest.LeafTemplate("faulty"), edit)
	}
	eku := func(critical bool, purposes ...asn1.ObjectIdentifier) tsptest.Cert {
		return leaf(func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tsptest.EKU(critical, purposes...)} })
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		leaf tsptest.Cert
		want check.Check
	}{
		{"good", leaf(func(*x509.Certificate) {}), ""},
		{"H22 leaf is a CA", leaf(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }), check.TSA},
		{"H23 no EKU", leaf(func(c *x509.Certificate) { c.ExtraExtensions = nil }), check.TSA},
		{"H23 EKU not critical", eku(false, tsptest.TimeStamping), check.TSA},
		{"H23 EKU plus codeSigning", eku(true, tsptest.TimeStamping, tsptest.CodeSigning), check.TSA},
		{"H23 EKU plus unknown", eku(true, tsptest.TimeStamping, tsptest.SHA256), check.TSA},
		{"H23 EKU any", eku(true, tsptest.AnyPurpose), check.TSA},
		{"H23 EKU codeSigning", eku(true, tsptest.CodeSigning), check.TSA},
		{"CC-6 unknown critical extension", leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: tsptest.MD5, Critical: true, Value: []byte{5, 0}})
		}), check.TSA},
		{"CC-8 key on P-224", leaf(func(c *x509.Certificate) { c.PublicKey = p224 }), check.Alg},
		{"H5 too early", leaf(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }), check.Time},
		{"H5 too late", leaf(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), check.Time},
		{"TM-5 at notBefore", leaf(func(c *x509.Certificate) { c.NotBefore = now }), ""},
		{"TM-5 at notAfter", leaf(func(c *x509.Certificate) { c.NotAfter = now }), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRefusal(t, judge(t, a, a.Chain()[1:], by(test.leaf)), test.want)
			if !test.leaf.IsCA {
				pinned := append([]*x509.Certificate{test.leaf.Certificate}, a.Chain()[1:]...)
				wantRefusal(t, judge(t, a, pinned, by(test.leaf)), test.want)
			}
		})
	}
}

func TestTS6_Path(t *testing.T) {
	build := func(intermediate, root func(*x509.Certificate)) *tsptest.Authority {
		a := new(tsptest.Authority)
		a.Root = issue(t, tsptest.Cert{}, tsptest.CATemplate("root"), root)
		a.Intermediate = issue(t, a.Root, tsptest.CATemplate("intermediate"), intermediate)
		a.Leaf = issue(t, a.Intermediate, tsptest.LeafTemplate("leaf"))
		return a
	}
	same := func(*x509.Certificate) {}
	eku := func(purposes ...asn1.ObjectIdentifier) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{tsptest.EKU(false, purposes...)} }
	}
	for _, test := range []struct {
		name               string
		intermediate, root func(*x509.Certificate)
		want               check.Check
	}{
		{"good", same, same, ""},
		{"intermediate with timeStamping", eku(tsptest.TimeStamping, tsptest.CodeSigning), same, ""},
		{"H24 intermediate for codeSigning", eku(tsptest.CodeSigning), same, check.TSA},
		{"H24 intermediate for any", eku(tsptest.AnyPurpose), same, check.TSA},
		{"H24 root for codeSigning", same, eku(tsptest.CodeSigning), check.TSA},
		{"CC-2 intermediate expired", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }, same, check.Time},
		{"CC-2 root not yet valid", same, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }, check.Time},
		{"CC-1 intermediate may not sign certificates", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, same, check.TSA},
		{"CC-10 path too long", same, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }, check.TSA},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := build(test.intermediate, test.root)
			wantRefusal(t, judge(t, a, a.Chain()), test.want)
			wantRefusal(t, judge(t, a, a.Chain()[1:]), test.want)
		})
	}
	t.Run("H25 chain broken", func(t *testing.T) {
		a, b := build(same, same), build(same, same)
		wantRefusal(t, judge(t, a, []*x509.Certificate{a.Leaf.Certificate, b.Intermediate.Certificate, b.Root.Certificate}), check.TSA)
		wantRefusal(t, judge(t, a, []*x509.Certificate{a.Leaf.Certificate, a.Intermediate.Certificate, b.Root.Certificate}), check.TSA)
		wantRefusal(t, judge(t, a, nil), check.TSA)
	})
}

func TestTS4_TS8_WhoSigned(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	second := issue(t, a.Intermediate, tsptest.LeafTemplate("second"))
	// A forged certificate copies issuer, serial number and key identifier.
	fakeCA := issue(t, tsptest.Cert{}, tsptest.CATemplate("tsa intermediate"))
	forged := issue(t, fakeCA, tsptest.LeafTemplate("tsa"), func(c *x509.Certificate) { c.SerialNumber = a.Leaf.SerialNumber })
	heir := issue(t, a.Root, tsptest.CATemplate("heir"))
	brought := issue(t, a.Intermediate, tsptest.CATemplate("brought"))
	below := issue(t, brought, tsptest.LeafTemplate("below"))
	all := a.Chain()
	bag := func(certs ...tsptest.Cert) tsptest.Fault {
		return func(t *tsptest.Token) {
			t.Certs = nil
			for _, c := range certs {
				t.Certs = append(t.Certs, c.Raw)
			}
		}
	}
	const unknown = "unknown"
	for _, test := range []struct {
		name   string
		chain  []*x509.Certificate
		faults []tsptest.Fault
		want   check.Check
	}{
		{"H3 unknown with certificates", all, []tsptest.Fault{by(stranger.Leaf), bag(stranger.Leaf, stranger.Intermediate, stranger.Root)}, unknown},
		{"H3 unknown with certificates, not pinned", all[1:], []tsptest.Fault{by(stranger.Leaf), bag(stranger.Leaf, stranger.Intermediate, stranger.Root)}, unknown},
		{"H4 unknown without certificates", all, []tsptest.Fault{by(stranger.Leaf), bag()}, unknown},
		{"H17 forged before the signer", all[1:], []tsptest.Fault{bag(forged, a.Leaf)}, ""},
		{"H17 forged after the signer", all[1:], []tsptest.Fault{bag(a.Leaf, forged)}, ""},
		{"H17 forged beside the pinned", all, []tsptest.Fault{bag(forged, a.Leaf)}, ""},
		{"H17 forged with its CA signs", all[1:], []tsptest.Fault{by(forged), bag(forged, fakeCA, a.Leaf)}, check.TSA},
		{"H17 forged signs for the pinned", all, []tsptest.Fault{by(forged), bag(forged, fakeCA)}, check.TSA},
		{"H17 forged alone", all[1:], []tsptest.Fault{by(forged), bag(forged, fakeCA)}, unknown},
		{"H17 unrelated certificates around", all[1:], []tsptest.Fault{bag(stranger.Root, stranger.Leaf, a.Leaf, second)}, ""},
		{"H19 serial number of an embedded certificate", all, []tsptest.Fault{bag(a.Leaf, second), func(t *tsptest.Token) { t.Serial = second.SerialNumber }}, check.TSA},
		{"H19 serial number of nobody, signer embedded", all[1:], []tsptest.Fault{func(t *tsptest.Token) { t.Serial = big.NewInt(9) }}, check.TSA},
		{"H26 second leaf, the first is pinned", all, []tsptest.Fault{by(second)}, check.TSA},
		{"H26 twin: second leaf, none is pinned", all[1:], []tsptest.Fault{by(second)}, ""},
		{"TS-6 intermediate embedded around that of the authority", []*x509.Certificate{heir.Certificate, a.Root.Certificate}, []tsptest.Fault{bag(a.Leaf, a.Intermediate)}, unknown},
		{"TS-6 twin: intermediate embedded below that of the authority", all[1:], []tsptest.Fault{by(below), bag(below, brought)}, ""},
		{"H17 certificates without the pinned signer", all, []tsptest.Fault{bag(a.Intermediate, second)}, check.TSA},
		{"H17 twin: no certificates, pinned signer", all, []tsptest.Fault{bag()}, ""},
		{"H17 pinned signer with a changed bit", all, []tsptest.Fault{bag(a.Leaf), func(t *tsptest.Token) {
			t.Certs[0] = bytes.Clone(t.Certs[0])
			t.Certs[0][len(t.Certs[0])-1] ^= 1
		}}, check.TSA},
		{"H22 signed by the intermediate, nothing embedded", all, []tsptest.Fault{by(a.Intermediate), bag()}, check.TSA},
		{"H22 signed by the intermediate", all, []tsptest.Fault{by(a.Intermediate)}, check.TSA},
		{"malformed certificate", all[1:], []tsptest.Fault{func(t *tsptest.Token) { t.Certs = append(t.Certs, tsptest.Seq(tsptest.Seq())) }}, check.TSA},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := judge(t, a, test.chain, test.faults...)
			if test.want == unknown {
				if !errors.Is(err, ErrUnknown) {
					t.Errorf("got %v, want ErrUnknown", err)
				}
				return
			}
			wantRefusal(t, err, test.want)
		})
	}
}

// One CA that gave a serial number twice: the signed attributes decide.
func TestTS4_SerialNumberTwice(t *testing.T) {
	a := newAuthority(t)
	twin := issue(t, a.Intermediate, tsptest.LeafTemplate("twin"), func(c *x509.Certificate) { c.SerialNumber = a.Leaf.SerialNumber })
	for _, bag := range [][][]byte{{a.Leaf.Raw, twin.Raw}, {twin.Raw, a.Leaf.Raw}} {
		for _, signer := range []tsptest.Cert{a.Leaf, twin} {
			if err := judge(t, a, a.Chain()[1:], func(t *tsptest.Token) { t.By(signer).Certs = bag }); err != nil {
				t.Errorf("%s: %v", signer.Subject, err)
			}
		}
	}
}

// Certificates of one name and key sign each other in a ring (B37 for a TSA).
func TestCC10_MeshOfCAs(t *testing.T) {
	a := newAuthority(t)
	key := issue(t, tsptest.Cert{}, tsptest.CATemplate("mesh"))
	var certs [][]byte
	for range MaxCerts - 1 {
		c := issue(t, key, tsptest.CATemplate("mesh"), func(c *x509.Certificate) { c.PublicKey = key.Key })
		certs = append(certs, c.Raw)
	}
	leaf := issue(t, key, tsptest.LeafTemplate("leaf"))
	start := time.Now()
	err := judge(t, a, a.Chain()[1:], func(t *tsptest.Token) { t.By(leaf).Certs = append(certs, leaf.Raw) })
	if !errors.Is(err, ErrUnknown) && check.Of(err) != check.Limit {
		t.Errorf("got %v, want ErrUnknown or check limit", err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %v", took)
	}
}

// Five leaves under a ladder of CAs of one name, listed so that the right one
// is always tried last.
func TestCC10_LadderOfCAs(t *testing.T) {
	a := newAuthority(t)
	template := tsptest.CATemplate("tsa intermediate")
	top := issue(t, tsptest.Cert{}, template)
	certs := [][]byte{top.Raw}
	for range 4 {
		top = issue(t, top, template)
		certs = append(certs, top.Raw)
	}
	var leaf tsptest.Cert
	for range 5 {
		leaf = issue(t, top, tsptest.LeafTemplate("leaf"))
		certs = append(certs, leaf.Raw)
	}
	wantRefusal(t, judge(t, a, a.Chain()[1:], func(t *tsptest.Token) { t.By(leaf).Certs = certs }), check.Limit)
}

func TestTS1_GrantedWithoutTokenIsNamed(t *testing.T) {
	der, err := newAuthority(t).Issue(message, now, func(t *tsptest.Token) { t.NoToken = true })
	if err != nil {
		t.Fatal(err)
	}
	const want = "tsa: timestamp was granted, but the response has no token"
	if _, err := Parse(der); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTS2_EveryBitCounts(t *testing.T) {
	a := newAuthority(t)
	der, err := a.Issue(message, now, func(t *tsptest.Token) { t.Certs = nil })
	if err != nil {
		t.Fatal(err)
	}
	chain := a.Chain()
	for i := range der {
		for bit := range 8 {
			flipped := bytes.Clone(der)
			flipped[i] ^= 1 << bit
			tok, err := Parse(flipped)
			if err != nil {
				continue
			}
			if _, err := tok.Verify(message, chain); err == nil && !(i == 6+2 && flipped[i] == 1) { // PKIStatus 1 is granted
				t.Errorf("accepted with bit %d of byte %d flipped", bit, i)
			}
		}
	}
}

func TestTS3_AnotherMessage(t *testing.T) {
	a := newAuthority(t)
	der, err := a.Issue(message, now)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range [][]byte{nil, []byte("other"), tsptest.Sum(crypto.SHA256, message)} { // H1, H2
		_, err := tok.Verify(m, a.Chain())
		wantRefusal(t, err, check.TSA)
	}
}

func TestToken_IsSafeForConcurrentUse(t *testing.T) {
	a := newAuthority(t)
	der, err := a.Issue(message, now)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := tok.Verify(message, a.Chain()[i%2:]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestConformanceTimestamps(t *testing.T) {
	wrong := map[string]check.Check{
		"rekor2-timestamp-outside-tsa-cert-validity_fail":           check.Time,
		"rekor2-timestamp-payload-mismatch_fail":                    check.TSA,
		"rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail":    "unknown",
		"rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "unknown",
	}
	ran := 0
	for _, v := range loadVectors(t) {
		tok, err := Parse(v.der)
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		var signer *x509.Certificate
		for _, chain := range v.chains {
			if signer, err = tok.Verify(v.signature, chain); err == nil {
				break
			}
		}
		got := check.Of(err)
		if errors.Is(err, ErrUnknown) {
			got = "unknown"
		}
		if diff := cmp.Diff(wrong[v.name], got); diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", v.name, err, diff)
		}
		if err == nil && signer == nil {
			t.Errorf("%s: no signer", v.name)
		}
		ran++
	}
	if ran != 33 {
		t.Errorf("ran %d conformance timestamps, want 33", ran)
	}
}
