package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

func (a *app) deadLettersCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "deadletters",
		Short: "List the alerts that could not be delivered, and those that wait",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return a.withTemporal(command.Context(), func(s session) error {
				outboxes, err := s.Outboxes(command.Context(), receivers(s.config))
				if err != nil {
					return err
				}
				return a.showOutboxes(outboxes, time.Now())
			})
		},
	}
	command.AddCommand(a.resendCommand())
	return command
}

func receivers(cfg *config.Config) []string {
	var all []string
	for _, receiver := range cfg.Receivers {
		all = append(all, receiver.Name)
	}
	return all
}

func (a *app) showOutboxes(outboxes []workflows.OutboxState, now time.Time) error {
	if a.json {
		return a.writeJSON(outboxes)
	}
	var letters, waiting [][]string
	for _, outbox := range outboxes {
		for _, letter := range outbox.Dead {
			letters = append(letters, []string{
				letter.Receiver + "/" + letter.ID, stamp(letter.At), letter.Alert.Service, string(letter.Alert.Status),
				strconv.Itoa(letter.Tries), letter.Error,
			})
		}
		if left := len(outbox.Waiting) + len(outbox.Sending); left > 0 {
			failing := "-"
			if outbox.Tries > 0 {
				failing = fmt.Sprintf("failing for %s, %s, next at %s: %s",
					health.Span(now.Sub(outbox.Since)), count(outbox.Tries, "try"), stamp(outbox.RetryAt), outbox.Error)
			}
			waiting = append(waiting, []string{outbox.Receiver, strconv.Itoa(left), failing})
		}
	}
	if len(letters) == 0 {
		if err := a.printf("no dead letters\n"); err != nil {
			return err
		}
	} else if err := a.table([]string{"DEAD LETTER", "SINCE", "SERVICE", "STATUS", "TRIES", "ERROR"}, letters); err != nil {
		return err
	}
	if len(waiting) == 0 {
		return nil
	}
	if err := a.printf("\n"); err != nil {
		return err
	}
	return a.table([]string{"RECEIVER", "WAITING", "STATE"}, waiting)
}

func (a *app) resendCommand() *cobra.Command {
	var by string
	var all bool
	command := &cobra.Command{
		Use:   "retry RECEIVER/ID ... --by NAME",
		Short: "Send dead letters again, or all of them with --all",
		RunE: func(command *cobra.Command, args []string) error {
			if strings.TrimSpace(by) == "" {
				return operator.ErrNobody
			}
			if all == (len(args) > 0) {
				return fmt.Errorf("name the dead letters to send again as the list shows them, RECEIVER/ID, or give --all")
			}
			return a.withTemporal(command.Context(), func(s session) error {
				return a.resend(command.Context(), s, args, all, by)
			})
		},
	}
	command.Flags().StringVar(&by, "by", "", "who you are (required)")
	command.Flags().BoolVar(&all, "all", false, "all dead letters of all receivers")
	return command
}

// letterName names one dead letter.
type letterName struct{ receiver, id string }

// parseDeadLetters checks all names before anything is sent.
func parseDeadLetters(cfg *config.Config, names []string) ([]letterName, error) {
	letters := make([]letterName, 0, len(names))
	for _, name := range names {
		receiver, id, err := operator.ParseDeadLetter(name)
		if err != nil {
			return nil, err
		}
		if _, known := cfg.Receiver(receiver); !known {
			return nil, fmt.Errorf("there is no receiver %q; configured: %s", receiver, strings.Join(receivers(cfg), ", "))
		}
		letters = append(letters, letterName{receiver, id})
	}
	return letters, nil
}

func (a *app) resend(ctx context.Context, s session, names []string, all bool, by string) error {
	if all {
		outboxes, err := s.Outboxes(ctx, receivers(s.config))
		if err != nil {
			return err
		}
		for _, outbox := range outboxes {
			for _, letter := range outbox.Dead {
				names = append(names, outbox.Receiver+"/"+letter.ID)
			}
		}
	}
	letters, err := parseDeadLetters(s.config, names)
	if err != nil {
		return err
	}
	sent := 0
	for _, letter := range letters {
		resent, err := s.Resend(ctx, letter.receiver, workflows.Resend{ID: letter.id, By: by})
		if err != nil {
			return fmt.Errorf("%w (%s on the way again before it)", err, count(sent, "alert"))
		}
		sent += resent
	}
	if a.json {
		return a.writeJSON(map[string]int{"resent": sent})
	}
	return a.printf("%s on the way again\n", count(sent, "alert"))
}
