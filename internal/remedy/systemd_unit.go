package remedy

import (
	"encoding/hex"
	"fmt"
	"syscall"
	"time"
)

// Values of systemd's unit properties; see org.freedesktop.systemd1(5).
const (
	stateActive     = "active"
	stateActivating = "activating"
	stateReloading  = "reloading"
	stateInactive   = "inactive"
	stateFailed     = "failed"
	// subAutoRestart: the unit has ended, and systemd waits to start it again.
	subAutoRestart = "auto-restart"

	resultStartLimit = "start-limit-hit"
	// mainKilled and mainDumped are CLD_KILLED and CLD_DUMPED of waitid(2):
	// the status is the number of a signal.
	mainKilled = 2
	mainDumped = 3
)

// unit is the state of a unit at one moment.
type unit struct {
	name                   string
	loadState, loadProblem string
	activeState, subState  string
	// invocationID differs for every start; empty if the unit was not started
	// since systemd knows it.
	invocationID string
	// job is whether systemd has something to do for the unit.
	job bool
	// jobResult is how the restart ended that was asked for just before; empty
	// if there was none.
	jobResult string
	// inactiveExit is when it last began to start, activeEnter when it last
	// was up; zero for never.
	inactiveExit, activeEnter time.Time
	// automaticRestarts counts the restarts by systemd itself since the last
	// start that somebody asked for.
	automaticRestarts uint32
	conditions        bool
	// conditionsAt is when the conditions were looked at; zero for never.
	conditionsAt time.Time
	// oneshot is whether the unit runs a command and is done, and remains
	// whether it counts as active after that.
	oneshot, remains bool

	// How its last run ended, for services.
	result               string
	mainCode, mainStatus int32
	limitBurst           uint32
	limitInterval        time.Duration
}

// newUnit reads the properties that matter. One that is missing or of another
// type, as the Result of a target is, keeps its zero value.
func newUnit(name string, properties map[string]any) unit {
	u := unit{name: name}
	read(properties, "LoadState", &u.loadState)
	read(properties, "ActiveState", &u.activeState)
	read(properties, "SubState", &u.subState)
	read(properties, "NRestarts", &u.automaticRestarts)
	read(properties, "ConditionResult", &u.conditions)
	var kind string
	read(properties, "Type", &kind)
	u.oneshot = kind == "oneshot"
	read(properties, "RemainAfterExit", &u.remains)
	read(properties, "Result", &u.result)
	read(properties, "ExecMainCode", &u.mainCode)
	read(properties, "ExecMainStatus", &u.mainStatus)
	read(properties, "StartLimitBurst", &u.limitBurst)

	var id []byte
	read(properties, "InvocationID", &id)
	u.invocationID = hex.EncodeToString(id)
	u.inactiveExit = moment(properties, "InactiveExitTimestamp")
	u.activeEnter = moment(properties, "ActiveEnterTimestamp")
	u.conditionsAt = moment(properties, "ConditionTimestamp")
	var interval uint64
	read(properties, "StartLimitIntervalUSec", &interval)
	u.limitInterval = time.Duration(interval) * time.Microsecond

	var job, problem []any // (number, path) and (name, message)
	read(properties, "Job", &job)
	if len(job) > 0 {
		number, _ := job[0].(uint32)
		u.job = number != 0
	}
	read(properties, "LoadError", &problem)
	if len(problem) > 1 {
		u.loadProblem, _ = problem[1].(string)
	}
	return u
}

func read[T any](properties map[string]any, name string, into *T) {
	if value, ok := properties[name].(T); ok {
		*into = value
	}
}

// moment reads a time in microseconds since 1970.
func moment(properties map[string]any, name string) time.Time {
	var micros uint64
	read(properties, name, &micros)
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(micros)).UTC()
}

// restartable says why a unit cannot be restarted by anybody.
func (u unit) restartable() error {
	switch u.loadState {
	case "not-found":
		return fmt.Errorf("unit %s does not exist on this machine; check its name with: systemctl status %s", u.name, u.name)
	case "masked":
		return fmt.Errorf("unit %s is masked; allow it with: systemctl unmask %s", u.name, u.name)
	case "bad-setting", "error":
		return fmt.Errorf("unit %s cannot be loaded (%s): %s; check it with: systemd-analyze verify %s",
			u.name, u.loadState, u.loadProblem, u.name)
	}
	return nil
}

// startedAfter reports whether the unit was started after t, and when. A unit
// that has crashed and waits for systemd's next try does not count as started.
func (u unit) startedAfter(t time.Time) (time.Time, bool) {
	up := u.activeState == stateActive || u.activeState == stateReloading ||
		u.activeState == stateActivating && u.subState != subAutoRestart
	if t.IsZero() || !up {
		return time.Time{}, false
	}
	for _, started := range []time.Time{u.inactiveExit, u.activeEnter} {
		if started.After(t) {
			return started, true
		}
	}
	return time.Time{}, false
}

// idle reports whether nothing is going on with the unit. Waiting for the next
// automatic restart is no end, but nobody knows how often that will be.
func (u unit) idle() bool {
	if u.job {
		return false
	}
	switch u.activeState {
	case stateActive, stateInactive, stateFailed:
		return true
	default:
		return u.subState == subAutoRestart
	}
}

// broken reports whether the unit has ended as it should not.
func (u unit) broken() bool {
	return u.activeState == stateFailed || u.subState == subAutoRestart
}

// atStartLimit reports whether systemd has refused to start the unit because it
// was started too often, and will until that is forgotten.
func (u unit) atStartLimit() bool {
	return u.activeState == stateFailed && u.result == resultStartLimit
}

// refusedSince reports whether a job for the unit has failed without beginning
// to start it, as it does at the start limit. The result does not tell: of a
// service that was killed before it goes on to say that.
func (u unit) refusedSince(before unit) bool {
	return u.atStartLimit() || u.jobResult == jobFailed && u.activeState == stateFailed &&
		u.limitBurst > 0 && u.limitInterval > 0 && u.invocationID == before.invocationID
}

// conditionUnmet reports whether systemd has not started the unit because of a
// condition. It does not know any more when the unit is forgotten.
func (u unit) conditionUnmet() bool {
	return u.activeState == stateInactive && !u.conditions && !u.conditionsAt.IsZero()
}

// forgotten reports whether systemd knows nothing of the unit's runs: it drops
// a unit that is inactive as soon as nothing refers to it.
func (u unit) forgotten() bool { return u.activeState == stateInactive && u.invocationID == "" }

// runsOnce reports whether the unit is inactive when it has done its work.
func (u unit) runsOnce() bool { return u.oneshot && !u.remains }

// state is the unit's state as systemctl shows it: "deactivating (stop-sigterm)".
func (u unit) state() string { return fmt.Sprintf("%s (%s)", u.activeState, u.subState) }

// ending says how the unit ended, or in which state it is if it did not.
func (u unit) ending() string {
	switch {
	case u.result == resultStartLimit:
		return fmt.Sprintf("systemd refuses to start it again, it was started more than %d times in %s (%s); "+
			"allow it with: systemctl reset-failed %s", u.limitBurst, u.limitInterval, u.result, u.name)
	case !u.broken() || u.result == "" || u.result == "success":
		return "unit is " + u.state()
	case u.mainCode == mainKilled || u.mainCode == mainDumped:
		return fmt.Sprintf("unit ended with %s, signal %d (%v)", u.result, u.mainStatus, syscall.Signal(u.mainStatus))
	case u.mainCode == 0:
		return "unit ended with " + u.result
	default:
		return fmt.Sprintf("unit ended with %s, status %d", u.result, u.mainStatus)
	}
}
