package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"paramedic/internal/apply"
)

func (a *app) applyCommand() *cobra.Command {
	var dryRun bool
	command := &cobra.Command{
		Use:   "apply",
		Short: "Make Temporal watch exactly the services of the configuration",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.withTemporal(command.Context(), func(s session) error {
				return a.apply(command.Context(), s, dryRun)
			})
		},
	}
	command.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	return command
}

func (a *app) apply(ctx context.Context, s session, dryRun bool) error {
	if !dryRun {
		if err := apply.EnsureSearchAttributes(ctx, s.connection, s.connection.Namespace); err != nil {
			return err
		}
	}
	changes, err := apply.Apply(ctx, s.connection, s.config, dryRun)
	if a.json {
		return errors.Join(a.writeJSON(list(changes)), err)
	}
	return errors.Join(a.showChanges(changes, dryRun), err)
}

func (a *app) showChanges(changes []apply.Change, dryRun bool) error {
	rows := make([][]string, 0, len(changes))
	counts := map[apply.Action]int{}
	for _, change := range changes {
		counts[change.Action]++
		rows = append(rows, []string{string(change.Action), change.Service, change.Detail})
	}
	if err := a.table(nil, rows); err != nil {
		return err
	}
	summary := fmt.Sprintf("%d created, %d changed, %d unchanged, %d deleted",
		counts[apply.Created], counts[apply.Changed], counts[apply.Unchanged], counts[apply.Deleted])
	if dryRun {
		summary += " (dry run: nothing was done)"
	}
	return a.printf("%s\n", summary)
}
