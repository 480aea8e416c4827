package operator

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"paramedic/workflows"
)

// NoIncident is a name under which there is no incident.
type NoIncident struct {
	Name string
	// Hint says what to try instead.
	Hint string
}

// Error implements error.
func (e NoIncident) Error() string { return fmt.Sprintf("no incident %q: %s", e.Name, e.Hint) }

// Incident finds one incident by its own id ("clickhouse@20261120T225630.123Z"),
// by the run id or workflow id of its workflow, or by the name of a service or of
// one of its targets ("shops/10.0.0.1:80"), which means its latest; that of a
// service with targets is the latest of any of them. An unknown name is a
// NoIncident.
func (o *Operator) Incident(ctx context.Context, name string) (Incident, error) {
	runs, err := o.candidates(ctx, name)
	if err != nil {
		return Incident{}, err
	}
	for _, run := range runs {
		asking, cancel := context.WithTimeout(ctx, roundTimeout)
		incident, err := o.read(ctx, asking, run)
		cancel()
		if err != nil {
			return Incident{}, err
		}
		if _, _, byID := parseIncidentID(name); !byID || incident.ID == name {
			return incident, nil
		}
	}
	return Incident{}, NoIncident{Name: name, Hint: "`starter incidents` lists them; Temporal keeps them for as long as the retention of its namespace says"}
}

// candidates lists the runs that a name may mean, the likeliest first.
func (o *Operator) candidates(ctx context.Context, name string) ([]*workflowpb.WorkflowExecutionInfo, error) {
	remediations := equals("WorkflowType", workflows.RemediationType)
	finished := "ExecutionStatus != 'ContinuedAsNew'"
	if target, began, ok := parseIncidentID(name); ok {
		// The incident's run is the first to start after its first failure,
		// unless it continued as new: then the runs are asked in turn.
		query := strings.Join([]string{remediations, finished,
			equals("WorkflowId", remediationOf(target)), "StartTime >= " + quoteTime(began.Add(-clockSkew))}, " AND ")
		runs, err := o.list(ctx, query, 0)
		slices.SortFunc(runs, func(a, b *workflowpb.WorkflowExecutionInfo) int {
			return a.GetStartTime().AsTime().Compare(b.GetStartTime().AsTime())
		})
		return runs, err
	}
	if runID.MatchString(name) {
		runs, err := o.list(ctx, remediations+" AND "+equals("RunId", name), 1)
		if err != nil || len(runs) > 0 {
			return o.successor(ctx, runs, err)
		}
	}
	if strings.HasPrefix(name, workflows.RemediationID("", "")) {
		return o.list(ctx, strings.Join([]string{remediations, finished, equals("WorkflowId", name)}, " AND "), 1)
	}
	return o.list(ctx, strings.Join([]string{remediations, finished, incidentsOf(name)}, " AND "), 1)
}

// clockSkew is how far the clocks of a prober and of Temporal may be apart.
const clockSkew = time.Minute

// successor replaces a run that continued as new by the last run of its chain.
func (o *Operator) successor(ctx context.Context, runs []*workflowpb.WorkflowExecutionInfo, err error) ([]*workflowpb.WorkflowExecutionInfo, error) {
	if err != nil || len(runs) == 0 || runs[0].GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW {
		return runs, err
	}
	first := runs[0].GetFirstRunId()
	chain, err := o.list(ctx, strings.Join([]string{
		equals("WorkflowType", workflows.RemediationType),
		equals("WorkflowId", runs[0].GetExecution().GetWorkflowId()),
		"ExecutionStatus != 'ContinuedAsNew'",
		"StartTime >= " + quoteTime(runs[0].GetStartTime().AsTime()),
	}, " AND "), 0)
	for _, run := range chain {
		if run.GetFirstRunId() == first {
			return []*workflowpb.WorkflowExecutionInfo{run}, err
		}
	}
	return runs, err
}

var runID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// parseIncidentID splits the id of an incident into the health.TargetID that it
// is of and the time of its first failure. The name of a target may hold an @.
func parseIncidentID(id string) (target string, began time.Time, ok bool) {
	at := strings.LastIndex(id, "@")
	if at <= 0 {
		return "", time.Time{}, false
	}
	began, err := time.Parse("20060102T150405.000Z", id[at+1:])
	return id[:at], began, err == nil
}
