package operator

import (
	"time"

	"paramedic/internal/health"
)

// RecordOf is the incident of a record that was kept outside Temporal, as of
// now: the lengths of an open one run to it.
func RecordOf(record health.Incident, now time.Time) Incident {
	return Incident{Incident: record, WorkflowID: record.Workflow, RunID: record.Run, asOf: now}
}
