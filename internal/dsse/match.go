package dsse

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/hallmarksign/hallmark/internal/check"
)

// Match returns the first subject that has the artifact's digest. The digests
// are the artifact's, by algorithm: sha256, sha384, sha512, in lower-case hex;
// give all that are known, because a subject that agrees in one and differs in
// another is refused, whatever other subjects say.
func (s *Statement) Match(digests map[string]string) (Subject, error) {
	if len(digests) == 0 {
		return Subject{}, check.Refuse("ER-2", check.Usage, "no digest of the artifact to look for")
	}
	for _, algorithm := range slices.Sorted(maps.Keys(digests)) {
		if size(algorithm) == 0 {
			return Subject{}, check.Refuse("LM-6", check.Usage, "digest algorithm is %q, want sha256, sha384 or sha512", algorithm)
		}
		if !wellFormed(algorithm, digests[algorithm]) {
			return Subject{}, check.Refuse("LM-6", check.Digest, "%s of the artifact is %q, want %d lower-case hexadecimal digits",
				algorithm, digests[algorithm], 2*size(algorithm))
		}
	}
	var found []Subject
	for _, subject := range s.Subjects {
		same, other := subject.compare(digests)
		if same != "" && other != "" {
			return Subject{}, check.Refuse("J24", check.Statement, "subject %q has the artifact's %s, but another %s", subject.Name, same, other)
		}
		if same != "" {
			found = append(found, subject)
		}
	}
	if len(found) == 0 {
		return Subject{}, check.Refuse("J20", check.Statement, "artifact is none of the %d subjects", len(s.Subjects))
	}
	return found[0], nil
}

// compare names an algorithm by which the subject is the artifact, and one by
// which it is not.
func (s Subject) compare(digests map[string]string) (same, other string) {
	for _, algorithm := range slices.Sorted(maps.Keys(digests)) {
		value, ok := s.Digest[algorithm]
		switch {
		case !ok:
		case value == digests[algorithm]:
			same = algorithm
		default:
			other = algorithm
		}
	}
	return same, other
}

// check refuses digests that can't be what their algorithm says (J21, J22).
// What algorithms we do not know write is their own affair, but not nothing.
func (s Subject) check() *check.Error {
	if len(s.Digest) == 0 {
		return check.Refuse("J19", check.Statement, "is empty")
	}
	for _, algorithm := range slices.Sorted(maps.Keys(s.Digest)) {
		value := s.Digest[algorithm]
		if value == "" {
			return check.Refuse("J22", check.Statement, "%q is empty", algorithm)
		}
		if size(algorithm) != 0 && !wellFormed(algorithm, value) {
			return check.Refuse("J21", check.Statement, "%s is %q, want %d lower-case hexadecimal digits", algorithm, value, 2*size(algorithm))
		}
	}
	return nil
}

// wellFormed reports whether value is lower-case hex of the algorithm's length.
func wellFormed(algorithm, value string) bool {
	raw, err := hex.DecodeString(value)
	return err == nil && len(raw) == size(algorithm) && strings.ToLower(value) == value
}

// size returns the bytes in a digest of the algorithm, 0 if it is not known.
func size(algorithm string) int {
	switch algorithm {
	case "sha256":
		return 32
	case "sha384":
		return 48
	case "sha512":
		return 64
	}
	return 0
}
