package bundle

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// A claim is a bundle while it is read: its fields are decoded and bounded, but
// what must be together is not yet known.
type claim struct {
	Bundle
	single  []byte   // of "certificate"; nil if absent
	chain   [][]byte // of "x509CertificateChain"
	chained bool     // that field is present
}

func (c *claim) read(d *jsontext.Decoder) error {
	present, err := strictjson.Members(d, func(name []byte) error {
		switch string(name) {
		case "mediaType":
			return c.readMediaType(d)
		case "verificationMaterial":
			return c.readMaterial(d)
		case "messageSignature":
			return c.readMessage(d)
		case "dsseEnvelope":
			return c.readEnvelope(d)
		}
		return strictjson.Unknown(d)
	})
	if err != nil {
		return err
	}
	if !present {
		return check.Refuse("BP-2", check.Parse, "is null, want an object")
	}
	return nil
}

// readMediaType refuses early, so that a file of a later version is called that
// and not the unknown fields it has.
func (c *claim) readMediaType(d *jsontext.Decoder) error {
	if d.PeekKind() == '[' {
		return check.Refuse("BP-1", check.Version, "is an array, want a string").At("mediaType")
	}
	s, err := strictjson.Text(d, maxText)
	if err != nil || s == "" {
		return err // wellFormed refuses a bundle without media type
	}
	c.MediaType = s
	c.Version, err = versionOf(s)
	return err
}

func (c *claim) readMaterial(d *jsontext.Decoder) error {
	_, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "certificate":
			c.single, _, err = readBlob(d, "rawBytes", MaxCert)
		case "x509CertificateChain":
			err = c.readChain(d)
		case "publicKey":
			c.PublicKey, err = readPublicKey(d)
		case "tlogEntries":
			c.Entries, err = strictjson.List(d, MaxEntries, readEntry)
		case "timestampVerificationData":
			c.Timestamps, err = readTimestamps(d)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	return err
}

func (c *claim) readChain(d *jsontext.Decoder) error {
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		if string(name) != "certificates" {
			return strictjson.Unknown(d)
		}
		c.chain, err = strictjson.List(d, MaxChain, readCertificate)
		return err
	})
	c.chained = present
	return err
}

func readCertificate(d *jsontext.Decoder) ([]byte, error) { return readElement(d, "rawBytes", MaxCert) }

func readTimestamp(d *jsontext.Decoder) ([]byte, error) {
	return readElement(d, "signedTimestamp", MaxTimestamp)
}

// readElement reads a list element that has a single field of bytes.
func readElement(d *jsontext.Decoder, field string, limit int) ([]byte, error) {
	b, present, err := readBlob(d, field, limit)
	if err != nil {
		return nil, err
	}
	if !present {
		return nil, check.Refuse("BP-2", check.Parse, "is null, want an object").At(strictjson.Where(d))
	}
	return b, nil
}

// readBlob reads an object that has a single field of bytes, which must not be
// empty (BP-7).
func readBlob(d *jsontext.Decoder, field string, limit int) (b []byte, present bool, err error) {
	present, err = strictjson.Members(d, func(name []byte) (err error) {
		if string(name) != field {
			return strictjson.Unknown(d)
		}
		b, err = strictjson.Binary(d, limit)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if present && len(b) == 0 {
		return nil, false, check.Refuse("BP-7", check.Parse, "is empty, want DER in base64").At(strictjson.Where(d) + "." + field)
	}
	return b, present, nil
}

func readPublicKey(d *jsontext.Decoder) (*PublicKey, error) {
	var k PublicKey
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		if string(name) != "hint" {
			return strictjson.Unknown(d)
		}
		k.Hint, err = strictjson.Text(d, maxText)
		return err
	})
	if !present {
		return nil, err
	}
	return &k, err
}

func readTimestamps(d *jsontext.Decoder) (list [][]byte, err error) {
	_, err = strictjson.Members(d, func(name []byte) (err error) {
		if string(name) != "rfc3161Timestamps" {
			return strictjson.Unknown(d)
		}
		list, err = strictjson.List(d, MaxTimestamps, readTimestamp)
		return err
	})
	return list, err
}

func (c *claim) readMessage(d *jsontext.Decoder) error {
	var m Message
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "messageDigest":
			m.Digest, err = readDigest(d)
		case "signature":
			m.Signature, err = strictjson.Binary(d, MaxSize)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if present {
		c.Message = &m
	}
	return err
}

func readDigest(d *jsontext.Decoder) (*Digest, error) {
	var digest Digest
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "algorithm":
			digest.Algorithm, err = strictjson.Text(d, maxText)
		case "digest":
			digest.Value, err = strictjson.Binary(d, MaxSize)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if !present {
		return nil, err
	}
	return &digest, err
}

func (c *claim) readEnvelope(d *jsontext.Decoder) (err error) {
	c.Envelope, err = readEnvelope(d)
	return err
}

// readEnvelope reads a DSSE envelope with exactly one signature (BP-8).
func readEnvelope(d *jsontext.Decoder) (*Envelope, error) {
	var e Envelope
	present, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "payload":
			e.Payload, err = strictjson.Binary(d, MaxSize)
		case "payloadType":
			e.PayloadType, err = strictjson.Text(d, maxText)
		case "signatures":
			err = strictjson.Items(d, MaxEntries, func(i int) error { return e.readSignature(d, i) })
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	if !present {
		return nil, err
	}
	return &e, err
}

func (e *Envelope) readSignature(d *jsontext.Decoder, i int) error {
	if i > 0 && d.PeekKind() != 0 {
		return check.Refuse("BP-8", check.DSSE, "has more than one signature, want exactly one").
			At(strings.TrimSuffix(strictjson.Where(d), "[0]"))
	}
	_, err := strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "sig":
			e.Signature, err = strictjson.Binary(d, MaxSize)
		case "keyid":
			e.KeyID, err = strictjson.Text(d, maxText)
		default:
			err = strictjson.Unknown(d)
		}
		return err
	})
	return err
}
