package health

// Effect is what became of one step of a runbook.
type Effect string

// The effects of a remediation step.
const (
	// Applied: the step was carried out by this attempt.
	Applied Effect = "applied"
	// AlreadyApplied: an earlier try of the same attempt, cut off by a crash of
	// the worker, had taken effect; nothing was done a second time.
	AlreadyApplied Effect = "already applied"
	// LeftAlone: somebody else restarted the unit after the last failed probe.
	LeftAlone Effect = "left alone"
	// Failed: the step was carried out and did not succeed.
	Failed Effect = "failed"
	// Uncertain: the worker died while the step ran and its outcome cannot be
	// known; verification decides.
	Uncertain Effect = "uncertain"
)

// Treatment is the outcome of one attempt of one step.
type Treatment struct {
	Effect Effect `json:"effect"`
	// Detail says in a sentence what was done and what came of it.
	Detail string `json:"detail"`
	// Output is the bounded output of a command, if there was one.
	Output string `json:"output,omitempty"`
}
