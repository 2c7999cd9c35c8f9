package removal

// An Effect is what became of a fixture when a check was removed, the best that
// any fixture showed.
type Effect int

// The effects, from nothing to what is wanted.
const (
	Nothing  Effect = iota // no fixture noticed
	Echoed                 // another statement refused under the same name
	Doubled                // another check refused
	Broken                 // the code behind relies on the check: it panicked
	Accepted               // a bad input was accepted
)

func (e Effect) String() string {
	return [...]string{"survives", "echoed", "doubled", "broken", "accepted"}[e]
}

// Panicked is the outcome of a fixture that made the verifier panic.
const Panicked = "panic"

// A Verdict is what became of one check.
type Verdict struct {
	N       int    `json:"n"`
	Due     int    `json:"due"` // fixtures for which the check was due
	Effect  Effect `json:"effect"`
	Fixture string `json:"fixture"` // that showed it
	Now     string `json:"now"`     // the check that refuses it now
}

// Judge compares the outcome of a fixture with and without a check.
func Judge(check, text, now, nowText string) Effect {
	switch {
	case now == "" && check != "":
		return Accepted
	case now == Panicked:
		return Broken
	case now != check:
		return Doubled
	case nowText != text:
		return Echoed
	}
	return Nothing
}
