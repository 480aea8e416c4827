package operator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// Filter chooses incidents. The zero value means all of them.
type Filter struct {
	// Service keeps the incidents of one service with all its targets, or of one
	// target, named by its health.TargetID.
	Service string
	// Open keeps those that are not resolved.
	Open bool
	// Since keeps those that were not over by then; the zero time keeps all.
	Since time.Time
	// Limit is the most incidents returned, the newest ones; zero means all.
	Limit int
}

// Incidents returns the incidents that the filter keeps, newest first.
func (o *Operator) Incidents(ctx context.Context, filter Filter) ([]Incident, error) {
	runs, err := o.list(ctx, filter.query(o.taskQueue), filter.Limit)
	if err != nil {
		return nil, err
	}
	incidents, err := o.readAll(ctx, runs)
	if !filter.Since.IsZero() {
		incidents = slices.DeleteFunc(incidents, func(i Incident) bool {
			return i.State == health.Resolved && i.ResolvedAt.Before(filter.Since)
		})
	}
	if filter.Open {
		// A resolved one may still be seeing its last alerts off.
		incidents = slices.DeleteFunc(incidents, func(i Incident) bool { return i.State == health.Resolved })
	}
	return incidents, err
}

// OpenIncidents returns the services and targets that have an open incident, by
// their health.TargetID, from Temporal's list, which lags a little behind.
func (o *Operator) OpenIncidents(ctx context.Context) (map[string]bool, error) {
	runs, err := o.list(ctx, Filter{Open: true}.query(o.taskQueue), 0)
	if err != nil {
		return nil, err
	}
	open := make(map[string]bool, len(runs))
	for _, run := range runs {
		open[remediationName(run.GetExecution().GetWorkflowId())] = true
	}
	return open, nil
}

// query is the filter in Temporal's list language. A run that continued as new
// is the same incident as its successor and is left out.
func (f Filter) query(taskQueue string) string {
	terms := []string{
		equals("WorkflowType", workflows.RemediationType),
		equals("TaskQueue", taskQueue),
	}
	if f.Service != "" {
		// Not by search attribute: a namespace without any incident may not
		// have those yet, and would refuse the query.
		terms = append(terms, incidentsOf(f.Service))
	}
	if !f.Since.IsZero() {
		terms = append(terms, fmt.Sprintf("(CloseTime >= %s OR ExecutionStatus = 'Running')", quoteTime(f.Since)))
	}
	if f.Open {
		terms = append(terms, equals("ExecutionStatus", "Running"))
	} else {
		terms = append(terms, "ExecutionStatus != 'ContinuedAsNew'")
	}
	return strings.Join(terms, " AND ")
}

// incidentsOf is the term of a query that keeps the incidents of a service with
// all its targets, or those of one target.
func incidentsOf(name string) string {
	id := remediationOf(name)
	if _, target := health.SplitTargetID(name); target != "" {
		return equals("WorkflowId", id)
	}
	return fmt.Sprintf("(%s OR WorkflowId STARTS_WITH %s)", equals("WorkflowId", id), quote(id+"/"))
}

// equals is one term of a query.
func equals(attribute, value string) string { return attribute + " = " + quote(value) }

// quote writes a text for a query.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// pageSize is how many runs are fetched in one request.
const pageSize = 200

// list returns the runs that match query: open ones first, then the latest to
// close, at most limit of them unless it is zero.
func (o *Operator) list(ctx context.Context, query string, limit int) ([]*workflowpb.WorkflowExecutionInfo, error) {
	var runs []*workflowpb.WorkflowExecutionInfo
	var token []byte
	for {
		page, err := o.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: query, PageSize: pageSize, NextPageToken: token,
		})
		if err != nil {
			return nil, fmt.Errorf("list incidents (%s): %w", query, err)
		}
		runs = append(runs, page.Executions...)
		token = page.NextPageToken
		if limit > 0 && len(runs) >= limit {
			return runs[:limit], nil
		}
		if len(token) == 0 {
			return runs, nil
		}
	}
}

// readAll reads the record of each run, and sorts them newest first.
func (o *Operator) readAll(ctx context.Context, runs []*workflowpb.WorkflowExecutionInfo) ([]Incident, error) {
	incidents := make([]Incident, len(runs))
	asking, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, run := range runs {
		group.Go(func() error {
			incident, err := o.read(groupCtx, asking, run)
			incidents[i] = incident
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(incidents, func(a, b Incident) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), strings.Compare(a.Service, b.Service), strings.Compare(a.Target, b.Target))
	})
	return incidents, nil
}

// open reports whether a run has not ended.
func open(run *workflowpb.WorkflowExecutionInfo) bool {
	return run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING ||
		run.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_PAUSED
}

// quoteTime writes an instant for a query.
func quoteTime(at time.Time) string { return quote(at.UTC().Format(time.RFC3339Nano)) }
