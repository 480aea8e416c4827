package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// deafUntil makes receivers refuse everything until a time since noon.
func (w *world) deafUntil(until time.Duration, receivers ...string) {
	w.notify = func(in activities.NotifyInput) error {
		for _, deaf := range receivers {
			if in.Receiver == deaf && w.since() < until {
				return errors.New("connection refused")
			}
		}
		return nil
	}
}

// TestFailingReceiverDelaysNothing: neither the healing, nor the closing, nor
// the other receivers; what is left is delivered after the incident, in order.
func TestFailingReceiverDelaysNothing(t *testing.T) {
	check := web()
	check.Alerts = []string{"ops", "pager"}
	w := newWorld(t, "ffp")
	w.deafUntil(5*time.Minute, "pager")
	incident := w.heal(outage(check))

	require.Equal(t, []time.Duration{0, 20 * time.Second}, w.treatedAt(), "as if everybody listened")
	require.Equal(t, noon.Add(30*time.Second), incident.ResolvedAt.UTC())
	require.Equal(t, []string{"ops/down", "ops/recovered", "pager/down", "pager/recovered"}, w.statuses())
	require.Less(t, w.told[1].at, 31*time.Second)
	require.GreaterOrEqual(t, w.told[2].at, 5*time.Minute)
	entries := incident.Timeline.Entries
	require.Equal(t, "2 alerts not delivered yet, trying on in delivery/web@20260301T115825.000Z", entries[len(entries)-1].Text)
	require.Equal(t, noon.Add(40*time.Second), entries[len(entries)-1].At.UTC(), "after a grace of ten seconds")

	require.Equal(t, []string{"told pager: down", "told pager: recovered"},
		texts(health.Incident{Timeline: w.delivered}, health.EntryAlert))
}

// TestLostAlerts: what a receiver refuses for good, or does not take in the
// end, is given up and stands where a human sees it.
func TestLostAlerts(t *testing.T) {
	t.Run("refused for good", func(t *testing.T) {
		w := newWorld(t, "ffp")
		w.notify = func(in activities.NotifyInput) error {
			if in.Alert.Status == health.AlertDown {
				return temporal.NewNonRetryableApplicationError("status 401: bad token", activities.TypeRefused, nil)
			}
			return nil
		}
		incident := w.heal(outage(web()))
		require.Equal(t, []string{`ALERT LOST: ops could not be told "down": status 401: bad token`, "told ops: recovered"},
			texts(incident, health.EntryAlert))
	})
	t.Run("not taken in the end", func(t *testing.T) {
		w := newWorld(t, "p")
		w.deafUntil(100*24*time.Hour, "ops")
		w.heal(outage(web()))
		require.Len(t, w.delivered.Entries, 1)
		require.Equal(t, `ALERT LOST: ops could not be told "recovered": connection refused`, w.delivered.Entries[0].Text)
	})
}

// TestDedupKeysAreStable: all tries of an alert have the same key, and no two
// alerts share one.
func TestDedupKeysAreStable(t *testing.T) {
	w := newWorld(t, "ffp")
	keys := map[health.AlertStatus]map[string]int{health.AlertDown: {}, health.AlertRecovered: {}}
	tries := 0
	w.notify = func(in activities.NotifyInput) error {
		keys[in.Alert.Status][in.Alert.DedupKey]++
		if tries++; tries < 4 {
			return errors.New("connection refused")
		}
		return nil
	}
	w.heal(outage(web()))
	require.Equal(t, map[health.AlertStatus]map[string]int{
		health.AlertDown:      {"web@20260301T115825.000Z/down": 4},
		health.AlertRecovered: {"web@20260301T115825.000Z/recovered": 1},
	}, keys)
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

// TestReconfiguredReceivers: new receivers hear of what comes after them.
func TestReconfiguredReceivers(t *testing.T) {
	check := web()
	check.Alerts = []string{"pager"}
	w := newWorld(t, "ffp")
	w.at(15*time.Second, func() { w.SignalWorkflow(workflows.SignalReconfigure, check) })
	w.heal(outage(web()))
	require.Equal(t, []string{"ops/down", "pager/recovered"}, w.statuses())
}
