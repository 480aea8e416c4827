package api

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// names lists the services of a list.
func (a answer) names(t *testing.T) []string {
	t.Helper()
	var list struct{ Items []struct{ Service string } }
	a.read(t, &list)
	names := []string{}
	for _, item := range list.Items {
		names = append(names, item.Service)
	}
	return names
}

func TestServicesAreChosen(t *testing.T) {
	w := newWorld(t).fill()
	for query, want := range map[string][]string{
		"":                                 {"cache", "clickhouse", "web"},
		"sort=state":                       {"cache", "web", "clickhouse"},
		"state=down":                       {"cache"},
		"state=paused":                     {},
		"severity=P2":                      {"web"},
		"kind=clickhouse":                  {"clickhouse"},
		"search=C":                         {"cache", "clickhouse"},
		"label=team%3Ddata":                {"cache", "clickhouse"},
		"label=team%3Ddata&label=tier%3D1": {"clickhouse"},
		"label=tier%3D":                    {}, // being without it is not having an empty one
		"limit=1&offset=1":                 {"clickhouse"},
		"offset=3":                         {},
		"offset=1000000":                   {},
	} {
		got := w.get("/api/v1/services?" + query)
		require.Equal(t, want, got.names(t), query)
	}
	var list List[json.RawMessage]
	w.get("/api/v1/services?limit=1&offset=1").read(t, &list)
	require.Equal(t, []int{3, 1, 1}, []int{list.Total, list.Limit, list.Offset})
}

// TestServiceTellsWhatStatusTells: the names of the command line are kept.
func TestServiceTellsWhatStatusTells(t *testing.T) {
	w := newWorld(t).fill()
	status, err := json.Marshal(operator.TargetStatus{Notes: []string{"x"}})
	require.NoError(t, err)
	var known, shown map[string]any
	require.NoError(t, json.Unmarshal(status, &known))
	w.board.Stand(health.Standing{Service: "web", State: health.StateDegraded, Since: w.now, At: w.now.Add(time.Second), Flapping: true,
		Orders: health.Orders{Silence: &health.Window{Until: w.now.Add(time.Hour), By: "ana", Reason: "noise"}}})
	w.get("/api/v1/services/web").read(t, &shown)
	require.Subset(t, slices.Collect(maps.Keys(shown)), slices.Collect(maps.Keys(known)))
	require.Equal(t, hostile, shown["message"])
	require.Equal(t, []any{"silence until " + w.now.Add(time.Hour).Format(time.RFC3339), "flapping"}, shown["notes"])
	require.Equal(t, "observe", shown["mode"])
	require.Equal(t, "60s", shown["interval"])
	require.Equal(t, "name: web\n", shown["configuration"])
	require.Nil(t, shown["incident"])
}

func TestServiceWithAnIncident(t *testing.T) {
	w := newWorld(t).fill()
	var shown Detail
	w.get("/api/v1/services/cache").read(t, &shown)
	require.Equal(t, w.open().ID, shown.Incident.ID)
	require.Equal(t, "a human is asked", shown.Incident.Waiting)
	require.Equal(t, "http://127.0.0.1:8233/remediation/cache/run-1", shown.Incident.Link)
	require.Equal(t, health.StateDown, shown.State)
	require.Equal(t, []string{"clickhouse"}, shown.DependsOn)
}

// TestLateService: what nobody looks at is unknown, and says since when.
func TestLateService(t *testing.T) {
	w := newWorld(t).fill()
	w.board.Keep([]board.Configured{{Name: "slow", Interval: time.Minute, Severity: "P1"}})
	w.probed("slow", health.Healthy, -time.Hour, "all is well")
	var shown Service
	w.get("/api/v1/services/slow").read(t, &shown)
	require.True(t, shown.Late)
	require.Equal(t, health.StateUnknown, shown.State)
	require.Regexp(t, `^no probe since 20.+Z, and one is due every 60s; the last one said: all is well$`, shown.Message)
}

