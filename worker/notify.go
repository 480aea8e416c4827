package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"paramedic/internal/supervise"
)

// statusEvery is the time between two lines of status for `systemctl status`.
const statusEvery = 10 * time.Second

// notified adds the part that talks to systemd, if that has started this
// process. It comes after the HTTP server, with which the worker is ready:
// Temporal may be away for a while. So it stops before it, and after all that
// takes its time to finish.
func (p *process) notified(parts []supervise.Part) []supervise.Part {
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return parts
	}
	after := 1 + slices.IndexFunc(parts, func(part supervise.Part) bool { return part.Name == "http-server" })
	return slices.Insert(parts, after, supervise.Part{Name: "service-manager", Run: p.runNotify})
}

// runNotify tells systemd that the worker is ready, that it lives, and how it
// is. A worker that hangs as a whole no longer says so, and is started again; a
// part that does not work is the supervisor's business.
func (p *process) runNotify(ctx context.Context, ready func()) error {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("reading how often systemd wants to hear of this process: %w", err)
	}
	pause := statusEvery
	if watchdog > 0 {
		pause = min(pause, watchdog/3) // one may be late
	}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for state := daemon.SdNotifyReady; ; state = daemon.SdNotifyWatchdog {
		if err := tell(state, "STATUS="+summary(p.super.Health())); err != nil {
			return err
		}
		ready()
		select {
		case <-ctx.Done():
			return tell(daemon.SdNotifyStopping, "STATUS=stopping")
		case <-ticker.C:
		}
	}
}

func tell(states ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(states, "\n")); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	return nil
}

// summary is the health in one line: the status, and the parts that are not
// healthy.
func summary(health supervise.Health) string {
	var troubled []string
	for name, mark := range health.Parts {
		if mark.Status != supervise.Healthy && name != "service-manager" {
			troubled = append(troubled, name+" "+string(mark.Status))
		}
	}
	slices.Sort(troubled)
	return cmp.Or(strings.Join(troubled, ", "), "all parts work")
}
