package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
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

func TestServicePage(t *testing.T) {
	w := newWorld(t)
	w.all()
	one := service("down")
	one.Impact, one.Runbook = "Nothing is ingested.", "https://wiki.example/ingest"
	one.DependsOn, one.Labels = []string{"healthy", "gone"}, map[string]string{"team": "ingest"}
	one.Steps, one.Receivers, one.Host = []string{"restart ingest.service"}, []string{"ops-mail"}, "node-7"
	other := service("leaning")
	other.DependsOn = []string{"down"}
	w.board.Keep([]board.Configured{one, service("healthy"), other})
	w.remembers("down", 20*time.Hour, 10*time.Minute, func(age time.Duration) bool { return age < time.Hour })
	w.board.Probed("down", "", health.Result{
		Status: health.Unhealthy, At: w.now, LatencyMS: 3, Message: "row count 0 < 1",
		Observations: map[string]float64{"rows": 1234567}, Facts: map[string]string{"tier": "primary"},
	})
	w.load()
	text, html := w.page("/services/down")
	for _, want := range []string{
		"down ✕ down", "7 failed probes in a row", "row count 0 < 1", "Incident open for", "restarted down.service",
		"Nothing is ingested.", "https://wiki.example/ingest", "Response time", "The last 90 days", "connection refused",
		"rows 1 234 567", "tier primary", "It depends on healthy", "gone ? unknown", "Depend on it leaning",
		"team=ingest", "node-7", "ops-mail", "restart ingest.service", "Every 1m 0s", "password: ***", "triggered",
	} {
		require.Contains(t, text, want)
	}
	require.Contains(t, html, `data-live="/live?service=down"`)
	require.Contains(t, html, `<a href="https://wiki.example/ingest" rel="noopener noreferrer">`)
	require.Len(t, regexp.MustCompile(`<title>\d{4}-\d\d-\d\d: `).FindAllString(html, -1), 90, "one bar a day")
	require.Regexp(t, `<rect class="failed"[^>]*><title>(\d{4}-\d\d-\d\d )?\d\d:\d\d UTC: 1 of 1 probes failed`, html)
	require.Contains(t, html, `<path class="line" d="M`)
	require.Contains(t, html, `<path class="band" d="M`)
}

func TestServicePageWithoutHistory(t *testing.T) {
	w := newWorld(t)
	w.board.Keep([]board.Configured{service("new")})
	text, _ := w.page("/services/new")
	require.Contains(t, text, "It was not probed yet.")
	require.Contains(t, text, "No probe is remembered in this time.")
	require.Contains(t, text, "None that is remembered.")
	require.NotContains(t, text, "Incident open for")
}

func TestServicePageWhileTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	w.all()
	broken, err := store.Open(t.Context(), t.TempDir()+"/gone.db", w.Log)
	require.NoError(t, err)
	require.NoError(t, broken.Close())
	w.Store = broken
	text, _ := w.page("/services/down")
	require.Contains(t, text, "Part of the history cannot be read now")
	require.Contains(t, text, "found down")
	require.Len(t, listed(w.get("/").Body.String()), 12, "the overview does not need the store")
}

func TestServicePageSaysWhatIsOrdered(t *testing.T) {
	w := newWorld(t)
	w.all()
	for name, want := range map[string]string{
		"paused": "paused by carol : moving house", "maintained": "maintenance until", "silenced": "silenced until",
		"flapping": "flapping", "observed": "mode observe · bob", "late": "No probe came in time", "owned": "acknowledged by dora",
	} {
		text, _ := w.page("/services/" + name)
		require.Contains(t, text, want)
	}
}

func TestFormsByRole(t *testing.T) {
	w := newWorld(t)
	w.all()
	for _, test := range []struct {
		who   access.Identity
		forms []string
		asked bool
	}{
		{access.Identity{Name: "vera", Role: access.Viewer, Method: access.MethodBasic}, nil, false},
		{access.Identity{Name: "otto", Role: access.Operator, Method: access.MethodBasic}, []string{"probe", "pause", "maintain", "silence"}, false},
		{access.Identity{Name: "ada", Role: access.Admin, Method: access.MethodOIDC}, []string{"probe", "pause", "maintain", "silence", "mode"}, false},
		{access.Identity{Role: access.Admin, Method: access.MethodLocal}, []string{"probe", "pause", "maintain", "silence", "mode"}, true},
	} {
		w.who = test.who
		_, html := w.page("/services/healthy")
		var forms []string
		for _, found := range regexp.MustCompile(`action="/services/healthy/(\w+)"`).FindAllStringSubmatch(html, -1) {
			forms = append(forms, found[1])
		}
		require.Equal(t, test.forms, forms)
		require.Equal(t, test.asked, strings.Contains(html, `name="by"`))
		require.Equal(t, test.who.Name != "", strings.Contains(html, "logged in as"))
	}
	_, html := w.page("/services/paused")
	require.Contains(t, html, `action="/services/paused/resume"`)
	require.NotContains(t, html, `action="/services/paused/pause"`)
	_, html = w.page("/services/maintained")
	require.Contains(t, html, "End maintenance")
}

