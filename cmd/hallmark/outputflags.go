package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// outputFlags say how results are printed.
type outputFlags struct {
	json, quiet, explain bool

	part string // of what was verified, printed alone: "", or predicate
}

const predicatePart = "predicate"

func (o *outputFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&o.json, "json", false, "print one JSON object per line")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors; the exit status is the answer")
}

func (o *outputFlags) check() error {
	if o.part != "" && o.part != predicatePart {
		return usage("--output %q is unknown, want predicate", o.part)
	}
	if o.quiet && (o.json || o.explain || o.part != "") {
		return usage("--quiet excludes --json, --explain and --output")
	}
	if o.part != "" && (o.json || o.explain) {
		return usage("--output excludes --json and --explain")
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
	case o.part == predicatePart:
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
