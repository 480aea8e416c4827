package operator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"

	"paramedic/internal/health"
	"paramedic/workflows"
)

var began = time.Date(2026, 11, 20, 22, 56, 30, 123e6, time.UTC)

func TestParseIncidentID(t *testing.T) {
	for id, want := range map[string]string{
		health.IncidentID("clickhouse", "", began):    "clickhouse",
		health.IncidentID("clickhouse", "eu1", began): "clickhouse/eu1",
		health.IncidentID("a@b", "", began):           "a@b",
	} {
		target, at, ok := parseIncidentID(id)
		require.True(t, ok, id)
		require.Equal(t, want, target)
		require.True(t, began.Equal(at), at)
	}
	for _, id := range []string{"clickhouse", "@20261120T225630.123Z", "clickhouse@yesterday", "", "remediation/clickhouse"} {
		_, _, ok := parseIncidentID(id)
		require.False(t, ok, id)
	}
}

func TestTimesAreRFC3339WithMilliseconds(t *testing.T) {
	madrid := time.FixedZone("CET", 3600)
	for want, at := range map[string]time.Time{
		`"2026-11-20T22:56:30.123Z"`: began.In(madrid),
		`"2026-11-20T22:56:30.000Z"`: began.Truncate(time.Second),
		`null`:                       {},
	} {
		got, err := json.Marshal(Time{at})
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

func TestFilterQuery(t *testing.T) {
	require.Equal(t, "WorkflowType = 'Remediation' AND TaskQueue = 'paramedic' AND ExecutionStatus != 'ContinuedAsNew'",
		Filter{}.query("paramedic"))
	require.Equal(t, "WorkflowType = 'Remediation' AND TaskQueue = 'q' AND "+
		"(WorkflowId = 'remediation/web' OR WorkflowId STARTS_WITH 'remediation/web/') AND ExecutionStatus = 'Running'",
		Filter{Service: "web", Open: true}.query("q"))
	require.Equal(t, `Service = 'it\'s \\ "quoted"'`, equals("Service", `it's \ "quoted"`))
}

// resolved is an incident that was down for 135.25 s.
func resolved() Incident {
	incident := health.Incident{
		ID: health.IncidentID("clickhouse", "", began), Service: "clickhouse", Severity: "P1", State: health.Resolved,
		FirstFailureAt: began, OpenedAt: began.Add(time.Minute), ResolvedAt: began.Add(135250 * time.Millisecond),
		Reason: "row count 0 < 1", Attempts: 2, Restarts: 2, Verifications: 3, Outcome: health.Healed,
		Acknowledged: &health.Acknowledgement{By: "ana", Note: "on it", At: began.Add(70 * time.Second)},
	}
	incident.Timeline.Add(began, health.EntryFailure, "failure 1/3: row count 0 < 1")
	return Incident{Incident: incident, WorkflowID: "remediation/clickhouse", RunID: "run-1", asOf: began.Add(time.Hour)}
}

func TestSummaryOfAResolvedIncident(t *testing.T) {
	got, err := json.Marshal(resolved().Summary())
	require.NoError(t, err)
	require.JSONEq(t, `{
		"service": "clickhouse", "target": "", "state": "resolved",
		"opened_at": "2026-11-20T22:57:30.123Z", "resolved_at": "2026-11-20T22:58:45.373Z",
		"downtime_seconds": 135.25, "attempts": 2, "outcome": "healed", "acknowledged_by": "ana",
		"workflow_id": "remediation/clickhouse", "run_id": "run-1"
	}`, string(got))
}

func TestSummaryOfAnOpenIncidentRunsToNow(t *testing.T) {
	incident := resolved()
	incident.State, incident.ResolvedAt, incident.Outcome, incident.Acknowledged = health.Triggered, time.Time{}, "", nil
	got, err := json.Marshal(incident.Summary())
	require.NoError(t, err)
	require.JSONEq(t, `{
		"service": "clickhouse", "target": "", "state": "triggered",
		"opened_at": "2026-11-20T22:57:30.123Z", "resolved_at": null,
		"downtime_seconds": 3600, "attempts": 2, "outcome": "", "acknowledged_by": "",
		"workflow_id": "remediation/clickhouse", "run_id": "run-1"
	}`, string(got))
}

func TestReportHoldsTheFiguresAndTheTimeline(t *testing.T) {
	report := resolved().Report()
	require.Equal(t, "clickhouse@20261120T225630.123Z", report.ID)
	require.Equal(t, 60.0, report.TimeToDetectSeconds)
	require.Equal(t, 75.25, report.TimeToHealSeconds)
	require.Equal(t, []Entry{{At: Time{began}, Kind: health.EntryFailure, Text: "failure 1/3: row count 0 < 1"}}, report.Timeline)

	empty, err := json.Marshal(Incident{}.Report())
	require.NoError(t, err)
	require.Contains(t, string(empty), `"timeline":[]`)
	require.Contains(t, string(empty), `"acknowledged":null`)
}

func TestStatusOf(t *testing.T) {
	status := StatusOf("web", workflows.MonitorState{
		State: health.StateFailing, Since: began, Streak: health.Streak{Failures: 2},
		LastProbeAt: began.Add(time.Second), LatencyMS: 1.5, Message: "status 503",
	})
	got, err := json.Marshal(status)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"service": "web", "target": "", "state": "failing", "since": "2026-11-20T22:56:30.123Z",
		"last_probe_at": "2026-11-20T22:56:31.123Z", "latency_ms": 1.5, "message": "status 503", "streak": 2
	}`, string(got))
	require.Equal(t, health.StateUnknown, StatusOf("web", workflows.MonitorState{}).State)

	paused := StatusOf("web", workflows.MonitorState{
		State: health.StateHealthy, Message: "200 OK", Paused: &workflows.Pause{By: "ana", Note: "moving house", At: began},
	})
	require.Equal(t, health.StatePaused, paused.State)
	require.Equal(t, "paused by ana at 2026-11-20T22:56:30Z: moving house", paused.Message)
}

func TestBegunTakesAnIncidentOnAfterContinueAsNew(t *testing.T) {
	record := health.Incident{ID: "clickhouse@x", Attempts: 4}
	require.Equal(t, record, begun(workflows.RemediationInput{Record: &workflows.Record{Incident: record}}))

	fresh := begun(workflows.RemediationInput{
		Check: workflows.Check{Service: "clickhouse", Severity: "P0"}, Streak: health.Streak{FirstFailureAt: began},
		LastFailure: health.Result{Message: "connection refused"},
	})
	require.Equal(t, "clickhouse@20261120T225630.123Z", fresh.ID)
	require.Equal(t, health.Triggered, fresh.State)
	require.Equal(t, "connection refused", fresh.Reason)
}

func TestRequestsByNobodyAreRefused(t *testing.T) {
	o := New(nil, "paramedic")
	_, err := o.Instruct(t.Context(), "web", workflows.Acknowledge, workflows.Instruction{By: " "})
	require.ErrorIs(t, err, ErrNobody)
	_, err = o.Pause(t.Context(), "web", workflows.Pause{})
	require.ErrorIs(t, err, ErrNobody)
	_, err = o.Resume(t.Context(), "web", workflows.Resume{})
	require.ErrorIs(t, err, ErrNobody)
}

// clearEnvironment keeps the machine's own Temporal settings out of a test.
func clearEnvironment(t *testing.T) {
	for _, name := range []string{"TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE", "TEMPORAL_API_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
}

func TestEndpointResolution(t *testing.T) {
	clearEnvironment(t)
	options, err := Endpoint{}.ClientOptions()
	require.NoError(t, err)
	require.Equal(t, []string{DefaultAddress, "default"}, []string{options.HostPort, options.Namespace})

	t.Setenv("TEMPORAL_ADDRESS", "cluster.example:7233")
	t.Setenv("TEMPORAL_NAMESPACE", "ops")
	options, err = Endpoint{}.ClientOptions()
	require.NoError(t, err)
	require.Equal(t, []string{"cluster.example:7233", "ops"}, []string{options.HostPort, options.Namespace})

	options, err = Endpoint{Address: "127.0.0.1:1", Namespace: "mine"}.ClientOptions()
	require.NoError(t, err)
	require.Equal(t, []string{"127.0.0.1:1", "mine"}, []string{options.HostPort, options.Namespace})
}

func TestDialSaysWhatToDoWhenNobodyListens(t *testing.T) {
	clearEnvironment(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	_, err = Dial(t.Context(), Endpoint{Address: address}, slog.New(slog.DiscardHandler))
	require.ErrorAs(t, err, new(Unreachable))
	require.EqualError(t, err, "cannot reach Temporal at "+address+": dial tcp "+address+": connect: connection refused\n"+
		"Is the worker running? Start it with `go run ./worker`, or set TEMPORAL_ADDRESS (or --address) to your cluster.")
}

func TestDialEndsWithItsContext(t *testing.T) {
	clearEnvironment(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Dial(ctx, Endpoint{Address: "127.0.0.1:1"}, slog.New(slog.DiscardHandler))
	require.ErrorIs(t, err, context.Canceled)
}

func TestDiagnose(t *testing.T) {
	connection := &Connection{Address: "a:1", Namespace: "ops"}
	require.ErrorAs(t, connection.Diagnose(serviceerror.NewUnavailable("gone")), new(Unreachable))
	require.EqualError(t, connection.Diagnose(serviceerror.NewNamespaceNotFound("ops")),
		`Temporal at a:1 has no namespace "ops": create it, or set TEMPORAL_NAMESPACE`)
	other := errors.New("something else")
	require.Equal(t, other, connection.Diagnose(other))
	require.NoError(t, connection.Diagnose(nil))
}
