package remedy

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	// systemdTimeout is the default of the option timeout. It is what systemd
	// itself grants a unit to stop, DefaultTimeoutStopSec.
	systemdTimeout = health.Duration(90 * time.Second)
	// systemdSlack is what Apply needs besides waiting for the unit: for
	// connecting and for reading the unit before and after.
	systemdSlack = 4 * callLimit
	// settlePause is the wait between two looks at a unit in transition.
	settlePause = 100 * time.Millisecond
)

// Systemd are the options of kind systemd.
type Systemd struct {
	Unit    string          `yaml:"unit" required:"true" doc:"Full name of the unit to restart, with its suffix: clickhouse-server.service."`
	Timeout health.Duration `yaml:"timeout" doc:"How long the restart may take, stopping included; 90s if not given."`
	Socket  string          `yaml:"socket" doc:"Path of the D-Bus socket to reach systemd by, of a bus or, if its name is private, of systemd itself; the system bus if not given."`
}

func systemdKind() Kind {
	return Kind{
		Name:    "systemd",
		Doc:     "Restarts a systemd unit over D-Bus and waits until systemd has done so.",
		Options: func() Options { return &Systemd{Timeout: systemdTimeout} },
	}
}

// unitName is what systemd takes as a name, without globs; see systemd.unit(5).
// A template is a name with nothing between "@" and the suffix.
var (
	unitName     = regexp.MustCompile(`^[A-Za-z0-9:_.\\@-]+$`)
	unitSuffix   = regexp.MustCompile(`\.(service|socket|target|mount|automount|swap|path|timer)$`)
	unitTemplate = regexp.MustCompile(`@\.[a-z]+$`)
)

// unitNameLimit is systemd's limit of a unit name, in bytes.
const unitNameLimit = 255

// Validate implements Options.
func (o *Systemd) Validate() option.Problems {
	var problems option.Problems
	switch {
	case o.Unit == "":
		problems.Add("unit", "the unit has no name; write it with its suffix, like nginx.service")
	case !unitName.MatchString(o.Unit) || len(o.Unit) > unitNameLimit:
		problems.Add("unit", "%q is not a unit name; it has letters, digits and : _ . \\ @ - only, and no globs", o.Unit)
	case !unitSuffix.MatchString(o.Unit):
		problems.Add("unit", "%q lacks the suffix of a unit that can be restarted; write it in full, like %s.service",
			o.Unit, o.Unit)
	case unitTemplate.MatchString(o.Unit):
		problems.Add("unit", "%q is a template; name one instance of it, like %s", o.Unit,
			strings.Replace(o.Unit, "@.", "@1.", 1))
	}
	if o.Timeout.Std() < time.Second {
		problems.Add("timeout", "%s is too short; write at least 1s", o.Timeout)
	}
	if o.Socket != "" && !strings.HasPrefix(o.Socket, "/") {
		problems.Add("socket", "%q is not an absolute path, like /run/dbus/system_bus_socket", o.Socket)
	}
	return problems
}

// Title implements Options.
func (o *Systemd) Title() string { return "restart " + o.Unit }

// Limit implements Options.
func (o *Systemd) Limit() time.Duration { return o.Timeout.Std() + systemdSlack }

// Open implements Options.
func (o *Systemd) Open() (Remedy, error) { return &systemdRemedy{options: *o}, nil }

// systemdRemedy connects anew each time: restarts are rare, and so it does not
// hold on to a systemd that has since been executed anew.
type systemdRemedy struct{ options Systemd }

// Close implements Remedy.
func (r *systemdRemedy) Close() error { return nil }

// restartMark is what the remedy saves before it asks for the restart.
type restartMark struct {
	// InvocationID is that of the unit before the restart; systemd gives a unit
	// a new one with every start.
	InvocationID string    `json:"invocation_id"`
	AskedAt      time.Time `json:"asked_at"`
}

// Apply implements Remedy.
func (r *systemdRemedy) Apply(ctx context.Context, request Request) (health.Treatment, error) {
	treatment, err := r.apply(ctx, request)
	if err != nil {
		return health.Treatment{}, refusal(fmt.Errorf("restart %s: %w", r.options.Unit, err))
	}
	return treatment, nil
}

