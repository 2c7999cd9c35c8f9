package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// outputFlags say how results are printed.
type outputFlags struct {
	json, quiet, explain, predicate bool
}

func (o *outputFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&o.json, "json", false, "print one JSON object per line")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors; the exit status is the answer")
}

func (o *outputFlags) check() error {
	if o.quiet && (o.json || o.explain || o.predicate) {
		return usage("--quiet excludes --json, --explain and --print-predicate")
	}
	if o.predicate && (o.json || o.explain) {
		return usage("--print-predicate excludes --json and --explain")
	}
	return nil
}

// print writes a verdict to standard output; what could not be decided is said
// on standard error only (ER-5).
func (o *outputFlags) print(e *env, v verdict) error {
	switch {
	case o.quiet:
		return nil
	case o.json:
		return v.writeJSON(e.stdout, o.explain)
	case o.predicate:
		return v.writePredicate(e.stdout)
	}
	return v.writeText(e.stdout, o.explain)
}

// say prints a remark for people on standard error.
func (o *outputFlags) say(e *env, format string, args ...any) {
	if !o.quiet {
		fmt.Fprintf(e.stderr, format+"\n", args...)
	}
}
