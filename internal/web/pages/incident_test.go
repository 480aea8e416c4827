package pages

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
	"paramedic/workflows"
)

// sample is a closed incident with all kinds of entries.
func sample() health.Incident {
	after := func(seconds int) time.Time { return failedAt.Add(time.Duration(seconds) * time.Second) }
	i := health.Incident{
		ID: health.IncidentID("clickhouse", "", failedAt), Service: "clickhouse", Severity: "P1",
		Runbook: "https://wiki.example/clickhouse", State: health.Resolved, Outcome: health.Healed,
		FirstFailureAt: failedAt, OpenedAt: after(120), ActedAt: after(125), ResolvedAt: after(300),
		Workflow: "remediation/clickhouse", Run: "run-1", Reason: "row count 0 < 1",
		Attempts: 2, Restarts: 1, Verifications: 3, Action: "restart clickhouse-server.service",
		Evidence: "Mar 19 14:27:59 host clickhouse[1]: <Fatal> out of memory\nMar 19 14:28:00 host systemd[1]: killed",
		Affected: []string{"api", "reports"}, Held: map[health.Rule]int{health.RuleBackoff: 2, health.RulePassing: 1},
		Acknowledged: &health.Acknowledgement{By: "Ana", Note: "on it", At: after(200)},
	}
	for _, entry := range []struct {
		second int
		kind   health.EntryKind
		text   string
	}{
		{0, health.EntryFailure, "failure 1/3: row count 0 < 1"},
		{120, health.EntryFailure, "failure 3/3: row count 0 < 1"},
		{120, health.EntryOpened, "incident opened, severity P1"},
		{125, health.EntryDecision, "act: restart 1 of 3 in this incident"},
		{125, health.EntryAttempt, "attempt 1: restart clickhouse-server.service"},
		{126, health.EntryEvidence, "two lines\nof the log"},
		{130, health.EntryAlert, "ops told: down"},
		{136, health.EntryVerification, "still down: row count 0 < 1"},
		{140, health.EntryDecision, "held: backing off for 30s after attempt 1"},
		{200, health.EntryAcknowledged, "acknowledged by Ana: on it"},
		{210, health.EntryNote, "also down: api, which depends on this"},
		{230, health.EntryAttempt, "attempt 2: restart clickhouse-server.service"},
		{300, health.EntryResolved, "healed after 5m 0s"},
	} {
		i.Timeline.Add(after(entry.second), entry.kind, entry.text)
	}
	return i
}

// ward is a site over a real board and a real store.
type ward struct {
	*site
	board *board.Board
	store *store.Store
	told  *recorder
}

func newWard(t *testing.T, change func(*Options), services ...board.Configured) *ward {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	kept, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "paramedic.db"), log)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, kept.Close()) })
	w := &ward{board: board.New(written{t, kept}, log), store: kept, told: &recorder{}}
	w.board.Keep(services)
	options := Options{
		Board: w.board, Store: kept,
		Operator: func(context.Context) (Operator, error) { return w.told, w.told.unreachable },
		WebUI: func(workflow, run string) string {
			return "http://ui.example/" + workflow + "/" + run
		},
		Now: func() time.Time { return failedAt.Add(time.Hour) },
	}
	if change != nil {
		change(&options)
	}
	w.site = newSite(t, options)
	w.who = access.Identity{Name: "ana@example.org", Role: access.Operator, Method: access.MethodOIDC}
	return w
}

// page returns a page's text and its HTML, and checks that it is well-formed.
func (w *ward) page(t *testing.T, address string) (text, html string) {
	t.Helper()
	answer := w.get(address)
	require.Equal(t, 200, answer.Code, answer.Body)
	return wellFormed(t, answer.Body.String()), answer.Body.String()
}

// recorder is told what forms say.
type recorder struct {
	Operator
	said                []string
	receipt             operator.Receipt
	refuse, unreachable error
}

func (r *recorder) Instruct(_ context.Context, service, instruction string, in workflows.Instruction) (operator.Receipt, error) {
	r.said = append(r.said, strings.Join([]string{service, instruction, in.By, in.Note}, "|"))
	return r.receipt, r.refuse
}

func (r *recorder) Silence(_ context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	r.said = append(r.said, strings.Join([]string{service, "silence", span.For.String(), span.By, span.Reason}, "|"))
	return workflows.MonitorState{}, r.refuse
}

// open is the sample while it is open.
func open() health.Incident {
	i := sample()
	i.State, i.Outcome, i.ResolvedAt = health.Acknowledged, "", time.Time{}
	return i
}

func clickhouse() board.Configured {
	return board.Configured{Name: "clickhouse", Impact: "No figures of today.", Labels: map[string]string{publicLabel: "Figures"}}
}

const at = "/incidents/clickhouse@20260319T142800.000Z"

