package vectors

import (
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// fieldFaults are rows of group A about each field of a bundle.
func fieldFaults() []job {
	return []job{
		{"A35", func(l *lab) { fields(l, "deleted", func(p place) fault { return drop(p.steps...) }) }},
		{"A36", func(l *lab) { fields(l, "null for", func(p place) fault { return put(raw("null"), p.steps...) }) }},
		{"A37", retyped},
		{"A38", func(l *lab) {
			for _, shape := range wholes() {
				for _, p := range l.places(shape) {
					if p.node().isString() {
						l.bad(shape, "in an array: "+p.path, parseOf(p), put(&node{kind: 'a', items: []*node{p.node().clone()}}, p.steps...))
					}
				}
			}
		}},
	}
}

// wholes are shapes that have every field between them.
func wholes() []string { return []string{"v1 stamped", "v1 in 0.1", "v2", "v2 dsse", "key"} }

// parseOf is the check that reads a value of the wrong type: that of the version
// for the media type.
func parseOf(p place) []check.Check {
	if p.path == "mediaType" {
		return is(check.Version, check.Parse)
	}
	return is(check.Parse)
}

func retyped(l *lab) {
	for _, shape := range wholes() {
		for _, p := range l.places(shape) {
			for _, v := range []string{"5", "true", "{}", "[]", `"x"`, `"eHh4"`, "-1.5e300"} {
				isText := v[0] == '"'
				if p.node().isString() && isText || p.node().kind == kindOf(v) && p.node().kind != 's' {
					continue
				}
				l.bad(shape, v+" for "+p.path, parseOf(p), put(raw(v), p.steps...))
			}
		}
	}
}

// fields emits a change of every field of an object, with the check that must
// notice. What may be absent must verify without.
func fields(l *lab, what string, change func(place) fault) {
	for _, shape := range wholes() {
		for _, p := range l.places(shape) {
			if p.parent.kind != 'o' {
				continue
			}
			if want := absent(shape, p.path); want == nil {
				l.pass(shape, what+" "+p.path, change(p))
			} else {
				l.bad(shape, what+" "+p.path, want, change(p))
			}
		}
	}
}

// absent lists, for each field, the check that notices its absence; nil if it may
// be absent.
func absent(shape, path string) []check.Check {
	first, old := strings.HasPrefix(shape, "v1"), strings.HasSuffix(shape, "0.1")
	entry, inEntry := strings.CutPrefix(path, material+".tlogEntries[0].")
	if inEntry {
		return absentInEntry(entry, first, old)
	}
	switch strings.TrimPrefix(path, material+".") {
	case "mediaType":
		return is(check.Version)
	case material, "certificate", "publicKey", "x509CertificateChain", "x509CertificateChain.certificates",
		"messageSignature", "messageSignature.signature", "messageSignature.messageDigest.algorithm", "dsseEnvelope":
		return is(check.Content)
	case "messageSignature.messageDigest.digest":
		return is(check.Digest)
	case "dsseEnvelope.payload", "dsseEnvelope.payloadType", "dsseEnvelope.signatures", "dsseEnvelope.signatures[0].sig":
		return is(check.DSSE)
	case "certificate.rawBytes", "x509CertificateChain.certificates[0].rawBytes",
		"timestampVerificationData.rfc3161Timestamps[0].signedTimestamp":
		return is(check.Parse)
	case "timestampVerificationData", "timestampVerificationData.rfc3161Timestamps":
		if !first {
			return is(check.Time)
		}
	case "tlogEntries":
		return is(check.Threshold)
	}
	return nil
}

func absentInEntry(path string, first, old bool) []check.Check {
	switch path {
	case "canonicalizedBody":
		if first {
			return is(check.Content)
		}
		return is(check.Parse)
	case "inclusionPromise":
		if old {
			return is(check.Content)
		}
	case "inclusionPromise.signedEntryTimestamp", "integratedTime":
		return is(check.SET)
	case "inclusionProof", "inclusionProof.checkpoint", "inclusionProof.checkpoint.envelope":
		if !old { // there the promise decides
			return is(check.Content)
		}
	case "inclusionProof.hashes", "inclusionProof.logIndex", "inclusionProof.rootHash", "inclusionProof.treeSize":
		return is(check.Proof)
	case "kindVersion", "kindVersion.kind", "kindVersion.version":
		return is(check.Entry)
	case "logId", "logId.keyId":
		return is(check.Parse)
	case "logIndex":
		if first {
			return is(check.SET)
		}
		return is(check.Proof)
	}
	return nil
}