func TestFormsTellTheOperator(t *testing.T) {
	span := func(length time.Duration, reason string) workflows.Span {
		return workflows.Span{For: health.Duration(length), By: "otto", Reason: reason}
	}
	for _, test := range []struct {
		form   string
		fields []string
		want   call
		notice string
	}{
		{"probe", nil, call{"probe", "healthy", 5 * time.Second}, "probed"},
		{"pause", []string{"note", " disks "}, call{"pause", "healthy", workflows.Pause{By: "otto", Note: "disks"}}, "paused"},
		{"resume", nil, call{"resume", "healthy", workflows.Resume{By: "otto"}}, "resumed"},
		{"maintain", []string{"for", "2h", "reason", "disks"}, call{"maintain", "healthy", span(2*time.Hour, "disks")}, "maintenance"},
		{"maintain", []string{"end", "1", "for", "2h"}, call{"maintain", "healthy", span(0, "")}, "maintenance-ended"},
		{"silence", []string{"for", "720h"}, call{"silence", "healthy", span(720*time.Hour, "")}, "silenced"},
		{"silence", []string{"end", "1"}, call{"silence", "healthy", span(0, "")}, "silence-ended"},
		{"mode", []string{"mode", "observe"}, call{"mode", "healthy", workflows.SetMode{Mode: health.ModeObserve, By: "otto"}}, "mode"},
		{"mode", []string{"mode", ""}, call{"mode", "healthy", workflows.SetMode{By: "otto"}}, "mode"},
	} {
		t.Run(test.form+strings.Join(test.fields, " "), func(t *testing.T) {
			w := newWorld(t)
			w.all()
			w.who = access.Identity{Name: "otto", Role: access.Admin, Method: access.MethodBasic}
			answer := w.post("/services/healthy/"+test.form, append(test.fields, "by", "somebody else")...)
			require.Equal(t, http.StatusSeeOther, answer.Code, answer.Body)
			require.Equal(t, "/services/healthy?notice="+test.notice, answer.Header().Get("Location"))
			require.Equal(t, []any{test.want}, w.told.calls)
			text, html := w.page(answer.Header().Get("Location"))
			require.Contains(t, text, notices[test.notice])
			require.Contains(t, html, `class="notice" role="status"`)
		})
	}
}

func TestFormsRefuse(t *testing.T) {
	w := newWorld(t)
	w.all()
	for _, test := range []struct {
		form   string
		fields []string
		status int
		says   string
	}{
		{"healthy/pause", []string{"note", "x"}, 400, "Say who you are"},
		{"healthy/pause", []string{"by", "  "}, 400, "Say who you are"},
		{"healthy/pause", []string{"by", strings.Repeat("é", nameLimit+1)}, 400, "at most 100 characters"},
		{"healthy/pause", []string{"by", "ana", "note", strings.Repeat("é", noteLimit+1)}, 400, "at most 500 characters"},
		{"healthy/maintain", []string{"by", "ana"}, 400, "Say for how long"},
		{"healthy/maintain", []string{"by", "ana", "for", "-1h"}, 400, "Say for how long"},
		{"healthy/maintain", []string{"by", "ana", "for", "0s"}, 400, "Say for how long"},
		{"healthy/silence", []string{"by", "ana", "for", "721h"}, 400, "Say for how long"},
		{"healthy/silence", []string{"by", "ana", "for", "soon"}, 400, "Say for how long"},
		{"healthy/mode", []string{"by", "ana", "mode", "destroy"}, 400, "There is no such mode"},
		{"healthy/mode", []string{"by", "ana"}, 400, "There is no such mode"},
		{"nothing/probe", nil, 404, `no service "nothing"`},
		{"nothing/mode", []string{"by", "ana", "mode", "act"}, 404, `no service "nothing"`},
	} {
		answer := w.post("/services/"+test.form, test.fields...)
		require.Equal(t, test.status, answer.Code, test.form)
		require.Contains(t, wellFormed(t, answer.Body.String()), test.says)
	}
	require.Empty(t, w.told.calls)
}

func TestNameIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.all()
	answer := w.post("/services/healthy/resume", "by", "Añá; B")
	require.Equal(t, http.StatusSeeOther, answer.Code)
	require.Equal(t, []any{call{"resume", "healthy", workflows.Resume{By: "Añá; B"}}}, w.told.calls)
	cookie := answer.Result().Cookies()[0]
	require.True(t, cookie.HttpOnly)
	w.headers.Set("Cookie", cookie.Name+"="+cookie.Value)
	_, html := w.page("/services/healthy")
	require.Contains(t, html, `value="Añá; B"`)
}

func TestFormsThatFail(t *testing.T) {
	for want, err := range map[int]error{
		http.StatusServiceUnavailable: operator.NoWorker{TaskQueue: "paramedic"},
		http.StatusConflict:           operator.NotOnDuty{Service: "healthy", Reason: "its schedule is paused"},
		http.StatusBadGateway:         errors.New(`"healthy" is paused by <ana>`),
		http.StatusBadRequest:         operator.ErrNobody,
	} {
		w := newWorld(t)
		w.all()
		w.told.err = err
		answer := w.post("/services/healthy/probe")
		require.Equal(t, want, answer.Code)
		require.Contains(t, wellFormed(t, answer.Body.String()), err.Error())
		require.NotContains(t, answer.Body.String(), "<ana>")
	}
}

func TestFormsWithoutTemporal(t *testing.T) {
	w := newWorld(t)
	w.all()
	reach := []func(context.Context) (Operator, error){
		nil, func(context.Context) (Operator, error) { return nil, errors.New("dial: password=hunter2") },
	}
	for _, w.Operator = range reach {
		answer := w.post("/services/healthy/probe")
		require.Equal(t, 503, answer.Code)
		require.Contains(t, wellFormed(t, answer.Body.String()), "Temporal cannot be reached")
		require.NotContains(t, answer.Body.String(), "hunter2")
	}
}

func TestNoticesAreNotFreeText(t *testing.T) {
	w := newWorld(t)
	_, html := w.page("/?notice=" + url.QueryEscape("Send your password to evil.example"))
	require.NotContains(t, html, "evil.example")
	require.NotContains(t, html, `role="status"`)
}
