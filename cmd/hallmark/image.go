package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/bundle"
	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/internal/dsse"
	"github.com/hallmarksign/hallmark/internal/fulcioext"
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

// imageCommand is a subcommand on images with n arguments.
func imageCommand(e *env, done *outcome, n int, cmd *cobra.Command, do func(ctx context.Context, c *oci.Client, args []string) error) *cobra.Command {
	var registry registryFlags
	registry.register(cmd.Flags())
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("want %d arguments, got %d", n, len(args)).WithNext("hallmark image " + cmd.Use)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		client, err := registry.client(e)
		if err != nil {
			return err
		}
		defer client.CloseIdle()
		defer sayUsed(e, client)
		if err := do(cmd.Context(), client, args); err != nil {
			return err
		}
		*done = informed()
		return nil
	}
	return cmd
}

func newImageTree(e *env, done *outcome) *cobra.Command {
	return imageCommand(e, done, 1, &cobra.Command{
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
		return printTree(e.stdout, branches, func(b oci.Branch) []string { return claimsOf(ctx, b) })
	})
}

// claimsOf says who the bundles in a branch claim to be from. Nothing of it is
// verified.
func claimsOf(ctx context.Context, b oci.Branch) []string {
	var claims []string
	for f, err := range b.Bundles(ctx) {
		if err != nil {
			claims = append(claims, "unreadable: "+err.Error())
			continue
		}
		claims = append(claims, claimOf(f.Bundle))
	}
	return claims
}

func claimOf(b *bundle.Bundle) string {
	text := "signature, claims a key"
	if cert, err := x509.ParseCertificate(b.Certificate); err == nil {
		text = "signature, claims an unknown identity"
		if who, err := fulcioext.Parse(cert); err == nil {
			text = fmt.Sprintf("signature, claims %s (%s), %s", who.Subject, issuerName(who.Issuer), cert.NotBefore.UTC().Format(time.RFC3339))
		}
	}
	if b.Envelope != nil {
		if s, err := dsse.ParseStatement(b.Envelope.Payload); err == nil && s.PredicateType != oci.SignPredicate {
			text = typeName(s.PredicateType) + " attestation" + strings.TrimPrefix(text, "signature")
		}
	}
	for _, entry := range b.Entries {
		text += fmt.Sprintf(", log index %d", entry.LogIndex)
	}
	return text
}

// printTree prints a tree, with what is in its branches on lines of their own.
func printTree(w io.Writer, branches []oci.Branch, claims func(oci.Branch) []string) error {
	depth := map[string]int{}
	var b strings.Builder
	for _, n := range branches {
		level := 0
		if n.Of != "" {
			level = depth[n.Of] + 1
		}
		depth[n.Digest] = level
		fmt.Fprintf(&b, "%s%-8s %s", strings.Repeat("  ", level), n.Kind, n.Digest)
		for _, extra := range []string{n.Platform.String(), n.ArtifactType, n.Tag, n.Where} {
			if extra != "" {
				b.WriteString("  " + printable(extra, 512))
			}
		}
		b.WriteByte('\n')
		for _, claim := range claims(n) {
			fmt.Fprintf(&b, "%s- %s\n", strings.Repeat("  ", level+1), printable(claim, 2048))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func newImageCopy(e *env, done *outcome) *cobra.Command {
	return imageCommand(e, done, 2, &cobra.Command{
		Use:     "copy SOURCE TARGET",
		Short:   "Copy an image with all that belongs to it, and list what moved",
		Example: "  hallmark image copy registry.example.com/app:1.2 mirror.example.com/app:1.2",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		report, err := c.Copy(ctx, a, reference(args[1]))
		return errors.Join(unmoved(err), printReport(e.stdout, report))
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
	cmd := imageCommand(e, done, 1, &cobra.Command{
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
		return printReport(e.stdout, report)
	})
	cmd.Flags().StringVarP(&out, "output", "o", "", "write the archive to this `FILE`")
	return cmd
}

func newImageLoad(e *env, done *outcome) *cobra.Command {
	return imageCommand(e, done, 2, &cobra.Command{
		Use:     "load ARCHIVE IMAGE",
		Short:   "Push an archive that save wrote",
		Example: "  hallmark image load app.tar registry.example.com/app:1.2",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		report, err := c.Load(ctx, strings.TrimPrefix(args[0], "oci:"), reference(args[1]))
		return errors.Join(unmoved(err), printReport(e.stdout, report))
	})
}

func printReport(w io.Writer, r oci.Report) error {
	var b strings.Builder
	for _, m := range r.Moved {
		fmt.Fprintf(&b, "%-8s %s  %s", m.Kind, m.Digest, printable(m.MediaType, 256))
		if m.To != "" {
			fmt.Fprintf(&b, "  %s -> %s", printable(m.From, 256), printable(m.To, 256))
		}
		fmt.Fprintf(&b, "  %d blobs, %d bytes sent\n", m.Blobs, m.Bytes)
	}
	if r.Ref != "" {
		fmt.Fprintf(&b, "%s\n", printable(r.Ref, 512))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func newImageDownload(e *env, done *outcome) *cobra.Command {
	return imageCommand(e, done, 1, &cobra.Command{
		Use:     "download IMAGE",
		Short:   "Print the bundles that are attached to an image, one on each line",
		Example: "  hallmark image download registry.example.com/app:1.2 > app.sigstore.jsonl",
	}, func(ctx context.Context, c *oci.Client, args []string) error {
		a, err := c.Resolve(ctx, reference(args[0]))
		if err != nil {
			return err
		}
		found := 0
		for f, err := range c.Bundles(ctx, a, maxCandidates) {
			if err != nil {
				return err
			}
			data := f.Raw
			if data == nil {
				if data, err = f.Bundle.Current().Marshal(); err != nil {
					fmt.Fprintf(e.stderr, "hallmark: warning: %s at the %s can't be written as a bundle: %s\n", f.Digest, f.Where, printable(err.Error(), 512))
					continue
				}
			}
			found++
			line, err := bundle.Parse(data)
			if err != nil {
				return err
			}
			if data, err = line.Current().Marshal(); err != nil {
				return err
			}
			if _, err := fmt.Fprintf(e.stdout, "%s\n", data); err != nil {
				return err
			}
		}
		if found == 0 {
			return &check.Error{Check: check.NotFound, Field: printable(a.Ref(), 512), Err: errors.New("no bundle is attached")}
		}
		return nil
	})
}

func newImageClean(e *env, done *outcome) *cobra.Command {
	var what oci.Selection
	var yes bool
	cmd := imageCommand(e, done, 1, &cobra.Command{
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
		list, err := c.Cleanable(ctx, a, what)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			_, err := fmt.Fprintln(e.stdout, "nothing to remove")
			return err
		}
		if err := printTree(e.stderr, list, func(b oci.Branch) []string { return claimsOf(ctx, b) }); err != nil {
			return err
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
		_, printed := fmt.Fprintf(e.stdout, "removed %d of %d\n", len(removed), len(list))
		return errors.Join(err, printed)
	})
	f := cmd.Flags()
	f.BoolVar(&what.Signatures, "signatures", false, "remove signatures")
	f.BoolVar(&what.Attestations, "attestations", false, "remove attestations")
	f.BoolVar(&what.SBOMs, "sboms", false, "remove what is under the old tag .sbom")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}
