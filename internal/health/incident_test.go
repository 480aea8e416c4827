package health_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestIncidentID(t *testing.T) {
	local := time.FixedZone("somewhere", 5*3600)
	tests := []struct {
		service, target string
		at              time.Time
		want            string
	}{
		{"clickhouse", "", noon, "clickhouse@20260301T120000.000Z"},
		{"clickhouse", "eu", noon.Add(7 * time.Millisecond), "clickhouse/eu@20260301T120000.007Z"},
		{"cache", "", noon.In(local), "cache@20260301T120000.000Z"},
	}
	for _, test := range tests {
		require.Equal(t, test.want, health.IncidentID(test.service, test.target, test.at))
	}
}

func TestIncidentTimes(t *testing.T) {
	at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
	open := health.Incident{State: health.Triggered, FirstFailureAt: noon, OpenedAt: at(60)}
	owned := open
	owned.State = health.Acknowledged
	resolved := open
	resolved.State, resolved.ResolvedAt = health.Resolved, at(90)
	// The pass that ends it may be older than the failure that opened it: two
	// workers whose clocks disagree.
	skewed := resolved
	skewed.ResolvedAt = at(-5)
	// The Monitor may open it late, when it asks again at a multiple.
	early := resolved
	early.OpenedAt = at(120)

	tests := map[string]struct {
		incident               health.Incident
		now                    time.Time
		downtime, detect, heal time.Duration
	}{
		"open":                                {open, at(100), 100 * time.Second, time.Minute, 40 * time.Second},
		"acknowledged is open":                {owned, at(100), 100 * time.Second, time.Minute, 40 * time.Second},
		"resolved ignores now":                {resolved, at(500), 90 * time.Second, time.Minute, 30 * time.Second},
		"never negative, resolved":            {skewed, at(500), 0, time.Minute, 0},
		"never negative, now before it began": {open, at(-10), 0, time.Minute, 0},
		"opened after it was over":            {early, at(500), 90 * time.Second, 2 * time.Minute, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.downtime, test.incident.Downtime(test.now))
			require.Equal(t, test.detect, test.incident.TimeToDetect())
			require.Equal(t, test.heal, test.incident.TimeToHeal(test.now))
		})
	}
}

// TestIncidentJSON: the record is the result in the Web UI, read for years.
func TestIncidentJSON(t *testing.T) {
	incident := health.Incident{
		ID: "cache@20260301T120000.000Z", Service: "cache", Severity: "critical", State: health.Resolved,
		FirstFailureAt: noon, OpenedAt: noon.Add(time.Minute), ResolvedAt: noon.Add(2 * time.Minute),
		Reason: "refused", Attempts: 1, Restarts: 1, Verifications: 1, Outcome: health.Healed,
		Acknowledged: &health.Acknowledgement{By: "ann", At: noon},
		Timeline:     health.Timeline{Entries: []health.Entry{{At: noon, Kind: health.EntryFailure, Text: "failure 1/3"}}},
	}
	text, err := json.Marshal(incident)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"id": "cache@20260301T120000.000Z", "service": "cache", "severity": "critical", "state": "resolved",
		"first_failure_at": "2026-03-01T12:00:00Z", "opened_at": "2026-03-01T12:01:00Z",
		"resolved_at": "2026-03-01T12:02:00Z", "reason": "refused", "attempts": 1, "restarts": 1,
		"verifications": 1, "outcome": "healed", "acknowledged": {"by": "ann", "at": "2026-03-01T12:00:00Z"},
		"timeline": {"entries": [{"at": "2026-03-01T12:00:00Z", "kind": "failure", "text": "failure 1/3"}]}
	}`, string(text))
	var back health.Incident
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, incident, back)
}
