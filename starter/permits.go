package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/workflows"
)

func (a *app) permitsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "permits",
		Short: "Show which services are being restarted, which wait for it, and what each has spent",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.withTemporal(command.Context(), func(s session) error {
				ledger, err := s.Ledger(command.Context())
				if err != nil {
					return err
				}
				return a.showLedger(ledger, time.Now())
			})
		},
	}
}

func (a *app) showLedger(ledger workflows.Ledger, now time.Time) error {
	if a.json {
		return a.writeJSON(ledger)
	}
	if len(ledger.Accounts) == 0 {
		return a.printf("nothing is down, restarted or spent\n")
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(ledger.Accounts)) {
		account := ledger.Accounts[name]
		state := "up"
		switch place := slices.Index(ledger.Queue, name); {
		case account.Permit.After(now):
			state = "being restarted, at the latest until " + stamp(account.Permit)
		case place >= 0:
			state = "waits, place " + strconv.Itoa(place+1)
		case account.Down:
			state = "down"
		}
		rows = append(rows, []string{name, state, strconv.Itoa(spent(account, now)), account.Incident})
	}
	if err := a.table([]string{"SERVICE", "STATE", "RESTARTS IN 24 H", "LATEST INCIDENT"}, rows); err != nil {
		return err
	}
	if len(ledger.Queue) == 0 {
		return nil
	}
	return a.printf("\nqueue: %s\n", strings.Join(ledger.Queue, ", "))
}

// spent counts the restarts of the last day.
func spent(account *workflows.Account, now time.Time) int {
	count := 0
	for _, spending := range account.Spent {
		if !spending.Observed && spending.At.After(now.Add(-24*time.Hour)) {
			count++
		}
	}
	return count
}
