package removal

// Explained lists the refusals whose removal nothing notices, with the reason, by
// Site.Key.
func Explained() map[string]string {
	const (
		initial     = "the first value of an error that is replaced or returned later: there is no statement to take out"
		unreachable = "defence in depth: what comes before leaves nothing to refuse"
		again       = "the next check says the same in the same words"
	)
	return map[string]string{
		"bundle versionOf: is %q, want %q or an older one":                                             initial,
		"verify (*Verifier).proveThrough: issuer %q is no authority of the trusted root":               initial,
		"verify onePath: no path to an authority":                                                      initial,
		"verify (*Verifier).attainable: the trusted root has no usable certificate authorities":        again,
		"verify (*Verifier).leaf: issuer %q is no authority of the trusted root":                       again,
		"verify (Key).join: public key: %v":                                                            unreachable,
		"internal/tsp (*signerInfo).readAttrs: signed attributes are malformed":                        unreachable,
		"internal/tsp checkStatus: timestamp status text is malformed":                                 unreachable,
		"internal/tsp (*Token).readCerts: certificates of the token are malformed":                     unreachable,
		"internal/tsp (*Token).readOptional: nonce in TSTInfo is malformed":                            unreachable,
		"internal/fulcioext (*Identity).readSAN: subject alternative name is not exactly one SEQUENCE": "Strict refuses it before, in certificates that are verified",
		"internal/strictjson translate: %s":                                                            "the JSON library has no third kind of error today",
		"internal/strictjson semanticError: %s":                                                        "no type that is read has a method of its own that could fail",
	}
}
