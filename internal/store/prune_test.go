package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// TestPruneByAge: failures outlive what passed, sums outlive both, and at last
// nothing is left, not even the name.
func TestPruneByAge(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const days = 24 * time.Hour
		write(t, s, store.Batch{Results: []store.Result{
			result("cache", noon, health.Healthy, 1), result("cache", noon.Add(time.Minute), health.Unhealthy, 1),
			result("cache", noon.Add(2*time.Minute), health.Degraded, 1),
		}, Standings: []health.Standing{{Service: "cache", At: noon}}})
		for _, test := range []struct {
			age                           time.Duration
			removed                       int
			recent, failures, sums, names int
		}{
			{47 * time.Hour, 0, 3, 2, 1, 1}, {2*days + time.Hour, 3, 0, 2, 1, 1}, {15 * days, 1, 0, 2, 1, 1},
			{31 * days, 2, 0, 0, 1, 1}, {400 * days, 0, 0, 0, 1, 1}, {401 * days, 2, 0, 0, 0, 0},
		} {
			removed, err := s.Prune(t.Context(), noon.Add(test.age), store.Retention{})
			require.NoError(t, err)
			require.Equal(t, test.removed, removed, "after %v", test.age)
			recent, err := s.Recent(t.Context(), 10)
			require.NoError(t, err)
			require.Len(t, recent[cache], test.recent, "after %v", test.age)
			failures, err := s.Failures(t.Context(), cache, 10)
			require.NoError(t, err)
			require.Len(t, failures, test.failures, "after %v", test.age)
			sums, err := s.Days(t.Context(), cache, noon, noon.Add(time.Hour))
			require.NoError(t, err)
			require.Len(t, sums, test.sums, "after %v", test.age)
			require.Len(t, latest(t, s), test.names, "after %v", test.age)
		}
	})
}

// TestForgottenTargetComesBack: whoever still knows the id of a target that
// somebody else has removed must not write under it.
func TestForgottenTargetComesBack(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		one, other := open(t, location), open(t, location)
		write(t, one, store.Batch{Results: []store.Result{result("cache", noon, health.Healthy, 1)}})
		_, err := other.Prune(t.Context(), noon.AddDate(2, 0, 0), store.DefaultRetention)
		require.NoError(t, err)
		require.Empty(t, latest(t, other))
		write(t, one, store.Batch{Results: []store.Result{result("cache", noon, health.Unhealthy, 1)}})
		require.Contains(t, latest(t, other), cache)
		failures, err := other.Failures(t.Context(), cache, 1)
		require.NoError(t, err)
		require.Len(t, failures, 1)
	})
}

func TestPruneIncidents(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		year := noon.AddDate(1, 0, 0)
		batch := store.Batch{Incidents: []health.Incident{
			incident("old", noon, noon.Add(time.Hour), 1), incident("open", noon, time.Time{}, 1),
			incident("long", noon, year, 1), incident("new", year, year, 1),
		}, Outboxes: []health.Outbox{{Receiver: "gone", At: noon}, {Receiver: "team", At: year}}}
		for _, id := range []string{"old", "open", "long", "new", "unknown", ""} {
			a := alert(id+"/1", "team", noon, store.AlertDelivered)
			a.Incident = id
			batch.Alerts = append(batch.Alerts, a)
		}
		write(t, s, batch)
		removed, err := s.Prune(t.Context(), noon.AddDate(1, 0, 2), store.DefaultRetention)
		require.NoError(t, err)
		require.Equal(t, 5, removed, "old, its alert, two alerts of no incident, the outbox of nobody")
		page, _, err := s.Incidents(t.Context(), store.IncidentFilter{})
		require.NoError(t, err)
		var ids []string
		for _, i := range page {
			ids = append(ids, i.ID)
		}
		require.Equal(t, []string{"new", "open", "long"}, ids)
		alerts, err := s.Alerts(t.Context(), store.AlertFilter{})
		require.NoError(t, err)
		require.Len(t, alerts, 3)
		outboxes, err := s.Outboxes(t.Context())
		require.NoError(t, err)
		require.Len(t, outboxes, 1)
	})
}

// TestPruneInSteps: many rows of one target and of many, and an interruption
// from which the next one goes on.
func TestPruneInSteps(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const targets, single = 300, 12_000
		batch := store.Batch{}
		for n := range single {
			batch.Results = append(batch.Results, result("cache", noon.Add(time.Duration(n)*time.Second), health.Healthy, 1))
		}
		for n := range targets {
			for m := range 10 {
				batch.Results = append(batch.Results, result(fmt.Sprint("web ", n), noon.Add(time.Duration(m)*time.Minute), health.Healthy, 1))
			}
		}
		batch.Results = append(batch.Results, result("cache", noon.AddDate(0, 0, 5), health.Healthy, 1))
		write(t, s, batch)
		stopped, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Prune(stopped, noon.AddDate(0, 0, 5), store.DefaultRetention)
		require.ErrorIs(t, err, context.Canceled)
		removed, err := s.Prune(t.Context(), noon.AddDate(0, 0, 5), store.DefaultRetention)
		require.NoError(t, err)
		require.Equal(t, single+targets*10, removed)
		recent, err := s.Recent(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, map[store.Key][]float32{cache: {1}}, recent)
	})
}