func TestHistoryIsRead(t *testing.T) {
	w := newWorld(t).fill()
	var points Series[Point]
	w.get("/api/v1/services/clickhouse/points").read(t, &points)
	require.Len(t, points.Items, 1)
	require.Equal(t, health.Duration(5*time.Minute), points.Span)
	require.Equal(t, Point{At: points.Items[0].At, Probes: 1, MeanMS: 12.5, MaxMS: 12.5}, points.Items[0])

	var days Series[Day]
	w.get("/api/v1/services/cache/days").read(t, &days)
	sum := Day{}
	for _, day := range days.Items {
		require.Regexp(t, `^\d{4}-\d\d-\d\d$`, day.Date)
		sum.Probes, sum.Failed = sum.Probes+day.Probes, sum.Failed+day.Failed
	}
	require.Equal(t, Day{Probes: 2, Failed: 2}, sum)

	var failures Latest[Result]
	w.get("/api/v1/services/cache/failures").read(t, &failures)
	require.Equal(t, []string{"connection refused", "timeout"}, []string{failures.Items[0].Message, failures.Items[1].Message})
	w.get("/api/v1/services/cache/failures?limit=1").read(t, &failures)
	require.Len(t, failures.Items, 1)
}

// TestTimesAreInMilliseconds: no answer has a finer one, or one of a zone.
func TestTimesAreInMilliseconds(t *testing.T) {
	w := full(t)
	w.board.Stand(health.Standing{Service: "web", State: health.StateDegraded, Since: time.Now(), At: time.Now().Add(time.Second),
		Paused: &health.Pause{By: "ana", At: time.Now()},
		Orders: health.Orders{
			Mode:        &health.ModeOrder{Mode: health.ModeAct, By: "ana", At: time.Now()},
			Maintenance: &health.Window{From: time.Now(), Until: time.Now().Add(time.Hour), By: "ana"},
		}})
	stamp := regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)
	exact := regexp.MustCompile(`^"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z"$`)
	seen := 0
	paths := []string{"/api/v1/services/web"}
	for pattern, example := range examples(w) {
		if pattern[:4] == "GET " && example.path != "/api/v1/openapi.json" {
			paths = append(paths, example.path)
		}
	}
	for _, path := range paths {
		for _, text := range stamp.FindAllString(w.get(path).body, -1) {
			require.Regexp(t, exact, text, path)
			seen++
		}
	}
	require.Greater(t, seen, 40)
}

func TestOrdersArePassedOn(t *testing.T) {
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for _, test := range []struct {
		path, body string
		want       order
	}{
		{"probe", "", order{"probe", "web", 5 * time.Second}},
		{"probe", "{}", order{"probe", "web", 5 * time.Second}},
		{"pause", `{"note":"move"}`, order{"pause", "web", workflows.Pause{By: "ana", Note: "move"}}},
		{"resume", "", order{"resume", "web", workflows.Resume{By: "ana"}}},
		{"rearm", `{"note":"go\non"}`, order{"rearm", "web", workflows.Instruction{By: "ana", Note: "go\non"}}},
		{"mode", `{"mode":"observe"}`, order{"mode", "web", workflows.SetMode{Mode: health.ModeObserve, By: "ana"}}},
		{"mode", `{"mode":"config"}`, order{"mode", "web", workflows.SetMode{By: "ana"}}},
		{"maintain", `{"for":"30m","reason":"move"}`, order{"maintain", "web", workflows.Span{For: health.Duration(30 * time.Minute), By: "ana", Reason: "move"}}},
		{"maintain", `{"end":true}`, order{"maintain", "web", workflows.Span{By: "ana"}}},
		{"silence", `{"for":"30d"}`, order{"silence", "web", workflows.Span{For: health.Duration(30 * 24 * time.Hour), By: "ana"}}},
		{"silence", `{"until":"` + until.Format(time.RFC3339) + `"}`, order{"silence", "web", workflows.Span{Until: until, By: "ana"}}},
	} {
		w := newWorld(t).fill()
		w.orders.state = w.state()
		got := w.post("/api/v1/services/web/"+test.path, test.body)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.Equal(t, []any{test.want}, w.orders.told)
		if test.path != "rearm" {
			require.Contains(t, got.body, `"message":"fine"`)
			require.Contains(t, got.body, "maintenance until ")
		}
	}
}

