package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set at link time from the release tag.
var version = "devel"

func newVersion(e *env, done *outcome) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  hallmark version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			*done = informed()
			platform := runtime.GOOS + "/" + runtime.GOARCH
			if asJSON {
				return writeJSON(e.stdout, map[string]any{
					"schema": 1, "version": version, "go": runtime.Version(), "platform": platform,
				})
			}
			_, err := fmt.Fprintf(e.stdout, "hallmark %s (%s, %s)\n", version, runtime.Version(), platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}
