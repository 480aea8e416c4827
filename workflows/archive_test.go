package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

func TestArchive(t *testing.T) {
	t.Run("the record is stored as it was closed", func(t *testing.T) {
		w := newWorld(t, "p")
		incident := w.heal(outage(web()))
		require.Len(t, w.archived, 1)
		require.Equal(t, incident.Timeline.Entries, w.archived[0].Timeline.Entries)
		require.Equal(t, health.Resolved, w.archived[0].State)
	})
	t.Run("a store that is down for a moment is tried again", func(t *testing.T) {
		w := newWorld(t, "p")
		w.archive = func(n int) error {
			if n < 3 {
				return errors.New("the disk is full")
			}
			return nil
		}
		w.heal(outage(web()))
		require.Len(t, w.archived, 1)
		require.Equal(t, 3, w.archives)
	})
	t.Run("a store that is down holds up no incident", func(t *testing.T) {
		w := newWorld(t, "p")
		down := noon.Add(5 * time.Minute)
		w.archive = func(int) error {
			if w.Now().Before(down) {
				return errors.New("the disk is full")
			}
			return nil
		}
		var left time.Duration
		w.SetOnChildWorkflowStartedListener(func(info *workflow.Info, _ workflow.Context, _ converter.EncodedValues) {
			require.Equal(t, "archive/web@20260301T115825.000Z", info.WorkflowExecution.ID)
			left = w.since()
		})
		incident := w.heal(outage(web()))
		require.Equal(t, health.Healed, incident.Outcome)
		require.InDelta(t, 18, left.Seconds(), 2, "the record is left to an Archive, 10 s after the end")
		require.Len(t, w.archived, 1, "which goes on trying")
		require.Equal(t, incident.ID, w.archived[0].ID)
	})
}

func TestWhatPeopleAreShown(t *testing.T) {
	w := newWorld(t, "fp")
	check := web()
	check.Remediation.Mode, check.Remediation.ApproveWithin = health.ModeApprove, health.Duration(10*time.Minute)
	w.heal(outage(check))
	var waiting bool
	for i, report := range w.reports {
		if report.Waiting != "" && report.ApproveBy.Equal(noon.Add(10*time.Minute)) {
			waiting = true
		}
		if i > 0 {
			require.GreaterOrEqual(t, len(report.Timeline.Entries), len(w.reports[i-1].Timeline.Entries))
		}
	}
	require.True(t, waiting, "that a human is asked, and until when")
	last := w.reports[len(w.reports)-1]
	require.Equal(t, health.Resolved, last.State)
	require.Empty(t, last.Waiting)
	require.Zero(t, last.ApproveBy)
}
