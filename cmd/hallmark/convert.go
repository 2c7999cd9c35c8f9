package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
)

func newConvert(e *env, done *outcome) *cobra.Command {
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "convert OLD --output NEW",
		Short: "Write an older bundle in the form of version 0.3",
		Long: `Read a bundle of version 0.1 or 0.2, or the older JSON of cosign, and write it in
the form that every client reads. All evidence is kept; certificates after the
signer's are left out with a remark, because verifiers take them from their trust
root. Nothing is verified. What version 0.3 can't hold, such as a log entry without
inclusion proof, is refused.`,
		Example: `  hallmark convert app.bundle --output app.sigstore.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || out == "" {
				return usage("want one bundle and --output FILE").WithNext("hallmark convert OLD --output NEW")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := readBounded(args[0], bundle.MaxSize)
			if err != nil {
				return err
			}
			b, err := bundle.Open(data)
			if err != nil {
				return named(args[0], err)
			}
			converted, err := b.Current().Marshal()
			if err != nil {
				return named(args[0], unconvertible(err))
			}
			if err := atomicfile.Write(out, append(converted, '\n'), 0o644, atomicfile.Options{Overwrite: force}); err != nil {
				return err
			}
			if n := len(b.Chain); n > 0 {
				fmt.Fprintf(e.stderr, "hallmark: warning: certificates after the signer's are left out: %d; a trust root that lacks an intermediate one does not verify the new bundle\n", n)
			}
			*done = informed()
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the new bundle to this `FILE`")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that exists")
	return cmd
}

// unconvertible adds the next step to the reason why 0.3 can't hold a bundle.
func unconvertible(err error) error {
	if refused, ok := err.(*check.Error); ok && refused.Next == "" {
		return refused.WithNext("keep the old file; hallmark verify reads it as it is")
	}
	return err
}