func TestWindowsAreChecked(t *testing.T) {
	w := newWorld(t).fill()
	past := w.now.Add(-time.Second).Format(time.RFC3339)
	for body, detail := range map[string]string{
		`{}`:                               `say how long: exactly one of "for": "30m"`,
		`{"for":"5m","end":true}`:          "say how long",
		`{"for":"5m","until":"x"}`:         "say how long",
		`{"for":"five minutes"}`:           `for: "five minutes" is not a length of time; write it like 30m or 4h`,
		`{"for":"-5m"}`:                    "for",
		`{"for":"0s"}`:                     "for",
		`{"for":"31d"}`:                    "a window of more than 30 days is refused",
		`{"until":"tomorrow"}`:             `until: "tomorrow" is not a time; write it like 2026-11-22T02:00:00Z`,
		`{"until":"` + past + `"}`:         "is over already",
		`{"until":"9999-01-01T00:00:00Z"}`: "a window of more than 30 days is refused",
		`{"for":"5m","reason":"a\u0007b"}`: "reason: write it on one line",
	} {
		for _, path := range []string{"services/web/maintain", "services/web/silence", "maintain", "silence"} {
			w.refused(http.MethodPost, "/api/v1/"+path, body, 422, detail)
		}
	}
	for body, detail := range map[string]string{
		`{"for":"5m"}`:                                  "no service is chosen",
		`{"for":"5m","services":[],"labels":{}}`:        "no service is chosen",
		`{"for":"5m","labels":{"team":"nobody"}}`:       "no service is chosen",
		`{"for":"5m","all":true,"services":["web"]}`:    "all and a choice of services exclude each other",
		`{"for":"5m","all":true,"labels":{"team":"x"}}`: "exclude each other",
	} {
		w.refused(http.MethodPost, "/api/v1/maintain", body, 422, detail)
	}
	w.refused(http.MethodPost, "/api/v1/services/web/mode", `{"mode":"acts"}`, 422, `mode: unknown mode "acts"; write act, observe, approve or config`)
	w.refused(http.MethodPost, "/api/v1/services/web/mode", `{}`, 422, "mode")
	w.refused(http.MethodPost, "/api/v1/services/web/probe", `{"by":"ana"}`, 400, `unknown field "by"`)
}

func TestWindowsOfMany(t *testing.T) {
	w := newWorld(t).fill()
	got := w.post("/api/v1/maintain", `{"for":"5m","services":["web","cache","web"],"labels":{"team":"data"}}`)
	require.Equal(t, []string{"web", "cache", "clickhouse"}, got.names(t))
	var of []string
	for _, told := range w.orders.told {
		of = append(of, told.(order).of)
	}
	require.ElementsMatch(t, []string{"web", "cache", "clickhouse"}, of)

	w.orders.told, w.orders.failFor = nil, map[string]error{"cache": operator.NotApplied{Service: "cache"}}
	got = w.post("/api/v1/silence", `{"for":"5m","services":["cache"]}`)
	require.Equal(t, http.StatusConflict, got.status)
	require.Contains(t, got.problem(t), `cache: service "cache" has not been applied yet`)
	require.Contains(t, got.problem(t), "done for 0 of 1 services; doing it again is safe")
	w.orders.failFor = map[string]error{"cache": errors.New("secret")}
	got = w.post("/api/v1/silence", `{"for":"5m","all":true}`)
	require.Equal(t, http.StatusInternalServerError, got.status)
	require.NotContains(t, got.body, "secret")
}
