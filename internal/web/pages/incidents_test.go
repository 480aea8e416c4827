package pages

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/web/access"
)

// closed archives an incident of a service that was opened so long before the
// sample and lasted so long.
func (w *ward) closed(t *testing.T, service string, before, lasted time.Duration, outcome health.Outcome) {
	t.Helper()
	i := sample()
	i.Service, i.Outcome, i.Acknowledged = service, outcome, nil
	i.FirstFailureAt = failedAt.Add(-before)
	i.ID = health.IncidentID(service, "", i.FirstFailureAt)
	i.OpenedAt, i.ActedAt, i.ResolvedAt = i.FirstFailureAt.Add(time.Minute), time.Time{}, i.FirstFailureAt.Add(lasted)
	require.NoError(t, w.board.Archive(t.Context(), i))
}

func TestIncidentsPage(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	text, _ := w.page(t, "/incidents")
	require.Contains(t, text, "0 closed incidents in 30 days")
	require.Contains(t, text, "Nothing is broken that paramedic knows of.")
	require.Contains(t, text, "No incident is like that.")

	w.board.Report(open())
	w.closed(t, "redis", time.Hour, 3*time.Minute, health.Healed)
	w.closed(t, "redis", 2*time.Hour, 5*time.Minute, health.Recovered)
	w.closed(t, "web", 3*time.Hour, 13*time.Minute, health.ByHand)
	w.closed(t, "web", 4*time.Hour, 40*time.Hour, health.Abandoned)
	w.closed(t, "old", 40*24*time.Hour, time.Hour, health.Healed)
	text, html := w.page(t, "/incidents")
	require.Contains(t, text, "4 closed incidents in 30 days Mean downtime 7m 0s to detect 1m 0s to decide 0s to heal 6m 0s"+
		" Healed by paramedic 1 Resolved by a human 1 Ended by itself 1 Abandoned 1")
	require.Contains(t, text, "clickhouse row count 0 < 1 P1 ! acknowledged 2026-03-19 14:30:00 UTC 1h 0m 2 Ana")
	require.Contains(t, text, "redis row count 0 < 1 P1 ✓ healed 2026-03-19 13:29:00 UTC 3m 0s 2 –")
	require.NotContains(t, text, "old ")
	require.Contains(t, html, `href="`+at+`"`)
}

func TestIncidentsFilter(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	w.closed(t, "redis", time.Hour, 3*time.Minute, health.Healed)
	w.closed(t, "old", 40*24*time.Hour, time.Hour, health.Healed)
	for query, want := range map[string]string{
		"":                              "clickhouse redis",
		"?state=open":                   "clickhouse",
		"?state=closed":                 "redis",
		"?span=90d":                     "clickhouse redis old",
		"?span=90d&service=old":         "old",
		"?service=redis&state=closed":   "redis",
		"?service=nobody":               "",
		"?span=forever&state=x&page=-4": "clickhouse redis",
		"?page=99999999999999999999":    "clickhouse redis",
		"?service=%22%3E%3Cscript%3Ex":  "",
		"?service=%00&span=%ff":         "",
		"?span=%ff&state=%0":            "clickhouse redis",
	} {
		_, html := w.page(t, "/incidents"+query)
		var found []string
		for _, name := range []string{"clickhouse", "redis", "old"} {
			if strings.Contains(html, `href="/incidents/`+name+"@") {
				found = append(found, name)
			}
		}
		require.Equal(t, want, strings.Join(found, " "), query)
		require.NotContains(t, html, "<script>")
	}
}

func TestIncidentsPager(t *testing.T) {
	w := newWard(t, nil)
	var batch store.Batch
	for n := range meansLimit + 30 {
		i := sample()
		i.FirstFailureAt = failedAt.Add(-time.Duration(n) * time.Minute)
		i.OpenedAt, i.ID = i.FirstFailureAt, fmt.Sprintf("web@%d", n)
		batch.Incidents = append(batch.Incidents, i)
	}
	require.NoError(t, w.store.Write(t.Context(), batch))
	text, html := w.page(t, "/incidents?page=2&span=7d")
	require.Contains(t, text, "Page 2 of 5")
	require.Contains(t, text, "Figures of the latest 200.")
	require.Contains(t, html, `<a href="/incidents?span=7d" rel="prev">`)
	require.Contains(t, html, `<a href="/incidents?page=3&amp;span=7d" rel="next">`)
	require.Equal(t, perPage, strings.Count(html, `<tr class="healthy">`))
	require.Contains(t, html, `href="/incidents/web@50"`)
	_, html = w.page(t, "/incidents?page=5")
	require.Equal(t, 30, strings.Count(html, `<tr class="healthy">`), "those beyond the figures are read, too")
	require.Contains(t, html, `href="/incidents/web@229"`)
}

