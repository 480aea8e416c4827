package workflows_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// deafUntil keeps alerts from their Outboxes until a time since noon.
func (w *world) deafUntil(until time.Duration, receivers ...string) {
	w.post = func(in activities.Post) error {
		if slices.Contains(receivers, in.Receiver) && w.since() < until {
			return errors.New("connection refused")
		}
		return nil
	}
}

// TestFailingReceiverDelaysNothing: neither the healing, nor the closing; what
// no Outbox has reported on by then is left to it.
func TestFailingReceiverDelaysNothing(t *testing.T) {
	check := web()
	check.Alerts = []string{"ops", "pager"}
	w := newWorld(t, "ffp")
	w.deliver = func(in activities.Post) (string, bool) { return "", in.Receiver != "pager" }
	incident := w.heal(outage(check))

	require.Equal(t, []time.Duration{0, 20 * time.Second}, w.treatedAt(), "as if everybody listened")
	require.Equal(t, noon.Add(30*time.Second), incident.ResolvedAt.UTC())
	require.Equal(t, []string{"ops/down", "pager/down", "ops/recovered", "pager/recovered"}, w.statuses())
	entries := incident.Timeline.Entries
	require.Equal(t, "alerts on their way when it closed: 2; they go on in their outboxes", entries[len(entries)-1].Text)
	require.Equal(t, noon.Add(40*time.Second), entries[len(entries)-1].At.UTC(), "after a grace of ten seconds")
}

// TestLostAlerts: what a receiver refuses for good stands where a human sees it.
func TestLostAlerts(t *testing.T) {
	t.Run("a dead letter", func(t *testing.T) {
		w := newWorld(t, "ffp")
		w.deliver = func(in activities.Post) (string, bool) {
			if in.Alert.Status == health.AlertDown {
				return "status 401: bad token", true
			}
			return "", true
		}
		incident := w.heal(outage(web()))
		require.Equal(t, []string{
			`ALERT LOST: ops could not be told "down": status 401: bad token`, "told ops: recovered",
		}, texts(incident, health.EntryAlert))
	})
	t.Run("a receiver that is no longer configured", func(t *testing.T) {
		w := newWorld(t, "p")
		w.post = func(activities.Post) error {
			return temporal.NewNonRetryableApplicationError("receiver ops: not in this worker's configuration", activities.TypeNotConfigured, nil)
		}
		incident := w.heal(outage(web()))
		require.Equal(t, []string{`ALERT LOST: ops could not be told "recovered": receiver ops: not in this worker's configuration`},
			texts(incident, health.EntryAlert))
	})
}

// TestDedupKeysAreStable: all tries of an alert have the same key, and no two
// alerts share one.
func TestDedupKeysAreStable(t *testing.T) {
	w := newWorld(t, "ffp")
	keys := map[health.AlertStatus]map[string]int{health.AlertDown: {}, health.AlertRecovered: {}}
	tries := 0
	w.post = func(in activities.Post) error {
		keys[in.Alert.Status][in.Alert.DedupKey]++
		if tries++; tries < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	w.heal(outage(web()))
	require.Len(t, keys[health.AlertDown], 1)
	require.Greater(t, keys[health.AlertDown]["web@20260301T115825.000Z/down"], 2)
	require.Len(t, keys[health.AlertRecovered], 1)
	require.Contains(t, keys[health.AlertRecovered], "web@20260301T115825.000Z/recovered")
}

// TestNoReceivers: an incident that nobody wants to hear of is healed and
// recorded all the same.
func TestNoReceivers(t *testing.T) {
	check := web()
	check.Alerts = nil
	w := newWorld(t, "fp")
	incident := w.heal(outage(check))
	require.Equal(t, health.Healed, incident.Outcome)
	require.Empty(t, texts(incident, health.EntryAlert))
}

// TestReconfiguredReceivers: new receivers hear of what comes after them, and
// those who know that it is down hear that it is over.
func TestReconfiguredReceivers(t *testing.T) {
	check := web()
	check.Alerts = []string{"pager"}
	w := newWorld(t, "ffp")
	w.at(15*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, check) })
	w.heal(outage(web()))
	require.Equal(t, []string{"ops/down", "pager/recovered", "ops/recovered"}, w.statuses())
}
