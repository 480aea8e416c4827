package remedy

import (
	"fmt"
	"strings"
	"time"
)

// Statuses of a container; see ContainerState in the reference of the API.
const (
	statusRunning    = "running"
	statusRestarting = "restarting"
	statusExited     = "exited"
)

// container is what an Engine says of a container, as far as it matters.
type container struct {
	ID string `json:"Id"`
	// RestartCount counts the restarts by the restart policy.
	RestartCount int
	State        containerState
	Config       struct{ Tty bool }
}

// containerState is the state of a container at one moment.
type containerState struct {
	Status    string
	OOMKilled bool
	ExitCode  int
	Error     string
	// StartedAt and FinishedAt are the year 1 for never.
	StartedAt, FinishedAt time.Time
	Health                *struct {
		Status        string
		FailingStreak int
		Log           []struct {
			ExitCode int
			Output   string
		}
	}
}

// startedAfter reports whether the container was started after t. One that has
// ended and waits for the next try of its restart policy does not count: its
// status is restarting, although an Engine calls it running as well.
func (c container) startedAfter(t time.Time) bool {
	return !t.IsZero() && c.State.Status == statusRunning && c.State.StartedAt.After(t)
}

// broken reports whether a container that was started is neither up nor done.
func (c container) broken() bool {
	done := c.State.Status == statusExited && c.State.ExitCode == 0
	return c.State.Status != statusRunning && !done
}

// ending says how the container ended, or in which state it is.
func (c container) ending() string {
	switch {
	case c.State.Error != "":
		return fmt.Sprintf("container is %s: %s", c.State.Status, plain(c.State.Error))
	case c.State.OOMKilled:
		return fmt.Sprintf("container is %s: it ran out of memory", c.State.Status)
	case c.State.Status == statusRestarting || c.State.Status == statusExited || c.State.Status == "dead":
		return fmt.Sprintf("container is %s, exit code %d", c.State.Status, c.State.ExitCode)
	default:
		return "container is " + c.State.Status
	}
}

// facts is what the Engine says, a line each.
func (c container) facts() string {
	s := c.State
	facts := []string{"Status=" + s.Status}
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	if s.Status != statusRunning {
		add("ExitCode=%d", s.ExitCode)
	}
	if s.OOMKilled {
		add("OOMKilled=true")
	}
	if s.Error != "" {
		add("Error=%s", oneLine(s.Error))
	}
	add("RestartCount=%d", c.RestartCount)
	if !s.StartedAt.IsZero() {
		add("StartedAt=%s", s.StartedAt.UTC().Format(time.RFC3339))
	}
	if !s.FinishedAt.IsZero() {
		add("FinishedAt=%s", s.FinishedAt.UTC().Format(time.RFC3339))
	}
	if s.Health != nil {
		add("Health=%s FailingStreak=%d", s.Health.Status, s.Health.FailingStreak)
		if n := len(s.Health.Log); n > 0 {
			last := s.Health.Log[n-1]
			add("Healthcheck=exit code %d: %s", last.ExitCode, oneLine(last.Output))
		}
	}
	return strings.Join(facts, "\n")
}
