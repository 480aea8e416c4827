package chain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// answer is what one command line of the starter gave back.
type answer struct {
	code           int
	stdout, stderr string
}

// starter executes one command line, as a user would.
func (d *deployment) starter(args ...string) answer {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	command := exec.CommandContext(ctx, program(d.t, "starter"), append(args, "--config", d.file, "--address", d.temporal)...)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		require.NoError(d.t, err)
	}
	return answer{command.ProcessState.ExitCode(), out.String(), problems.String()}
}

// do executes a command that must succeed, and returns what it says.
func (d *deployment) do(args ...string) string {
	d.t.Helper()
	told := d.starter(args...)
	require.Zero(d.t, told.code, "%v: %s%s", args, told.stdout, told.stderr)
	return told.stdout
}

// dial connects to the worker's Temporal as any client can.
func (d *deployment) dial() client.Client {
	d.t.Helper()
	c, err := client.Dial(client.Options{HostPort: d.temporal, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(d.t, err)
	d.t.Cleanup(c.Close)
	return c
}

// incident is what `starter incident --json` says of one, as far as the tests
// look at it.
type incident struct {
	ID              string     `json:"id"`
	Service         string     `json:"service"`
	Target          string     `json:"target"`
	State           string     `json:"state"`
	Outcome         string     `json:"outcome"`
	FirstFailureAt  time.Time  `json:"first_failure_at"`
	OpenedAt        time.Time  `json:"opened_at"`
	ResolvedAt      *time.Time `json:"resolved_at"`
	DowntimeSeconds float64    `json:"downtime_seconds"`
	HealSeconds     float64    `json:"time_to_heal_seconds"`
	Attempts        int        `json:"attempts"`
	Restarts        int        `json:"restarts"`
	Acknowledged    *struct {
		By   string    `json:"by"`
		Note string    `json:"note"`
		At   time.Time `json:"at"`
	} `json:"acknowledged"`
	AcknowledgedBy string  `json:"acknowledged_by"`
	Timeline       []entry `json:"timeline"`
	WorkflowID     string  `json:"workflow_id"`
	RunID          string  `json:"run_id"`
	Stale          string  `json:"stale"`
}

type entry struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
}

// incident reads the latest incident of a service; false means that there is
// none, or that nobody answers for it just now.
func (d *deployment) incident(service string) (incident, bool) {
	d.t.Helper()
	told := d.starter("incident", service, "--json")
	if told.code != 0 {
		return incident{}, false
	}
	var i incident
	require.NoError(d.t, json.Unmarshal([]byte(told.stdout), &i), told.stdout)
	return i, i.Stale == ""
}

// resolved waits until the incident of a service has ended, and returns its
// record.
func (d *deployment) resolved(service string) incident {
	d.t.Helper()
	var i incident
	d.await("the incident of "+service+" is resolved", func() (ok bool) {
		i, ok = d.incident(service)
		return ok && i.State == "resolved"
	})
	return i
}

// says waits until the incident of a service has an entry, and returns both.
func (d *deployment) says(service, kind, text string) (i incident, e entry) {
	d.t.Helper()
	d.await(fmt.Sprintf("the incident of %s says %q", service, text), func() (found bool) {
		var live bool
		i, live = d.incident(service)
		e, found = i.find(kind, text)
		return live && found
	})
	return i, e
}

// count is the number of incidents that a service has had.
func (d *deployment) count(service string) int {
	d.t.Helper()
	told := d.starter("incidents", "--service", service, "--json")
	require.Zero(d.t, told.code, told.stderr)
	var all []incident
	require.NoError(d.t, json.Unmarshal([]byte(told.stdout), &all), told.stdout)
	return len(all)
}

// find returns the first entry of a kind whose text begins so.
func (i incident) find(kind, text string) (entry, bool) {
	for _, e := range i.Timeline {
		if e.Kind == kind && strings.HasPrefix(e.Text, text) {
			return e, true
		}
	}
	return entry{}, false
}
