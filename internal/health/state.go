package health

// State is where a target stands in the eyes of an operator: more than one
// probe's status, less than an incident.
type State string

// The states of a target.
const (
	// StateUnknown: no probe has been made yet, or nobody answers for it.
	StateUnknown State = "unknown"
	// StateHealthy and StateDegraded: the latest probe passed.
	StateHealthy  State = "healthy"
	StateDegraded State = "degraded"
	// StateFailing: the latest probes failed, fewer than the failure threshold.
	StateFailing State = "failing"
	// StateDown: the failure threshold is reached.
	StateDown State = "down"
	// StatePaused: somebody has paused the probing.
	StatePaused State = "paused"
)

// StateOf gives the state after a result that left the streak as it is.
func StateOf(result Result, streak Streak, failureThreshold int) State {
	switch {
	case result.Status == Healthy:
		return StateHealthy
	case result.Status == Degraded:
		return StateDegraded
	case streak.Against(failureThreshold) == BelowThreshold:
		return StateFailing
	default:
		return StateDown
	}
}
