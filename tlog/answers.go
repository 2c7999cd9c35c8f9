package tlog

import (
	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/strictjson"
)

// MaxAnswer bounds an answer of a log, in bytes.
const MaxAnswer = maxAnswer

// An Answer is an entry as Rekor v1 answers, with its id. Nothing of it is
// believed yet; its kind and version are left open.
type Answer struct {
	ID    string
	Entry bundle.Entry
}

// ParseAnswer reads an answer of Rekor v1 with exactly one entry (SG-12). Its
// errors are *check.Error of check server.
func ParseAnswer(answer []byte) (Answer, error) {
	a, err := parse1(answer)
	if err != nil {
		return Answer{}, err
	}
	if !isID(a.ID) {
		return Answer{}, check.Refuse("SG-12", check.Server, "entry id is %q, want 64 or 80 hexadecimal digits", a.ID)
	}
	return a, nil
}

// ParseAnswers reads a list of such answers, of at most most entries.
func ParseAnswers(list []byte, most int) ([]Answer, error) {
	var all []rawJSON
	if err := strictjson.UnmarshalOpen(list, &all); err != nil {
		return nil, lied(err)
	}
	if len(all) > most {
		return nil, check.Refuse("SG-12", check.Server, "answer has %d entries, want at most %d", len(all), most)
	}
	out := make([]Answer, len(all))
	for i, one := range all {
		var err error
		if out[i], err = ParseAnswer(one); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// IsID reports whether s is an entry id of Rekor v1: a leaf hash in lower-case
// hexadecimal, with or without the 8 bytes of a tree id before it.
func IsID(s string) bool { return isID(s) }

// rawJSON is a JSON value as it is written.
type rawJSON []byte

// UnmarshalJSON implements json.Unmarshaler.
func (r *rawJSON) UnmarshalJSON(data []byte) error {
	*r = append((*r)[:0], data...)
	return nil
}
