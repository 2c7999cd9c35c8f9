package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// outputFlags say how results are printed.
type outputFlags struct {
	json, quiet, explain bool

	form string // of what is printed: "", json or predicate
}

const predicateForm = "predicate"

func (o *outputFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&o.json, "json", false, "print one JSON object per line")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors; the exit status is the answer")
}

// check refuses what contradicts itself, and settles what --output means.
func (o *outputFlags) check() error {
	switch o.form {
	case "", predicateForm:
	case "json":
		o.json = true
	default:
		return usage("--output %q is unknown, want json or predicate", o.form)
	}
	if o.quiet && (o.json || o.explain || o.form != "") {
		return usage("--quiet excludes --json, --explain and --output")
	}
	if o.form == predicateForm && (o.json || o.explain) {
		return usage("--output predicate excludes --json and --explain")
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
	case o.form == predicateForm:
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
