package health_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// TestReason: the sentences that the table of the rules has in another form.
func TestReason(t *testing.T) {
	east := noon.In(time.FixedZone("somewhere", 5*3600))
	tests := map[string]struct {
		decision health.Decision
		want     string
	}{
		"one attempt was the runbook": {
			health.Decision{Rule: health.RuleRunbook, Count: 1},
			"the runbook is at its end after 1 attempt"},
		"one restart a day": {
			health.Decision{Rule: health.RuleRestartsPerDay, Count: 1, Limit: 1, At: noon},
			"1 restart in 24 h is used up, next at 12:00 UTC"},
		"times are UTC": {
			health.Decision{Rule: health.RuleRestartsPerDay, Count: 3, Limit: 3, At: east},
			"3 restarts in 24 h are used up, next at 12:00 UTC"},
		"two other incidents": {
			health.Decision{Rule: health.RuleIncidentsPerHour, Count: 2, Limit: 1, At: noon},
			"2 other incidents in the last hour used up the limit of 1, next at 12:00 UTC"},
		"two dependencies": {
			health.Decision{Rule: health.RuleDependency, Names: []string{"clickhouse", "redis"}},
			"clickhouse and redis, which this depends on, are down"},
		"three dependencies": {
			health.Decision{Rule: health.RuleDependency, Names: []string{"clickhouse", "nats", "redis"}},
			"clickhouse and nats and redis, which this depends on, are down"},
		"a back-off of less than a second": {
			health.Decision{Rule: health.RuleBackoff, Count: 1, Wait: health.Duration(200 * time.Millisecond)},
			"backing off for 200ms after attempt 1"},
		"a back-off as it is configured": {
			health.Decision{Rule: health.RuleBackoff, Count: 3, Wait: seconds(90)},
			"backing off for 90s after attempt 3"},
		"a question without an end": {
			health.Decision{Rule: health.RuleApproval},
			"waiting for a human to approve"},
		"a place that is not named": {
			health.Decision{Rule: health.RuleConcurrent, Count: 1, Limit: 1},
			"1 of 1 restarts at the same time"},
		"one ahead": {
			health.Decision{Rule: health.RuleConcurrent, Limit: 1, Ahead: 1},
			"0 of 1 restarts at the same time; 1 incident has waited longer"},
		"some ahead": {
			health.Decision{Rule: health.RuleConcurrent, Count: 1, Limit: 1, Ahead: 7, Names: []string{"mail"}},
			"1 of 1 restarts at the same time: mail; 7 incidents have waited longer"},
		"a gatekeeper out of reach": {
			health.Decision{Rule: health.RuleGatekeeper, Note: "the gatekeeper cannot be reached"},
			"the gatekeeper cannot be reached"},
		"a rule of a later version": {
			health.Decision{Rule: "full moon"},
			"full moon"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, test.decision.Reason()) })
	}
}

// TestDecisionJSON: a decision is part of histories; what says nothing is left
// out, and the reason is the same on the other side.
func TestDecisionJSON(t *testing.T) {
	situation, fleet := acting()
	text, err := json.Marshal(health.Decide(&situation, &fleet))
	require.NoError(t, err)
	require.JSONEq(t, `{"act": true, "rule": "clear", "step": 1, "count": 3, "limit": 3, "by": "ann"}`, string(text))

	situation, fleet = against()
	for _, step := range order {
		if step.rule == health.RuleObserve {
			situation.Mode = health.ModeObserve
		}
		decision := health.Decide(&situation, &fleet)
		text, err := json.Marshal(decision)
		require.NoError(t, err)
		require.Less(t, len(text), 140, "%s", text)
		var back health.Decision
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, decision, back)
		step.lift(&situation, &fleet)
	}
}
