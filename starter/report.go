package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

// reportDefault is the time that a report covers unless told otherwise.
const reportDefault = 7 * 24 * time.Hour

// reportJSON is a report for programs.
type reportJSON struct {
	Since    operator.Time    `json:"since"`
	Services []operator.Tally `json:"services"`
	Total    operator.Tally   `json:"total"`
}

func (a *app) reportCommand() *cobra.Command {
	var since string
	var filter operator.Filter
	command := &cobra.Command{
		Use:   "report",
		Short: "Sum up what happened, what was done, and what would have been done in mode observe",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			length := reportDefault
			if since != "" {
				var err error
				if length, err = parseLength(since); err != nil {
					return fmt.Errorf("--since %w", err)
				}
			}
			filter.Since = time.Now().Add(-length)
			return a.withTemporal(command.Context(), func(s session) error {
				if filter.Service != "" {
					service, _ := split(filter.Service)
					if _, err := find(s.config, service); err != nil {
						return err
					}
				}
				incidents, err := s.Incidents(command.Context(), filter)
				if err != nil {
					return err
				}
				return a.showReport(incidents, filter.Since)
			})
		},
	}
	command.Flags().StringVar(&since, "since", "", "how far to look back, like 24h or 30d (7d unless set)")
	command.Flags().StringVar(&filter.Service, "service", "", "only one service, or one SERVICE/TARGET")
	return command
}

// parseLength reads a length of time; days are allowed, as people think in them.
func parseLength(text string) (time.Duration, error) {
	if len(text) > 1 && text[len(text)-1] == 'd' {
		if days, err := strconv.ParseUint(text[:len(text)-1], 10, 16); err == nil && days > 0 {
			return time.Duration(days) * 24 * time.Hour, nil
		}
	}
	length, err := health.ParseDuration(text)
	if err != nil || length <= 0 {
		return 0, fmt.Errorf("%q is not a length of time; write it like 24h or 30d", text)
	}
	return length.Std(), nil
}

func (a *app) showReport(incidents []operator.Incident, since time.Time) error {
	services, total := operator.Summarize(incidents)
	if a.json {
		return a.writeJSON(reportJSON{Since: operator.Time{Time: since}, Services: list(services), Total: total})
	}
	if len(services) == 0 {
		return a.printf("no incidents since %s\n", stamp(since))
	}
	if err := a.printf("Since %s\n\n", stamp(since)); err != nil {
		return err
	}
	rows := make([][]string, 0, len(services)+1)
	for _, tally := range append(services, total) {
		rows = append(rows, []string{
			tally.Service, strconv.Itoa(tally.Incidents), strconv.Itoa(tally.Open), span(tally.DowntimeSeconds),
			strconv.Itoa(tally.Restarts), strconv.Itoa(tally.Observed),
			mean(tally.HealedByUs, tally.HealedByUsSeconds), mean(tally.HealedByOthers, tally.HealedOthersSeconds),
			strconv.Itoa(tally.Unacknowledged), orDash(held(tally.Held)),
		})
	}
	return a.table([]string{"SERVICE", "INCIDENTS", "OPEN", "DOWNTIME", "RESTARTS", "WOULD HAVE RESTARTED",
		"HEALED BY US", "BY OTHERS", "UNACKNOWLEDGED", "HELD"}, rows)
}

func span(seconds float64) string { return health.Span(time.Duration(seconds * float64(time.Second))) }

// mean writes a number of incidents and their mean time to heal.
func mean(incidents int, seconds float64) string {
	if incidents == 0 {
		return "-"
	}
	return fmt.Sprintf("%d, in %s", incidents, span(seconds))
}
