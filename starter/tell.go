package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// author is who acts and why, from flags.
type author struct{ by, note string }

func (w *author) flags(command *cobra.Command, withNote bool) {
	command.Flags().StringVar(&w.by, "by", "", "who you are (required)")
	if withNote {
		command.Flags().StringVar(&w.note, "note", "", "why, for those who read it later")
	}
}

func (a *app) pauseCommand() *cobra.Command {
	var who author
	command := &cobra.Command{
		Use:   "pause SERVICE --by NAME",
		Short: "Stop probing a service until it is resumed",
		Args:  exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			return a.asked(command.Context(), who, args[0], func(s session, service config.Service) error {
				state, err := s.Pause(command.Context(), service.Name, workflows.Pause{By: who.by, Note: who.note})
				return a.report(service, state, err)
			})
		},
	}
	who.flags(command, true)
	return command
}

func (a *app) resumeCommand() *cobra.Command {
	var who author
	command := &cobra.Command{
		Use:   "resume SERVICE --by NAME",
		Short: "Take a pause back",
		Args:  exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			return a.asked(command.Context(), who, args[0], func(s session, service config.Service) error {
				state, err := s.Resume(command.Context(), service.Name, workflows.Resume{By: who.by})
				return a.report(service, state, err)
			})
		},
	}
	who.flags(command, false)
	return command
}

func (a *app) probeNowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "probe-now SERVICE",
		Short: "Have the worker probe a service at once; exit code 1 when it is unhealthy",
		Args:  exactlyOne,
		RunE: func(command *cobra.Command, args []string) error {
			return a.withService(command.Context(), args[0], func(s session, service config.Service) error {
				state, err := s.ProbeNow(command.Context(), service.Name, service.Timeout.Std())
				if err != nil {
					return err
				}
				up := state.State == health.StateHealthy || state.State == health.StateDegraded
				return errors.Join(a.report(service, state, nil), notGoodUnless(up))
			})
		},
	}
}

// asked is withService for a request that must say who makes it; it fails
// before anything is asked of Temporal.
func (a *app) asked(ctx context.Context, who author, service string, do func(session, config.Service) error) error {
	if strings.TrimSpace(who.by) == "" {
		return operator.ErrNobody
	}
	return a.withService(ctx, service, do)
}

// report shows where a service stands after it was told something.
func (a *app) report(service config.Service, state workflows.MonitorState, err error) error {
	if err != nil {
		return err
	}
	status := operator.StatusOf(service.Name, state)
	status.Count(service.FailureThreshold)
	if a.json {
		return a.writeJSON(status)
	}
	return a.showStatus([]operator.TargetStatus{status}, time.Now())
}