func TestIncidentPage(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Alerts: []store.Alert{{DedupKey: "1", Receiver: "ops", Service: "clickhouse", Incident: open().ID,
		Status: health.AlertDown, Stage: health.AlertInitial, At: failedAt, Outcome: store.AlertDead, Error: "connection refused"}}}))
	_, body := w.page(t, at)
	for _, part := range []string{
		"<bdi>clickhouse</bdi>: acknowledged</h1>", "down for <strong>1h 0m</strong>", "No figures of today.", "row count 0 &lt; 1",
		`<a href="https://wiki.example/clickhouse" rel="noopener noreferrer">`, `href="http://ui.example/remediation/clickhouse/run-1"`,
		"2m 0s to detect", "5s to decide", "57m 55s to heal", `<svg class="timeline"`, `<circle class="dot attempt"`,
		`<title>14:30:05 (&#43;2m 5s) decision: act: restart 1 of 3 in this incident`,
		"<pre dir=\"ltr\">two lines\nof the log</pre>", "&lt;Fatal&gt; out of memory", `<a href="/services/api">`,
		"<bdi>backoff</bdi></th><td class=\"number\">2</td>", `<span class="outcome dead">dead</span> <bdi class="message">connection refused</bdi>`,
		`action="` + at + `/unacknowledge"`, `action="` + at + `/resolve"`, "# Post-mortem: clickhouse, 2026-03-19",
		`data-live="/live?service=clickhouse"`,
	} {
		require.Contains(t, body, part)
	}
	require.NotContains(t, body, "/approve", "nothing waits for approval")
	require.NotContains(t, body, "style=")

	w.who.Role = access.Viewer
	require.NotContains(t, w.get(at).Body.String(), `action="/incidents/`, "who may only look has no buttons")
}

func TestClosedIncidentPage(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	require.NoError(t, w.board.Archive(t.Context(), sample()))
	_, body := w.page(t, at)
	require.Contains(t, body, "was down for <strong>5m 0s</strong>")
	require.Contains(t, body, "No alert was sent.")
	require.NotContains(t, body, `action="/incidents/`)
	require.Equal(t, 404, w.get("/incidents/nobody").Code)
	require.Equal(t, 404, w.get("/incidents/clickhouse%2f..%2fx").Code)
}

func TestApprovalIsAskedFor(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	waiting := open()
	waiting.ApproveBy, waiting.Waiting = failedAt.Add(2*time.Hour), "waiting for a human to approve"
	w.board.Report(waiting)
	_, body := w.page(t, at)
	require.Contains(t, body, `action="`+at+`/approve"`)
	require.Contains(t, body, "16:28 UTC")
}

func TestInstructions(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	for _, what := range []string{"acknowledge", "unacknowledge", "approve", "retry", "rearm", "resolve"} {
		answer := w.post(at+"/"+what, "note", " because ")
		require.Equal(t, 303, answer.Code, answer.Body)
		location := answer.Header().Get("Location")
		require.Contains(t, location, at+"?notice=")
		require.Equal(t, "clickhouse|"+what+"|ana@example.org|because", w.told.said[len(w.told.said)-1])
		require.Contains(t, w.get(location).Body.String(), `role="status"`, "it is said what follows")
	}
	w.told.receipt.Pending = true
	require.Equal(t, at+"?notice=pending", w.post(at+"/retry").Header().Get("Location"))
}

func TestInstructionsThatFail(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	for name, test := range map[string]struct {
		refuse error
		code   int
		says   string
	}{
		"refused": {operator.Refused{Why: `approve the incident of "clickhouse": nothing waits for approval`}, 409, "nothing waits for approval"},
		"closed":  {operator.NotOpen{Service: "clickhouse"}, 409, "The incident has been closed meanwhile; nothing was done."},
		"broken":  {errors.New("connection reset"), 502, "connection reset"},
		"slow":    {context.DeadlineExceeded, 504, "did not answer in time"},
	} {
		w.told.refuse = test.refuse
		answer := w.post(at + "/approve")
		require.Equal(t, test.code, answer.Code, name)
		require.Contains(t, answer.Body.String(), test.says, name)
	}
	w.told.unreachable = errors.New("no Temporal")
	require.Equal(t, 503, w.post(at+"/approve").Code)
}

// What is said about one incident never reaches the next one.
func TestInstructionsOfAClosedIncident(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	require.NoError(t, w.board.Archive(t.Context(), sample()))
	require.Equal(t, 409, w.post(at+"/resolve").Code)
	next := open()
	next.ID, next.OpenedAt = "clickhouse@next", next.OpenedAt.Add(time.Hour)
	w.board.Report(next)
	require.Equal(t, 409, w.post(at+"/resolve").Code)
	last := open()
	last.ID = "clickhouse@last"
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Incidents: []health.Incident{last}}))
	require.Equal(t, 409, w.post("/incidents/clickhouse@last/resolve").Code, "its end was never stored")
	require.Empty(t, w.told.said)
	require.Equal(t, 404, w.post("/incidents/nobody/resolve").Code)
}

func TestSilence(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	require.Equal(t, at+"?notice=silenced", w.post(at+"/silence", "for", "4h", "note", "moving").Header().Get("Location"))
	require.Equal(t, at+"?notice=silence-ended", w.post(at+"/silence", "for", "0s").Header().Get("Location"))
	require.Equal(t, []string{"clickhouse|silence|4h|ana@example.org|moving", "clickhouse|silence|0s|ana@example.org|"}, w.told.said)
	for _, wrong := range []string{"", "soon", "-1h", "5s", "169h"} {
		require.Equal(t, 400, w.post(at+"/silence", "for", wrong).Code, wrong)
	}
}

// Where there is no log-in, the form asks who it is.
func TestLocalPeopleSayWhoTheyAre(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	w.who = access.Identity{Name: "local", Role: access.Admin, Method: access.MethodLocal}
	require.Equal(t, 400, w.post(at+"/retry").Code)
	require.Equal(t, 303, w.post(at+"/retry", "by", "Bo").Code)
	require.Equal(t, []string{"clickhouse|retry|Bo|"}, w.told.said)
	_, body := w.page(t, at)
	require.Contains(t, body, `id="by-retry" name="by" required`)
}

func TestRolesOfIncidents(t *testing.T) {
	for _, route := range newWard(t, nil).incidentRoutes() {
		want := access.Viewer
		if route.Method != "GET" {
			want = access.Operator
		}
		require.Equal(t, want, route.Role, route.Pattern)
	}
}
