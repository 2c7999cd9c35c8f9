package verify

import (
	"encoding/hex"
	"slices"

	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
)

// checkStatement checks that a signed statement is about the artifact and of the
// wanted kind. It returns nil for a signature over the artifact itself.
func checkStatement(q *question, s checkedSignature) (*Statement, error) {
	e := q.bundle.Envelope
	if e == nil {
		if q.policy.Predicate != "" || q.policy.SubjectName != "" {
			return nil, check.Refuse("J33", check.Content, "is a signature over the artifact, want an attestation")
		}
		return nil, nil
	}
	st, err := dsse.ParseStatement(e.Payload)
	if err != nil {
		return nil, err
	}
	digests := make(map[string]string, len(q.artifact.digests))
	for _, d := range q.artifact.digests {
		digests[hashName(d.Algorithm)] = hex.EncodeToString(d.Value)
	}
	subject, err := st.Match(digests)
	if err != nil {
		return nil, err
	}
	if name := q.policy.SubjectName; name != "" {
		if subject, err = named(st, name, digests); err != nil {
			return nil, err
		}
	}
	if st.PredicateType == "" {
		return nil, check.Refuse("J26", check.Predicate, "predicate type is missing").At("predicateType")
	}
	if want := q.policy.Predicate; want != "" && st.PredicateType != want {
		return nil, check.Refuse("J26", check.Predicate, "predicate type is %q, want %q", st.PredicateType, want).At("predicateType")
	}
	return &Statement{PredicateType: st.PredicateType, Payload: slices.Clone(e.Payload), Subject: subject.Name}, nil
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
