package sigtest

import (
	"crypto/x509"
	"time"

	"github.com/hallmarksign/hallmark/trustroot"
)

// TrustedRoot returns the trusted root of the world as JSON, or what the edits
// make of it.
func (w *World) TrustedRoot(edits ...func(doc map[string]any)) []byte {
	var logs, cts, cas, tsas []any
	for _, l := range w.Logs {
		logs = append(logs, logDocument("https://"+l.Name, l.Key.Public(), l.ID(), l.Valid, l.Operator))
	}
	for _, c := range w.CTs {
		cts = append(cts, logDocument(c.BaseURL, c.Key.Public(), c.ID(), c.Valid, c.Operator))
	}
	for _, a := range w.CAs {
		cas = append(cas, authorityDocument(a.URI, a.Chain(), a.Valid, a.Operator))
	}
	for _, t := range w.TSAs {
		tsas = append(tsas, authorityDocument(t.URI, t.Chain(), t.Valid, t.Operator))
	}
	return write(object(
		"mediaType", "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
		"tlogs", logs, "ctlogs", cts, "certificateAuthorities", cas, "timestampAuthorities", tsas), all(edits))
}

func all(edits []func(map[string]any)) func(map[string]any) {
	return func(doc map[string]any) {
		for _, e := range edits {
			e(doc)
		}
	}
}

// Root returns the trusted root as package trustroot reads it.
func (w *World) Root(edits ...func(doc map[string]any)) *trustroot.Root {
	return must(trustroot.Parse(w.TrustedRoot(edits...)))
}

func logDocument(url string, key any, id []byte, valid trustroot.Window, operator string) map[string]any {
	doc := object(
		"baseUrl", url, "hashAlgorithm", "SHA2_256",
		"publicKey", object("rawBytes", SPKI(key), "keyDetails", logKeyDetails(key), "validFor", windowDocument(valid)),
		"logId", object("keyId", id))
	if operator != "" {
		doc["operator"] = operator
	}
	return doc
}

func authorityDocument(uri string, chain []*x509.Certificate, valid trustroot.Window, operator string) map[string]any {
	var certs []any
	for _, c := range chain {
		certs = append(certs, object("rawBytes", c.Raw))
	}
	doc := object(
		"subject", object("organization", chain[0].Subject.Organization[0], "commonName", chain[0].Subject.CommonName),
		"uri", uri, "certChain", object("certificates", certs), "validFor", windowDocument(valid))
	if operator != "" {
		doc["operator"] = operator
	}
	return doc
}

func windowDocument(v trustroot.Window) map[string]any {
	doc := object()
	if !v.Start.IsZero() {
		doc["start"] = v.Start.UTC().Format(time.RFC3339Nano)
	}
	if !v.End.IsZero() {
		doc["end"] = v.End.UTC().Format(time.RFC3339Nano)
	}
	return doc
}

// SigningConfig returns a signing configuration (v0.2) that names the servers of
// the world, and starts them: the log of the second generation alone. Its URLs
// are plain http at loopback addresses.
func (w *World) SigningConfig(edits ...func(doc map[string]any)) []byte {
	service := func(url string, version int) []any {
		return []any{object("url", url, "majorApiVersion", version, "operator", w.Host, "validFor", windowDocument(w.window()))}
	}
	return write(object(
		"mediaType", trustroot.SigningConfigMediaType,
		"caUrls", service(w.Fulcio().URL, 1),
		"oidcUrls", service(w.Issuer().URL, 1),
		"rekorTlogUrls", service(w.Rekor(2).URL, 2),
		"tsaUrls", service(w.Stamper().URL, 1),
		"rekorTlogConfig", object("selector", "ANY"),
		"tsaConfig", object("selector", "ANY")), all(edits))
}
