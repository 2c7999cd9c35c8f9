package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/oci"
)

func newImage(e *env, done *outcome) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "image",
		Short: "Show, copy, save and clean images with all that belongs to them",
		Example: `  hallmark image tree registry.example.com/app:1.2
  hallmark image copy registry.example.com/app:1.2 mirror.example.com/app:1.2`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usage("say what to do with the image").WithNext(`run "hallmark image --help" for the list`)
		},
	}
	cmd.AddCommand(newImageTree(e, done), newImageCopy(e, done), newImageAttach(e, done),
		newImageDownload(e, done), newImageSave(e, done), newImageLoad(e, done), newImageClean(e, done))
	return cmd
}

// imageCommand is a subcommand on images with n arguments. One that prints bundles
// has no output flags.
func imageCommand(e *env, done *outcome, n int, output *outputFlags, cmd *cobra.Command, do func(ctx context.Context, c *oci.Client, args []string) error) *cobra.Command {
	var registry registryFlags
	registry.register(cmd.Flags())
	if output != nil {
		output.register(cmd.Flags())
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("want %d arguments, got %d", n, len(args)).WithNext("hallmark image " + cmd.Use)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if output != nil {
			if err := output.check(); err != nil {
				return err
			}
		}
		client, err := registry.client(e)
		if err != nil {
			return err
		}
		defer client.CloseIdle()
		if output == nil || !output.quiet {
			defer sayUsed(e, client)
		}
		if err := do(cmd.Context(), client, args); err != nil {
			return err
		}
		*done = informed()
		return nil
	}
	return cmd
}

func newImageTree(e *env, done *outcome) *cobra.Command {
	var output outputFlags
	return imageCommand(e, done, 1, &output, &cobra.Command{
		Use:     "tree IMAGE",
		Short:   "List an image with all that belongs to it; verifies nothing",
		Example: "  hallmark image tree registry.example.com/app:1.2",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		branches, err := c.Tree(ctx, a)
		if err != nil {
			return err
		}
		return output.printTree(e.stdout, branches, claimsOf(ctx))
	})
}

func newImageCopy(e *env, done *outcome) *cobra.Command {
	var output outputFlags
	return imageCommand(e, done, 2, &output, &cobra.Command{
		Use:     "copy SOURCE TARGET",
		Short:   "Copy an image with all that belongs to it, and list what moved",
		Example: "  hallmark image copy registry.example.com/app:1.2 mirror.example.com/app:1.2",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		report, err := c.Copy(ctx, a, reference(args[1]))
		sayLeft(e, report.Left)
		return errors.Join(unmoved(err), output.printReport(e.stdout, report))
	})
}

// unmoved says of a copy that broke off that it can be repeated.
func unmoved(err error) error {
	if refused, ok := errors.AsType[*check.Error](err); ok && refused.Check == check.Net && refused.Next == "" {
		return refused.WithNext("run the same command again; what is there is not sent again")
	}
	return err
}

func newImageSave(e *env, done *outcome) *cobra.Command {
	var out string
	var output outputFlags
	cmd := imageCommand(e, done, 1, &output, &cobra.Command{
		Use:     "save IMAGE --output FILE",
		Short:   "Write an image with all that belongs to it to one archive",
		Example: "  hallmark image save registry.example.com/app:1.2 --output app.tar\n  hallmark verify oci:app.tar --from github:owner/repo --offline",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		if out == "" {
			return usage("--output FILE is needed")
		}
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		var report oci.Report
		err = atomicfile.Stream(out, 0o644, atomicfile.Options{}, func(w io.Writer) (err error) {
			report, err = c.Save(ctx, a, w)
			return err
		})
		if err != nil {
			return err
		}
		sayLeft(e, report.Left)
		return output.printReport(e.stdout, report)
	})
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the archive to this `FILE`")
	return cmd
}

func newImageLoad(e *env, done *outcome) *cobra.Command {
	var output outputFlags
	return imageCommand(e, done, 2, &output, &cobra.Command{
		Use:     "load ARCHIVE IMAGE",
		Short:   "Push an archive that save wrote",
		Example: "  hallmark image load app.tar registry.example.com/app:1.2",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		report, err := c.Load(ctx, strings.TrimPrefix(args[0], "oci:"), reference(args[1]))
		sayLeft(e, report.Left)
		return errors.Join(unmoved(err), output.printReport(e.stdout, report))
	})
}

