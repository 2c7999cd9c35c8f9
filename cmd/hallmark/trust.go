package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
	"github.com/hallmarksign/hallmark/trustroot"
	"github.com/hallmarksign/hallmark/trustroot/tuf"
)

func newTrust(e *env, done *outcome) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Show and manage what is trusted",
		Example: `  hallmark trust status
  hallmark trust add corp --mirror https://tuf.corp.example --root root.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("say what to do with the trust root").WithNext(`run "hallmark trust --help" for the list`)
		},
	}
	cmd.AddCommand(newTrustStatus(e, done), newTrustUpdate(e, done), newTrustExport(e, done), newTrustAdd(e, done))
	return cmd
}

func newTrustStatus(e *env, done *outcome) *cobra.Command {
	var trust trustFlags
	var output outputFlags
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Print instance, versions, expiry, age, keys and the hosts to allow",
		Example: "  hallmark trust status --instance staging",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			s, err := trust.status(cmd.Context(), e)
			if err != nil {
				return err
			}
			*done = informed()
			switch {
			case output.quiet:
				return nil
			case output.json:
				return s.writeJSON(e.stdout)
			}
			return s.writeText(e.stdout)
		},
	}
	trust.registerInstance(cmd.Flags())
	output.register(cmd.Flags())
	return cmd
}

func newTrustUpdate(e *env, done *outcome) *cobra.Command {
	var trust trustFlags
	cmd := &cobra.Command{
		Use:     "update",
		Short:   "Fetch the newest trust root now",
		Example: "  hallmark trust update",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := trust.client(e)
			if err != nil {
				return err
			}
			if err := client.Refresh(cmd.Context()); err != nil {
				return undecided(err)
			}
			*done = informed()
			_, err = fmt.Fprintf(e.stdout, "trust root of %s is up to date\n", trust.name(e))
			return err
		},
	}
	trust.registerInstance(cmd.Flags())
	return cmd
}

func newTrustExport(e *env, done *outcome) *cobra.Command {
	var trust trustFlags
	var out string
	var config, force bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print the trusted root, for --trusted-root elsewhere",
		Example: `  hallmark trust export > trusted_root.json
  hallmark trust export --signing-config --output signing_config.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := trust.client(e)
			if err != nil {
				return err
			}
			name := tuf.TrustedRoot
			if config {
				name = tuf.SigningConfig
			}
			data, err := client.Target(cmd.Context(), name)
			if err != nil {
				return undecided(err)
			}
			*done = informed()
			if out != "" {
				return atomicfile.Write(out, data, 0o644, atomicfile.Options{Overwrite: force})
			}
			_, err = e.stdout.Write(data)
			return err
		},
	}
	trust.registerInstance(cmd.Flags())
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this `FILE`")
	cmd.Flags().BoolVar(&config, "signing-config", false, "export the signing configuration instead")
	cmd.Flags().BoolVar(&force, "force", false, "replace a file that exists")
	return cmd
}

func newTrustAdd(e *env, done *outcome) *cobra.Command {
	var mirror, root string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a Sigstore instance under a name",
		Long: `Add a Sigstore instance, chosen later by --instance NAME or HALLMARK_INSTANCE.
Its TUF root must reach you on a way you trust: everything else follows from it.`,
		Example: "  hallmark trust add corp --mirror https://tuf.corp.example --root root.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("want one name, got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if mirror == "" || root == "" {
				return usage("--mirror and --root are needed").WithNext("hallmark trust add NAME --mirror URL --root FILE")
			}
			data, err := readBounded(root, trustroot.MaxSize)
			if err != nil {
				return err
			}
			s, err := store(e)
			if err != nil {
				return err
			}
			if s.Dir == "" {
				return &check.Error{Check: check.FS, Err: errNoConfigDir, Next: "set HOME or HALLMARK_CONFIG_DIR"}
			}
			if err := s.Add(args[0], mirror, data); err != nil {
				return err
			}
			*done = informed()
			_, err = fmt.Fprintf(e.stdout, "added %s; use it with --instance %s\n", args[0], args[0])
			return err
		},
	}
	cmd.Flags().StringVar(&mirror, "mirror", "", "`URL` of its TUF repository")
	cmd.Flags().StringVar(&root, "root", "", "`FILE` with its TUF root")
	return cmd
}
