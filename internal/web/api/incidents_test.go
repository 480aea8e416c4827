package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/workflows"
)

func (a answer) ids(t *testing.T) []string {
	t.Helper()
	var list struct{ Items []struct{ ID string } }
	a.read(t, &list)
	ids := []string{}
	for _, item := range list.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

func TestIncidentsAreListed(t *testing.T) {
	w := newWorld(t).fill()
	open, closed := w.open().ID, w.closed().ID
	noon := url.QueryEscape(w.now.Add(-12 * time.Hour).Format(time.RFC3339))
	for query, want := range map[string][]string{
		"":                                      {open, closed},
		"limit=1":                               {open},
		"limit=1&offset=1":                      {closed},
		"state=open":                            {open},
		"state=open&offset=1":                   {},
		"state=closed":                          {closed},
		"service=web":                           {closed},
		"service=clickhouse":                    {},
		"state=open&service=web":                {},
		"from=" + noon:                          {open},
		"until=" + noon:                         {closed},
		"state=open&until=" + noon:              {},
		"state=open&service=cache&from=" + noon: {open},
	} {
		got := w.get("/api/v1/incidents?" + query)
		require.Equal(t, http.StatusOK, got.status, "%s: %s", query, got.body)
		require.Equal(t, want, got.ids(t), query)
	}
}

// TestOpenIncidentIsTheNewest: what the board knows is not older than the store.
func TestOpenIncidentIsTheNewest(t *testing.T) {
	w := newWorld(t).fill()
	older := w.open()
	older.Action = "nothing yet"
	older.Timeline.Entries = nil
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Incidents: []health.Incident{older}}))
	require.Contains(t, w.get("/api/v1/incidents").body, "restarted dragonfly")
}

// TestIncidentTellsWhatTheCommandLineTells: the names of the command line are
// kept.
func TestIncidentTellsWhatTheCommandLineTells(t *testing.T) {
	w := newWorld(t).fill()
	var known, shown map[string]any
	report, err := json.Marshal(operator.RecordOf(w.open(), w.now).Report())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(report, &known))
	for _, name := range []string{url.PathEscape(w.open().ID), "cache", w.open().ID} {
		w.get("/api/v1/incidents/"+name).read(t, &shown)
		for field, value := range known {
			require.Equal(t, value, shown[field], field)
		}
		require.Equal(t, "a human is asked", shown["waiting"])
	}
	var row map[string]any
	summary, err := json.Marshal(operator.RecordOf(w.open(), w.now).Summary())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(summary, &row))
	var list List[map[string]any]
	w.get("/api/v1/incidents?state=open").read(t, &list)
	require.Subset(t, slices.Collect(maps.Keys(list.Items[0])), slices.Collect(maps.Keys(row)))
	require.InDelta(t, 120, list.Items[0]["downtime_seconds"], 0.001)
}

func TestIncidentByTheNameOfItsService(t *testing.T) {
	w := newWorld(t).fill()
	var shown struct{ ID string }
	w.get("/api/v1/incidents/web").read(t, &shown)
	require.Equal(t, w.closed().ID, shown.ID)
}

func TestInstructionsArePassedOn(t *testing.T) {
	for _, instruction := range []string{
		workflows.Acknowledge, workflows.Unacknowledge, workflows.Resolve, workflows.Retry, workflows.Approve,
	} {
		w := newWorld(t).fill()
		for _, name := range []string{w.open().ID, "cache", "web"} { // Temporal knows whether web has one
			w.orders.told = nil
			got := w.post("/api/v1/incidents/"+url.PathEscape(name)+"/"+instruction, `{"note":"mine"}`)
			require.Equal(t, http.StatusOK, got.status, got.body)
			service := map[bool]string{true: "web", false: "cache"}[name == "web"]
			meant := strings.TrimPrefix(name, service)
			if meant != "" {
				meant = name
			}
			require.Equal(t, []any{order{instruction, service, workflows.Instruction{By: "ana", Note: "mine", Incident: meant}}}, w.orders.told)
		}
	}
}

// TestInstructionThatNobodyHears is accepted: a worker will hear it.
func TestInstructionThatNobodyHears(t *testing.T) {
	w := newWorld(t).fill()
	w.orders.pending = true
	got := w.post("/api/v1/incidents/cache/acknowledge", "")
	require.Equal(t, http.StatusAccepted, got.status)
	require.Contains(t, got.body, "what ana says is stored and takes effect when one runs again")
	require.Equal(t, http.StatusAccepted, w.post("/api/v1/services/cache/rearm", "").status)
}

// TestClosedIncidentTakesNoInstructions: nor does one that another followed.
func TestClosedIncidentTakesNoInstructions(t *testing.T) {
	w := newWorld(t).fill()
	w.refused(http.MethodPost, "/api/v1/incidents/"+url.PathEscape(w.closed().ID)+"/acknowledge", "", 409, "is already resolved (recovered)")
	older := w.open()
	older.ID, older.OpenedAt = "cache@20200101T000000.000Z", w.now.Add(-time.Hour)
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Incidents: []health.Incident{older}}))
	w.refused(http.MethodPost, "/api/v1/incidents/"+older.ID+"/resolve", "", 409,
		fmt.Sprintf(`is no longer open; the open one of "cache" is %s`, w.open().ID))
}

func TestReport(t *testing.T) {
	w := newWorld(t).fill()
	var got Report
	read := func(query string) Report {
		got = Report{}
		var raw struct {
			Services []operator.Tally
			Total    operator.Tally
		}
		w.get("/api/v1/report"+query).read(t, &raw)
		return Report{Services: raw.Services, Total: raw.Total}
	}
	got = read("")
	require.Len(t, got.Services, 2)
	require.Equal(t, operator.Tally{Service: "all", Incidents: 2, Open: 1, DowntimeSeconds: 420, Restarts: 1, HealedByOthers: 1,
		HealedOthersSeconds: 240, Unacknowledged: 1, Held: map[health.Rule]int{health.RuleApproval: 2}}, got.Total)
	require.Len(t, read("?since=1h").Services, 1)
	require.Equal(t, 1, read("?service=web").Total.Incidents)
	require.Zero(t, read("?service=web&since=1h").Total.Incidents)
	// It was open when the report begins, and opened before.
	require.Equal(t, 1, read("?service=web&since=1437m").Total.Incidents)
}

// TestReportReadsAll: more than one page of the store.
func TestReportReadsAll(t *testing.T) {
	w := newWorld(t)
	var batch store.Batch
	for i := range reportPage + 7 {
		began := w.now.Add(-time.Duration(i) * time.Minute)
		batch.Incidents = append(batch.Incidents, health.Incident{
			ID: health.IncidentID("web", "", began), Service: "web", State: health.Resolved, FirstFailureAt: began,
			OpenedAt: began, ResolvedAt: began.Add(time.Second), Outcome: health.Healed,
		})
	}
	require.NoError(t, w.store.Write(t.Context(), batch))
	var report struct{ Total operator.Tally }
	w.get("/api/v1/report").read(t, &report)
	require.Equal(t, reportPage+7, report.Total.Incidents)
}
