package main

import (
	"github.com/spf13/pflag"

	"github.com/hallmarksign/hallmark/verify"
)

// evidenceFlags say how much evidence is demanded (TT-1..TT-3).
type evidenceFlags struct {
	scts, logs, times          uint
	skipSCT, skipLog, skipTime bool
}

func (v *evidenceFlags) register(f *pflag.FlagSet) {
	f.UintVar(&v.scts, "min-scts", 1, "`NUMBER` of certificate transparency logs, by different operators, that must have seen the certificate")
	f.UintVar(&v.logs, "min-logs", 1, "`NUMBER` of transparency logs, by different operators, that must hold the signature")
	f.UintVar(&v.times, "min-times", 1, "`NUMBER` of authorities, by different operators, that must say when it was signed")
	f.BoolVar(&v.skipSCT, "insecure-skip-sct", false, "demand no certificate transparency")
	f.BoolVar(&v.skipLog, "insecure-skip-log", false, "demand no transparency log")
	f.BoolVar(&v.skipTime, "insecure-skip-time", false, "demand no time of signing; certificates need one all the same")
}

func (v *evidenceFlags) evidence() (verify.Evidence, error) {
	var e verify.Evidence
	for _, part := range []struct {
		flag, skipFlag string
		n              uint
		skip           bool
		to             *int
	}{
		{"min-scts", "insecure-skip-sct", v.scts, v.skipSCT, &e.SCTs},
		{"min-logs", "insecure-skip-log", v.logs, v.skipLog, &e.Logs},
		{"min-times", "insecure-skip-time", v.times, v.skipTime, &e.Times},
	} {
		switch {
		case part.skip && part.n != 1:
			return e, usage("--%s excludes --%s", part.skipFlag, part.flag)
		case part.skip:
		case part.n < 1 || part.n > 32:
			return e, usage("--%s is %d, want 1 to 32", part.flag, part.n)
		default:
			*part.to = int(part.n)
		}
	}
	return e, nil
}