func (r *systemdRemedy) apply(ctx context.Context, request Request) (health.Treatment, error) {
	var mark restartMark
	resumed, err := request.Checkpoint.Load(&mark)
	if err != nil {
		return health.Treatment{}, err
	}
	bus, err := dialSystemd(ctx, r.options.Socket)
	if err != nil {
		return health.Treatment{}, err
	}
	defer bus.close()
	before, err := bus.unit(ctx, r.options.Unit)
	if err != nil {
		return health.Treatment{}, err
	}
	if err := before.restartable(); err != nil {
		return health.Treatment{}, Final{err}
	}
	waiting, cancel := context.WithTimeout(ctx, r.options.Timeout.Std())
	defer cancel()
	if resumed {
		treatment, known, err := r.outcomeOfEarlier(ctx, waiting, bus, mark)
		if known || err != nil {
			return treatment, err
		}
		return r.restartPastLimit(ctx, waiting, bus, before)
	}
	if at, other := before.startedAfter(request.LastFailure); other {
		return r.leftAlone(before, at), nil
	}
	mark = restartMark{InvocationID: before.invocationID, AskedAt: time.Now().UTC()}
	if err := request.Checkpoint.Save(ctx, mark); err != nil {
		return health.Treatment{}, err
	}
	return r.restartPastLimit(ctx, waiting, bus, before)
}

func (r *systemdRemedy) leftAlone(u unit, at time.Time) health.Treatment {
	who := "by somebody else"
	if u.automaticRestarts > 0 {
		who = "by systemd itself"
	}
	return health.Treatment{Effect: health.LeftAlone, Detail: fmt.Sprintf(
		"%s was restarted %s at %s, after the last failed probe; left alone",
		r.options.Unit, who, at.UTC().Format("15:04:05 MST"))}
}

// outcomeOfEarlier finds out whether the restart that an earlier try had marked
// took effect. It is not known if not: that try ended before it could ask.
//
// A unit that systemd has forgotten in between (inactive, and nothing refers to
// it) has no invocation id. A service that should be running does not run then,
// and is started again. Of one that runs once and ends, nobody can tell whether
// it did, and it is not run a second time.
func (r *systemdRemedy) outcomeOfEarlier(
	ctx, waiting context.Context, bus *systemdBus, mark restartMark,
) (treatment health.Treatment, known bool, err error) {
	u, err := r.settled(waiting, bus)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		if u, err = bus.unit(ctx, r.options.Unit); err == nil {
			return r.failed("the earlier restart is still under way after %s: unit is %s", r.options.Timeout, u.state()), true, nil
		}
	}
	if err == nil && u.forgotten() && u.runsOnce() {
		return health.Treatment{Effect: health.Uncertain, Detail: fmt.Sprintf(
			"an earlier try was about to run %s at %s, and systemd has since forgotten whether it ran; not run again",
			r.options.Unit, mark.AskedAt.UTC().Format("15:04:05 MST"))}, true, nil
	}
	if err != nil || u.invocationID == "" || u.invocationID == mark.InvocationID {
		return health.Treatment{}, false, err
	}
	if u.broken() {
		return r.failed("the earlier restart took effect, but %s", u.ending()), true, nil
	}
	return health.Treatment{Effect: health.AlreadyApplied, Detail: fmt.Sprintf(
		"%s has been restarted since an earlier try asked for it at %s (invocation %.8s); not restarted again",
		r.options.Unit, mark.AskedAt.UTC().Format("15:04:05 MST"), u.invocationID)}, true, nil
}

// settled waits until nothing is going on with the unit.
func (r *systemdRemedy) settled(ctx context.Context, bus *systemdBus) (unit, error) {
	tick := time.NewTicker(settlePause)
	defer tick.Stop()
	for {
		u, err := bus.unit(ctx, r.options.Unit)
		if err != nil || u.idle() {
			return u, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return unit{}, ctx.Err()
		}
	}
}
