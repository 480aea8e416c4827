package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// modes are what `starter mode` takes; config goes back to the configuration.
var modes = map[string]health.Mode{
	"act": health.ModeAct, "observe": health.ModeObserve, "approve": health.ModeApprove, "config": "",
}

func (a *app) modeCommand() *cobra.Command {
	var who author
	command := &cobra.Command{
		Use:   "mode SERVICE act|observe|approve|config --by NAME",
		Short: "Set at run time how far a service may be healed without a human",
		Long: `Set at run time how far a service may be healed without a human: act carries
steps out, observe only writes down what it would have done, approve asks a human
before each step, and config goes back to what the configuration says.`,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%d arguments, and two are needed: %s", len(args), command.UseLine())
			}
			if _, known := modes[args[1]]; !known {
				return fmt.Errorf("unknown mode %q; write act, observe, approve or config", args[1])
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return a.asked(command.Context(), who, args[0], func(s session, service config.Service) error {
				state, err := s.SetMode(command.Context(), service.Name, workflows.SetMode{Mode: modes[args[1]], By: who.by})
				return a.report(service, state, err)
			})
		},
	}
	who.flags(command, false)
	return command
}

func (a *app) maintainCommand() *cobra.Command {
	return a.windowCommand("maintain", "Open a maintenance window: probing goes on, nothing is done, nobody is woken",
		func(ctx context.Context, s session, service string, span workflows.Span) (workflows.MonitorState, error) {
			return s.Maintain(ctx, service, span)
		})
}

func (a *app) silenceCommand() *cobra.Command {
	return a.windowCommand("silence", "Mute the alerts of a service for a time; healing goes on, and \"recovered\" is told",
		func(ctx context.Context, s session, service string, span workflows.Span) (workflows.MonitorState, error) {
			return s.Silence(ctx, service, span)
		})
}

// spanFlags are the flags of a command that opens a window.
type spanFlags struct {
	length     time.Duration
	until      string
	end        bool
	by, reason string
	labels     []string
	all        bool
}

// windowLimit is the longest window that can be opened by hand.
const windowLimit = 30 * 24 * time.Hour

type openWindow func(context.Context, session, string, workflows.Span) (workflows.MonitorState, error)

func (a *app) windowCommand(name, short string, open openWindow) *cobra.Command {
	var flags spanFlags
	command := &cobra.Command{
		Use:   name + " [SERVICE ...] --for 30m --by NAME",
		Short: short,
		Long: short + `.

The window begins now and ends after --for or at --until, at the latest after 30
days; --end ends it at once. Services are named, or chosen by --label or --all.`,
		RunE: func(command *cobra.Command, args []string) error {
			span, err := flags.span(time.Now())
			if err != nil {
				return err
			}
			cfg, err := a.load()
			if err != nil {
				return err
			}
			services, err := flags.choose(cfg, args)
			if err != nil {
				return err
			}
			return a.connected(command.Context(), cfg, func(s session) error {
				return a.openWindows(command.Context(), s, services, span, open)
			})
		},
	}
	set := command.Flags()
	set.DurationVar(&flags.length, "for", 0, "how long, like 30m or 4h")
	set.StringVar(&flags.until, "until", "", "until when, like 2026-11-22T02:00:00Z")
	set.BoolVar(&flags.end, "end", false, "end it now")
	set.StringVar(&flags.by, "by", "", "who you are (required)")
	set.StringVar(&flags.reason, "reason", "", "why, for those who read it later")
	set.StringArrayVar(&flags.labels, "label", nil, "the services with this label, as name=value; may be repeated")
	set.BoolVar(&flags.all, "all", false, "all services")
	return command
}

func (a *app) openWindows(ctx context.Context, s session, services []string, span workflows.Span, open openWindow) error {
	var statuses []operator.TargetStatus
	for _, service := range services {
		state, err := open(ctx, s, service, span)
		if err != nil {
			return fmt.Errorf("%s: %w (%s done before it)", service, err, count(len(statuses), "service"))
		}
		status := operator.StatusOf(service, state)
		if configured, ok := s.config.Service(service); ok {
			status.Count(configured.FailureThreshold)
		}
		statuses = append(statuses, status)
	}
	return a.showStatus(statuses, time.Now())
}

// span reads the flags; a window without a length or an end is refused.
func (f *spanFlags) span(now time.Time) (workflows.Span, error) {
	span := workflows.Span{By: f.by, Reason: f.reason, For: health.Duration(f.length)}
	given := 0
	for _, set := range []bool{f.length != 0, f.until != "", f.end} {
		if set {
			given++
		}
	}
	switch {
	case strings.TrimSpace(f.by) == "":
		return span, operator.ErrNobody
	case given != 1:
		return span, fmt.Errorf("say how long: exactly one of --for 30m, --until 2026-11-22T02:00:00Z and --end")
	case f.length < 0:
		return span, fmt.Errorf("--for %s: give a length of time above zero, like 30m", f.length)
	}
	if f.until != "" {
		until, err := time.Parse(time.RFC3339, f.until)
		if err != nil {
			return span, fmt.Errorf("--until %q is not a time; write it like 2026-11-22T02:00:00Z", f.until)
		}
		if !until.After(now) {
			return span, fmt.Errorf("--until %s is over already", f.until)
		}
		span.Until = until
	}
	if f.length > windowLimit || span.Until.After(now.Add(windowLimit)) {
		return span, fmt.Errorf("a window of more than 30 days is refused: pause the service, or take it out of the configuration")
	}
	return span, nil
}

// choose lists the services that are meant. An empty choice means nothing,
// never everything.
func (f *spanFlags) choose(cfg *config.Config, named []string) ([]string, error) {
	if f.all {
		if len(named) > 0 || len(f.labels) > 0 {
			return nil, fmt.Errorf("--all and a choice of services exclude each other")
		}
		return names(cfg), nil
	}
	var chosen []string
	for _, name := range named {
		service, err := find(cfg, name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, service.Name)
	}
	labelled, err := f.labelled(cfg)
	if err != nil {
		return nil, err
	}
	for _, name := range labelled {
		if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no service is chosen; name some, or use --label or --all")
	}
	return chosen, nil
}

// labelled lists the services that carry all labels that were asked for.
func (f *spanFlags) labelled(cfg *config.Config) ([]string, error) {
	if len(f.labels) == 0 {
		return nil, nil
	}
	var chosen []string
	for _, service := range cfg.Services {
		all := true
		for _, label := range f.labels {
			name, value, found := strings.Cut(label, "=")
			if !found || name == "" {
				return nil, fmt.Errorf("--label %q: write it as name=value", label)
			}
			got, has := service.Labels[name] // without the label is not with an empty one
			all = all && has && got == value
		}
		if all {
			chosen = append(chosen, service.Name)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no service has the label %s", strings.Join(f.labels, " and "))
	}
	return chosen, nil
}
