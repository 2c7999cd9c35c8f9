package dsse

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// Limits of what is read (LM-3).
const (
	MaxSubjects = 1024 // subjects of a statement
	MaxDigests  = 32   // digests of one subject
)

const maxText = 64 << 10 // bytes of a name or a digest in a statement

// A Statement is a well-formed in-toto statement, v0.1 or v1.
type Statement struct {
	Type          string
	PredicateType string
	Subjects      []Subject
	Predicate     []byte // JSON as in the payload, whose memory it shares; nil if absent
}

// A Subject is one thing a statement is about.
type Subject struct {
	Name   string
	Digest map[string]string // algorithm name to lower-case hex
}

// ParseStatement reads a payload strictly (LM-3, EB). Errors are *check.Error
// of check statement or limit.
func ParseStatement(payload []byte) (*Statement, error) {
	var doc struct {
		Type          string   `json:"_type"`
		PredicateType string   `json:"predicateType"`
		Subject       subjects `json:"subject"`
		Predicate     place    `json:"predicate"`
	}
	err := strictjson.UnmarshalOpen(payload, &doc)
	var refused *check.Error
	if errors.As(err, &refused) && refused.Check == check.Limit {
		return nil, refused
	}
	if err != nil {
		return nil, check.Refuse("LM-2", check.Statement, "%v", err)
	}
	if doc.Type != "https://in-toto.io/Statement/v1" && doc.Type != "https://in-toto.io/Statement/v0.1" {
		return nil, check.Refuse("J18", check.Statement, "is %q, want https://in-toto.io/Statement/v1 or v0.1", doc.Type).At("_type")
	}
	if len(doc.Subject) == 0 {
		return nil, check.Refuse("ER-2", check.Statement, "names nothing").At("subject")
	}
	s := &Statement{Type: doc.Type, PredicateType: doc.PredicateType, Subjects: doc.Subject}
	if p := doc.Predicate; p.end > 0 && payload[p.start] != 'n' {
		s.Predicate = payload[p.start:p.end:p.end]
	}
	for i, subject := range s.Subjects {
		if err := subject.check(); err != nil {
			return nil, err.At(fmt.Sprintf("subject[%d].digest", i))
		}
	}
	return s, nil
}

// A place is where a value is in the text; it may be too large to copy.
type place struct{ start, end int64 }

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (p *place) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	p.end = d.InputOffset()
	p.start = p.end - int64(len(v))
	return err
}

// subjects is a list that is counted while it is read (LM-3).
type subjects []Subject

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (s *subjects) UnmarshalJSONFrom(d *jsontext.Decoder) (err error) {
	*s, err = strictjson.List(d, MaxSubjects, readSubject)
	return err
}

func readSubject(d *jsontext.Decoder) (s Subject, err error) {
	_, err = strictjson.Members(d, func(name []byte) (err error) {
		switch string(name) {
		case "name":
			s.Name, err = strictjson.Text(d, maxText)
		case "digest":
			s.Digest, err = readDigests(d)
		default:
			err = d.SkipValue()
		}
		return err
	})
	return s, err
}

func readDigests(d *jsontext.Decoder) (map[string]string, error) {
	digests := map[string]string{}
	_, err := strictjson.Members(d, func(name []byte) (err error) {
		algorithm := string(name)
		if len(digests) == MaxDigests {
			return check.Refuse("LM-3", check.Limit, "has more than %d digests", MaxDigests).At("subject")
		}
		digests[algorithm], err = strictjson.Text(d, maxText)
		return err
	})
	return digests, err
}
