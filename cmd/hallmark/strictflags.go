package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	errEmptyValue = errors.New("is empty: leave the flag out, or look at the variable that it came from")
	errTwoValues  = errors.New("is given with two values")
)

// A strictValue is the value of a flag that is given once. What a script left
// empty, or says twice, must not demand less than it seems to: the library takes
// the last value, and an empty one is as good as none (R1, ID-7).
type strictValue struct {
	pflag.Value
	initial string // flags may share a variable
	given   bool
}

// Set implements pflag.Value.
func (v *strictValue) Set(text string) error {
	if text == "" {
		return errEmptyValue
	}
	before := v.String()
	if err := v.Value.Set(text); err != nil {
		return err
	}
	if (v.given || before != v.initial) && before != v.String() {
		return errTwoValues
	}
	v.given = true
	return nil
}

// makeStrict makes all flags strict of a command and those below it, but for those
// that may be repeated.
func makeStrict(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if _, list := f.Value.(pflag.SliceValue); !list {
			f.Value = &strictValue{Value: f.Value, initial: f.Value.String()}
		}
	})
	for _, c := range cmd.Commands() {
		makeStrict(c)
	}
}
