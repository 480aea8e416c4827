package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
)

// SweepLimit is the most incidents that one sweep looks after.
const SweepLimit = 200

// SweepInput names incidents that the Gatekeeper has not heard of.
type SweepInput struct {
	Incidents []SweepIncident `json:"incidents"`
}

// SweepIncident names the workflow of an incident; Run is its first run's id.
type SweepIncident struct {
	Service  string `json:"service"`
	Workflow string `json:"workflow"`
	Run      string `json:"run"`
}

// SweepOutput names those that are no longer open.
type SweepOutput struct {
	Gone []SweepIncident `json:"gone,omitempty"`
}

// Sweep finds the incidents that have ended and could not say so: those that
// were terminated. What cannot be found out now is left for the next sweep.
func (p *Permits) Sweep(ctx context.Context, in SweepInput) (SweepOutput, error) {
	var out SweepOutput
	var failed error
	for _, incident := range in.Incidents {
		open, err := p.open(ctx, incident)
		if ctx.Err() != nil {
			return out, fmt.Errorf("looking after %s: %w", incident.Service, ctx.Err())
		}
		if err != nil {
			failed = err
		} else if !open {
			out.Gone = append(out.Gone, incident)
		}
	}
	if failed != nil {
		activity.GetLogger(ctx).Warn("not all incidents could be looked after", "error", failed)
	}
	return out, nil
}

// open reports whether an incident is open. Its workflow's id may be that of a
// later one by now; continued runs all know the first.
func (p *Permits) open(ctx context.Context, incident SweepIncident) (bool, error) {
	described, err := p.Client.DescribeWorkflowExecution(ctx, incident.Workflow, "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("describing %s: %w", incident.Workflow, err)
	}
	info := described.GetWorkflowExecutionInfo()
	if first := info.GetFirstRunId(); first != "" && first != incident.Run {
		return false, nil
	}
	return info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}
