package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// incident has so many entries in its timeline; it is resolved if it ended.
func incident(id string, opened, ended time.Time, entries int) health.Incident {
	i := health.Incident{ID: id, Service: "cache", Severity: "critical", State: health.Triggered, OpenedAt: opened, ResolvedAt: ended}
	if !ended.IsZero() {
		i.State, i.Outcome = health.Resolved, health.Healed
	}
	for range entries {
		i.Timeline.Add(opened, health.EntryVerification, "refused")
	}
	return i
}

// TestLateReports: a report never takes an incident back to where it was.
func TestLateReports(t *testing.T) {
	open := func(entries int) health.Incident { return incident("cache@1", noon, time.Time{}, entries) }
	closed := func(entries int) health.Incident { return incident("cache@1", noon, noon.Add(time.Hour), entries) }
	noted := open(2)
	noted.Reason = "still refused"
	timeless := closed(3)
	timeless.ResolvedAt = time.Time{}
	tests := map[string]struct {
		first, second health.Incident
		replaced      bool
	}{
		"further":                            {open(2), open(3), true},
		"late":                               {open(3), open(2), false},
		"as far":                             {open(2), noted, true},
		"resolved":                           {open(2), closed(3), true},
		"resolved with a shorter story":      {open(9), closed(3), true},
		"resolved without a time":            {open(2), timeless, true},
		"open after resolved":                {closed(3), open(9), false},
		"open after resolved without a time": {timeless, open(9), false},
		"resolved, late":                     {closed(4), closed(3), false},
		"resolved, further":                  {closed(3), closed(4), true},
		"a full timeline goes on":            {open(health.TimelineLimit + 7), open(health.TimelineLimit + 6), false},
	}
	each(t, func(t *testing.T, s *store.Store) {
		for name, test := range tests {
			test.first.ID, test.second.ID = name, name
			write(t, s, store.Batch{Incidents: []health.Incident{test.first}})
			write(t, s, store.Batch{Incidents: []health.Incident{test.second}})
			want := test.first
			if test.replaced {
				want = test.second
			}
			found, err := s.Incident(t.Context(), name)
			require.NoError(t, err)
			require.Equal(t, want, found, name)
		}
	})
}

func TestIncidentFilters(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		batch := store.Batch{}
		for n := range 60 {
			ended := noon.Add(time.Duration(n) * 24 * time.Hour)
			if n%20 == 19 {
				ended = time.Time{}
			}
			i := incident(fmt.Sprintf("i%02d", n), noon.Add(time.Duration(n)*time.Hour), ended, 1)
			i.Service = []string{"cache", "web"}[n%2]
			batch.Incidents = append(batch.Incidents, i)
		}
		// Two that began together have an order, too.
		twin := batch.Incidents[59]
		twin.ID = "i99"
		batch.Incidents = append(batch.Incidents, twin)
		write(t, s, batch)
		tests := map[string]struct {
			filter      store.IncidentFilter
			total       int
			count       int
			first, last string
		}{
			"all":             {store.IncidentFilter{}, 61, 50, "i99", "i11"},
			"second page":     {store.IncidentFilter{Offset: 50}, 61, 11, "i10", "i00"},
			"beyond":          {store.IncidentFilter{Offset: 500}, 61, 0, "", ""},
			"short page":      {store.IncidentFilter{Limit: 3, Offset: 1}, 61, 3, "i59", "i57"},
			"service":         {store.IncidentFilter{Service: "cache"}, 30, 30, "i58", "i00"},
			"nobody":          {store.IncidentFilter{Service: "nobody"}, 0, 0, "", ""},
			"open":            {store.IncidentFilter{Open: true}, 4, 4, "i99", "i19"},
			"closed":          {store.IncidentFilter{Closed: true, Limit: 100}, 57, 57, "i58", "i00"},
			"open and closed": {store.IncidentFilter{Open: true, Closed: true}, 61, 50, "i99", "i11"},
			"from":            {store.IncidentFilter{From: noon.Add(50 * time.Hour)}, 11, 11, "i99", "i50"},
			"until":           {store.IncidentFilter{Until: noon.Add(50 * time.Hour), Limit: 100}, 50, 50, "i49", "i00"},
			"all at once":     {store.IncidentFilter{Service: "web", Closed: true, From: noon.Add(2 * time.Hour), Until: noon.Add(6 * time.Hour)}, 2, 2, "i05", "i03"},
			"a negative page": {store.IncidentFilter{Limit: -1, Offset: -1}, 61, 50, "i99", "i11"},
		}
		for name, test := range tests {
			page, total, err := s.Incidents(t.Context(), test.filter)
			require.NoError(t, err)
			require.Equal(t, test.total, total, name)
			require.Len(t, page, test.count, name)
			if test.count > 0 {
				require.Equal(t, []string{test.first, test.last}, []string{page[0].ID, page[len(page)-1].ID}, name)
			}
		}
	})
}
