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
	// Skipped: the pre-check of the step said no; nothing was done.
	Skipped Effect = "skipped"
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
	// Notes are further things that were done or found, for the timeline, one a
	// line: "the start limit of api.service was reached; reset-failed".
	Notes []string `json:"notes,omitempty"`
	// Evidence are bounded facts that were collected before acting: the last
	// lines of the unit's log, what its manager says of it.
	Evidence string `json:"evidence,omitempty"`
}
