package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

func alert(key, receiver string, at time.Time, outcome store.AlertOutcome) store.Alert {
	return store.Alert{DedupKey: key, Receiver: receiver, Service: "cache", Incident: "cache@1", At: at, Outcome: outcome}
}

// TestAlertOutcomes: the latest outcome stays, in whichever order they come.
func TestAlertOutcomes(t *testing.T) {
	later := noon.Add(time.Minute)
	tests := map[string]struct {
		first, second store.Alert
		want          store.AlertOutcome
	}{
		"delivered at last":     {alert("", "team", noon, store.AlertRetrying), alert("", "team", later, store.AlertDelivered), store.AlertDelivered},
		"late":                  {alert("", "team", later, store.AlertDelivered), alert("", "team", noon, store.AlertRetrying), store.AlertDelivered},
		"given up":              {alert("", "team", noon, store.AlertRetrying), alert("", "team", noon, store.AlertDead), store.AlertDead},
		"at once":               {alert("", "team", noon, store.AlertDelivered), alert("", "team", noon, store.AlertDead), store.AlertDelivered},
		"sent again by a human": {alert("", "team", noon, store.AlertDead), alert("", "team", later, store.AlertRetrying), store.AlertRetrying},
	}
	each(t, func(t *testing.T, s *store.Store) {
		for name, test := range tests {
			test.first.DedupKey, test.second.DedupKey = name, name
			test.first.Incident, test.second.Incident = name, name
			write(t, s, store.Batch{Alerts: []store.Alert{test.first}})
			write(t, s, store.Batch{Alerts: []store.Alert{test.second}})
			found, err := s.Alerts(t.Context(), store.AlertFilter{Incident: name})
			require.NoError(t, err)
			require.Len(t, found, 1)
			require.Equal(t, test.want, found[0].Outcome, name)
		}
	})
}

func TestAlertFilters(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		batch := store.Batch{}
		for n := range 60 {
			a := alert("k"+string(rune('A'+n)), []string{"team", "chat"}[n%2], noon.Add(time.Duration(n)*time.Second), store.AlertDelivered)
			a.Service = []string{"cache", "web", "db"}[n%3]
			batch.Alerts = append(batch.Alerts, a)
		}
		write(t, s, batch)
		for _, test := range []struct {
			filter store.AlertFilter
			want   int
		}{
			{store.AlertFilter{}, 50}, {store.AlertFilter{Limit: 100}, 60}, {store.AlertFilter{Service: "web"}, 20},
			{store.AlertFilter{Receiver: "chat"}, 30}, {store.AlertFilter{Receiver: "chat", Service: "web", Incident: "cache@1"}, 10},
			{store.AlertFilter{Incident: "other"}, 0},
		} {
			found, err := s.Alerts(t.Context(), test.filter)
			require.NoError(t, err)
			require.Len(t, found, test.want, "%+v", test.filter)
			for n := 1; n < len(found); n++ {
				require.True(t, found[n].At.Before(found[n-1].At), "newest first")
			}
		}
	})
}

// TestOutboxes: what a receiver's Outbox says replaces all that it said before.
func TestOutboxes(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		letter := health.DeadLetter{ID: "7", Receiver: "team", At: noon, Error: "refused", Alert: health.Alert{Service: "cache"}}
		chat := health.Outbox{Receiver: "chat", At: noon, Waiting: 2}
		empty := health.Outbox{Receiver: "team", At: noon.Add(time.Minute), Delivered: 1}
		write(t, s, store.Batch{Outboxes: []health.Outbox{{Receiver: "team", At: noon, DeadLetters: []health.DeadLetter{letter}}, chat}})
		write(t, s, store.Batch{Outboxes: []health.Outbox{empty}})
		write(t, s, store.Batch{Outboxes: []health.Outbox{{Receiver: "team", At: noon.Add(time.Second), Waiting: 9}}})
		found, err := s.Outboxes(t.Context())
		require.NoError(t, err)
		require.Equal(t, []health.Outbox{chat, empty}, found)
	})
}
