package main

import (
	"github.com/spf13/cobra"

	"paramedic/internal/version"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version.Read()
			if a.json {
				return a.writeJSON(v)
			}
			return a.printf("paramedic %s (%s, %s)\n", v.Version, v.Revision, v.Go)
		},
	}
}
