package verify

import (
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
)

// A checkedContent is what was signed: the artifact, by a digest of it, and what
// was stated about it.
type checkedContent struct {
	artifact  Digest
	statement *Statement // nil for a signature over the artifact itself
}

// checkContent checks that what was signed is about the artifact and of the
// wanted kind.
func checkContent(q *question, s checkedSignature) (checkedContent, error) {
	var none checkedContent
	e := q.bundle.Envelope
	if e == nil {
		if q.policy.Predicate != "" || q.policy.SubjectName != "" {
			return none, check.Refuse("J33", check.Content, "is a signature over the artifact, want an attestation")
		}
		return checkedContent{artifact: Digest{Algorithm: s.algorithm.hash, Value: s.digest}}, nil
	}
	st, subject, err := matching(e.Payload, q.artifact)
	if err != nil {
		return none, err
	}
	if name := q.policy.SubjectName; name != "" {
		if subject, err = named(st, name, q.artifact.byName()); err != nil {
			return none, err
		}
	}
	if st.PredicateType == "" {
		return none, check.Refuse("J26", check.Predicate, "predicate type is missing").At("predicateType")
	}
	if want := q.policy.Predicate; want != "" && st.PredicateType != want {
		return none, check.Refuse("J26", check.Predicate, "predicate type is %q, want %q", st.PredicateType, want).At("predicateType")
	}
	out := checkedContent{statement: &Statement{PredicateType: st.PredicateType, Payload: slices.Clone(e.Payload), Subject: subject.Name}}
	for _, d := range q.artifact.digests {
		if subject.Digest[hashName(d.Algorithm)] != "" && out.artifact.Algorithm == 0 {
			out.artifact = Digest{Algorithm: d.Algorithm, Value: slices.Clone(d.Value)}
		}
	}
	return out, nil
}

// named demands that every subject of a name is the artifact, and that there is
// one (J23).
func named(st *dsse.Statement, name string, digests map[string]string) (dsse.Subject, error) {
	same := dsse.Statement{Type: st.Type, PredicateType: st.PredicateType}
	for _, subject := range st.Subjects {
		if subject.Name != name {
			continue
		}
		same.Subjects = []dsse.Subject{subject}
		if _, err := same.Match(digests); err != nil {
			return dsse.Subject{}, check.Refuse("J23", check.Statement, "subject %q is not the artifact alone", name)
		}
	}
	if len(same.Subjects) == 0 {
		return dsse.Subject{}, check.Refuse("J23", check.Statement, "no subject is named %q", name)
	}
	return same.Subjects[0], nil
}
