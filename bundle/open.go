package bundle

import "bytes"

// Open reads a bundle of any form that is one JSON document: 0.1 to 0.3, or the
// older JSON of cosign. Errors are *FormatError.
func Open(data []byte) (*Bundle, error) {
	b, err := Parse(data)
	if err != nil && bytes.Contains(data[:min(len(data), MaxSize)], []byte(`"base64Signature"`)) {
		return ParseLegacy(data)
	}
	return b, err
}

// Current returns the claim of b in the form of version 0.3: without the
// certificates after the leaf, which a verifier takes from its trusted root, and
// with all evidence. Whether 0.3 can hold it is for Marshal to say.
func (b *Bundle) Current() *Bundle {
	c := *b
	c.MediaType, c.Version, c.Chain = MediaType, V03, nil
	return &c
}