// The history may be down; what is broken now is shown all the same.
func TestIncidentsWithoutTheStore(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	require.NoError(t, w.store.Close())
	text, _ := w.page(t, "/incidents")
	require.Contains(t, text, "The history cannot be read now")
	require.Contains(t, text, "clickhouse row count")
	text, _ = w.page(t, at)
	require.Contains(t, text, "What became of the alerts cannot be read now.")
	require.Equal(t, 503, w.get("/incidents/other").Code)
}

func TestIncidentsInSpanish(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	w.closed(t, "redis", time.Hour, 3*time.Minute, health.Healed)
	w.headers.Set("Accept-Language", "es")
	text, _ := w.page(t, "/incidents")
	require.Contains(t, text, "1 incidente cerrado en")
	require.Contains(t, text, "Caída media 3m 0s")
	text, _ = w.page(t, at)
	for _, want := range []string{"Qué pasó", "Retirar el reconocimiento", "para detectarlo", "Análisis posterior", "espera de 11s"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "Timeline")
}

// evil is an incident of whose texts none is to be trusted.
func evil() health.Incident {
	i := open()
	i.Service, i.ID = "evil", "evil@"+hostile
	for _, text := range []*string{&i.Severity, &i.Runbook, &i.Workflow, &i.Run, &i.Waiting, &i.Reason, &i.Action, &i.Evidence, &i.Target} {
		*text = hostile
	}
	i.State, i.Affected, i.Held = health.IncidentState(hostile), []string{hostile}, map[health.Rule]int{hostile: 3}
	i.Acknowledged, i.ApproveBy = &health.Acknowledgement{By: hostile, Note: long}, failedAt
	i.Timeline.Entries = nil
	for _, kind := range []health.EntryKind{health.EntryFailure, health.EntryNote, hostile} {
		i.Timeline.Add(failedAt, kind, hostile)
		i.Timeline.Add(time.Time{}, kind, long)
	}
	return i
}

func TestHostileIncidents(t *testing.T) {
	w := newWard(t, nil, service("evil"))
	i := evil()
	w.board.Report(i)
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Alerts: []store.Alert{{
		DedupKey: "1", Receiver: hostile, Incident: i.ID, Status: hostile, Stage: hostile, Outcome: hostile, Error: hostile, At: failedAt,
	}}}))
	w.who = access.Identity{Name: hostile, Role: access.Admin, Method: access.MethodLocal}
	for _, address := range []string{"/incidents", incidentLink(i.ID), "/incidents?service=" + strings.Repeat("%3Cblink%3E", 100)} {
		_, html := w.page(t, address)
		for _, never := range []string{"<script>", "<img", "<blink", `href="javascript`} {
			require.NotContains(t, html, never, address)
		}
	}
	answer := w.get(incidentLink(i.ID) + "/postmortem.md")
	require.Equal(t, 200, answer.Code)
	require.NotContains(t, answer.Header().Get("Content-Disposition"), "\u202e")
	require.NotRegexp(t, "[\u202e\u2066\x00]", answer.Body.String())
}

func TestMethodsOfIncidents(t *testing.T) {
	w := newWard(t, nil, clickhouse())
	w.board.Report(open())
	for _, what := range []string{"acknowledge", "resolve", "silence"} {
		require.Equal(t, http.StatusNotFound, w.get(at+"/"+what).Code, "a link changes nothing")
	}
	require.Empty(t, w.told.said)
	files, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	require.Contains(t, files, "templates/incident.html")
}

func TestLookOfAnIncident(t *testing.T) {
	for want, i := range map[string]health.Incident{
		"down":    {State: health.Triggered},
		"failing": {State: health.Acknowledged},
		"healthy": {State: health.Resolved, Outcome: health.Healed},
		"unknown": {State: health.Resolved, Outcome: health.Abandoned},
	} {
		require.Equal(t, want, incidentLook(i))
	}
}