func newImageDownload(e *env, done *outcome) *cobra.Command {
	return imageCommand(e, done, 1, nil, &cobra.Command{
		Use:     "download IMAGE",
		Short:   "Print the bundles that are attached to an image, one on each line",
		Example: "  hallmark image download registry.example.com/app:1.2 > app.sigstore.jsonl",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		return download(ctx, e, c, a)
	})
}

// download prints the bundles of an image as they come. What can't be read is said and
// is no bundle; what could not be looked at is said too, and fails the command when the
// others are printed.
func download(ctx context.Context, e *env, c *oci.Client, a oci.Artifact) error {
	found, odd, first, open := 0, remarks{e: e}, error(nil), error(nil)
	defer odd.end()
	for f, err := range c.Bundles(ctx, a, maxCandidates) {
		var line []byte
		if err == nil {
			line, err = oneLine(f)
		}
		if err != nil && f.Digest == "" {
			return err
		}
		if err != nil {
			if c := check.Of(err); c.Exit() != check.ExitNo && c != check.Limit {
				open = cmp.Or(open, err)
			}
			first = cmp.Or(first, err)
			odd.say("%s at the %s is left out: %v", f.Digest, f.Where, err)
			continue
		}
		found++
		if _, err := fmt.Fprintf(e.stdout, "%s\n", line); err != nil {
			return err
		}
	}
	if open != nil {
		return open
	}
	if first != nil && found == 0 {
		return first
	}
	if found == 0 {
		return &check.Error{Check: check.NotFound, Field: printable(a.Ref(), 512), Err: errors.New("no bundle is attached")}
	}
	return nil
}

// oneLine writes a bundle of the present version on one line.
func oneLine(f oci.Found) ([]byte, error) {
	data, err := f.Raw, error(nil)
	if data == nil {
		if data, err = f.Bundle.Current().Marshal(); err != nil {
			return nil, err
		}
	}
	b, err := bundle.Parse(data)
	if err != nil {
		return nil, err
	}
	return b.Current().Marshal()
}

// notRead says of a listing of referrers that it is longer than what was looked at.
func notRead(so, next string) error {
	return check.Refuse("OC-8", check.Limit, "listing of referrers is longer than what is read of it: %s", so).WithNext(next)
}

func newImageClean(e *env, done *outcome) *cobra.Command {
	var what oci.Selection
	var yes bool
	var output outputFlags
	cmd := imageCommand(e, done, 1, &output, &cobra.Command{
		Use:     "clean IMAGE",
		Short:   "Remove signatures or attestations from an image",
		Example: "  hallmark image clean registry.example.com/app:1.2 --signatures",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		if what == (oci.Selection{}) {
			return usage("say what to remove: --signatures, --attestations or --sboms")
		}
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		list, more, err := c.Cleanable(ctx, a, what)
		if err != nil {
			return err
		}
		if len(list) == 0 && more {
			return notRead("nothing of it is to be removed", "remove what is not wanted by the means of the registry")
		}
		if len(list) == 0 {
			output.say(e, "nothing to remove")
			return nil
		}
		if !output.quiet || !yes { // what is asked about is shown
			if err := writeTree(e.stderr, list, claimsOf(ctx)); err != nil {
				return err
			}
		}
		if !yes {
			if e.ci() || !e.terminal {
				return usage("nobody is there to agree").WithNext("add --yes if you agree")
			}
			what := "this one"
			if len(list) > 1 {
				what = fmt.Sprintf("these %d", len(list))
			}
			fmt.Fprintf(e.stderr, "Remove %s for good? [y/N] ", what)
			if answer, err := ask(ctx, e); err != nil || answer != "y" && answer != "yes" {
				return usage("not agreed; nothing was removed")
			}
		}
		removed, err := c.Clean(ctx, a, list)
		if err == nil && more {
			err = notRead("there may be more to remove", "run the same command again")
		}
		if output.json {
			return errors.Join(err, output.printTree(e.stdout, removed, func(oci.Branch) []claimJSON { return nil }))
		}
		if !output.quiet {
			fmt.Fprintf(e.stdout, "removed %d of %d\n", len(removed), len(list))
		}
		return err
	})
	f := cmd.Flags()
	f.BoolVar(&what.Signatures, "signatures", false, "remove signatures")
	f.BoolVar(&what.Attestations, "attestations", false, "remove attestations")
	f.BoolVar(&what.SBOMs, "sboms", false, "remove what is under the old tag .sbom")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
