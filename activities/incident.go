package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
)

// Archiver keeps the records of closed incidents.
type Archiver interface {
	// Archive returns once the record is stored, or says why it is not. Storing
	// it twice is the same as storing it once.
	Archive(ctx context.Context, incident health.Incident) error
}

// Incidents are the activities about the records of incidents.
type Incidents struct {
	Client   client.Client
	Archiver Archiver
}

// Archive stores the record of a closed incident.
func (i *Incidents) Archive(ctx context.Context, incident health.Incident) error {
	if err := i.Archiver.Archive(ctx, incident); err != nil {
		return fmt.Errorf("archiving incident %s: %w", incident.ID, err)
	}
	return nil
}

// LastIncident is what is known of a target's latest incident.
type LastIncident struct {
	Open bool `json:"open"`
	// ClosedAt is when it was closed; zero if open or if there never was one.
	ClosedAt time.Time `json:"closed_at,omitzero"`
}

// LastIncident asks whether the incident of the workflow id is open.
func (i *Incidents) LastIncident(ctx context.Context, workflowID string) (LastIncident, error) {
	described, err := i.Client.DescribeWorkflowExecution(ctx, workflowID, "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return LastIncident{}, nil
	}
	if err != nil {
		return LastIncident{}, fmt.Errorf("describing %s: %w", workflowID, err)
	}
	info := described.GetWorkflowExecutionInfo()
	if info.GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return LastIncident{Open: true}, nil
	}
	return LastIncident{ClosedAt: info.GetCloseTime().AsTime()}, nil
}
