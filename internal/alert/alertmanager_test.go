package alert

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// openAlertmanager returns a receiver that tells the one at url.
func openAlertmanager(t *testing.T, url string, change func(*AlertmanagerOptions)) Receiver {
	t.Helper()
	options := alertmanager.Options().(*AlertmanagerOptions)
	options.URL = url
	if change != nil {
		change(options)
	}
	require.Empty(t, options.Validate())
	receiver, err := options.Open(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.Close()) })
	return receiver
}

// outage is an alert that has everything in it.
func outage() health.Alert {
	return health.Alert{
		Status: health.AlertDown, Incident: "db-1", Service: "db", Target: "eu", Severity: "critical",
		Labels: map[string]string{"team": "ops"}, Impact: "Nobody can pay.", Reason: "row count 0 < 1", News: "escalated to level 2",
		Action: "restarted db.service", Evidence: strings.Repeat("ö", evidenceLimit), Affected: []string{"shop", "api"},
		Attempts: 2, Owner: "ana", Since: time.Now().Add(-time.Minute).Truncate(time.Millisecond),
		At: time.Now(), Runbook: "https://runbooks.example/db", Link: "https://temporal.example/db-1", DedupKey: "db-1/down",
	}
}

// after is the alert of the same incident's end.
func after(a health.Alert) health.Alert {
	a.Status, a.Downtime, a.At = health.AlertRecovered, health.Duration(30*time.Second), time.Now()
	a.DedupKey = a.Incident + "/recovered"
	return a
}

func TestAlertmanagerCall(t *testing.T) {
	var request *http.Request
	var body []byte
	server := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		request = r
		body, _ = io.ReadAll(r.Body)
	})
	receiver := openAlertmanager(t, server.URL+"/am/", func(o *AlertmanagerOptions) {
		o.User, o.Password = "me", option.NewSecret("s3cret")
		o.Headers = map[string]option.Secret{"X-Scope": option.NewSecret("tenant")}
	})
	a := outage()
	second := health.Alert{Status: health.AlertDown, Incident: "x-1", Service: "x", Severity: "warning", Reason: "gone"}
	before := time.Now()
	require.NoError(t, receiver.Send(t.Context(), []health.Alert{a, second}))
	require.Equal(t, "POST /am/api/v2/alerts", request.Method+" "+request.URL.Path)
	require.Equal(t, "application/json", request.Header.Get("Content-Type"))
	require.Equal(t, "paramedic", request.Header.Get("User-Agent"))
	require.Equal(t, "tenant", request.Header.Get("X-Scope"))
	user, password, _ := request.BasicAuth()
	require.Equal(t, "me s3cret", user+" "+password)

	var told []postableAlert
	require.NoError(t, json.Unmarshal(body, &told))
	require.Len(t, told, 2)
	require.Equal(t, map[string]string{
		"alertname": "ServiceDown", "service": "db", "severity": "critical", "target": "eu", "incident": "db-1", "team": "ops",
	}, told[0].Labels)
	require.Equal(t, map[string]string{
		"summary":     "db/eu is DOWN: row count 0 < 1",
		"description": "Nobody can pay.\nescalated to level 2\nrestarted db.service\nRestarts in this incident: 2.\nAcknowledged by ana.",
		"runbook_url": a.Runbook, "evidence": health.Clip(a.Evidence, evidenceLimit), "affected": "shop, api",
	}, told[0].Annotations)
	require.Equal(t, a.Since.UTC(), told[0].StartsAt)
	require.WithinRange(t, told[0].EndsAt, before.Add(7*24*time.Hour), time.Now().Add(7*24*time.Hour))
	require.Equal(t, a.Link, told[0].GeneratorURL)
	require.Equal(t, map[string]string{"alertname": "ServiceDown", "service": "x", "severity": "warning", "incident": "x-1"}, told[1].Labels)
	require.NotContains(t, string(body), "0001-01-01")
}

func TestAlertmanagerLabels(t *testing.T) {
	got := labels("Down", health.Alert{Service: "api", Severity: "critical", Incident: "api-1", Labels: map[string]string{
		"alertname": "mine", "severity": "low", "target": "west", "sever\u00efty": "", "team-a": "lost", "team_a": "kept", "label_team_a": "x",
		"1st": "one", "": "nameless", "ciudad.año": "Ávila", "long": strings.Repeat("l", 2*labelLimit), "bad": "a\xffb",
	}})
	require.Equal(t, map[string]string{
		"alertname": "Down", "service": "api", "severity": "critical", "incident": "api-1",
		"label_alertname": "mine", "label_severity": "low", "label_target": "west", "team_a": "kept", "label_team_a": "x",
		"_1st": "one", "_": "nameless", "ciudad_a_o": "Ávila", "long": strings.Repeat("l", labelLimit-3) + "…", "bad": "ab",
	}, got)
}

func TestAlertmanagerTimes(t *testing.T) {
	now := time.Date(2026, 3, 19, 15, 0, 0, 0, time.UTC)
	since := now.Add(-time.Hour)
	for name, test := range map[string]struct {
		alert      health.Alert
		start, end time.Time
	}{
		"down":                          {health.Alert{Status: health.AlertDown, Since: since}, since, now.Add(time.Minute)},
		"recovered":                     {health.Alert{Status: health.AlertRecovered, Since: since, Downtime: health.Duration(time.Minute), At: now}, since, since.Add(time.Minute)},
		"recovered, downtime unknown":   {health.Alert{Status: health.AlertRecovered, Since: since, At: now}, since, now},
		"recovered before it went down": {health.Alert{Status: health.AlertRecovered, Since: now, At: since}, now, now},
		"recovered, begin unknown":      {health.Alert{Status: health.AlertRecovered, Downtime: health.Duration(time.Minute), At: now}, time.Time{}, now},
	} {
		t.Run(name, func(t *testing.T) {
			got := newPostable("Down", test.alert, now, time.Minute)
			require.Equal(t, test.start, got.StartsAt)
			require.Equal(t, test.end, got.EndsAt)
		})
	}
}

func TestNewestOfEachIncident(t *testing.T) {
	a, b := health.Alert{Incident: "a", Status: health.AlertDown}, health.Alert{Incident: "b", Status: health.AlertDown}
	recovered := health.Alert{Incident: "a", Status: health.AlertRecovered}
	require.Equal(t, []health.Alert{recovered, b}, newest([]health.Alert{a, b, recovered}))
	require.Equal(t, []health.Alert{a}, newest([]health.Alert{recovered, a}))
}

func TestAlertmanagerFaults(t *testing.T) {
	for code, refused := range map[int]bool{400: true, 401: true, 404: true, 429: false, 500: false, 503: false} {
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no: "+r.Header.Get("Authorization"), code)
		})
		err := openAlertmanager(t, server.URL, func(o *AlertmanagerOptions) {
			o.User, o.Password = "me", option.NewSecret("s3cret")
		}).Send(t.Context(), one(outage()))
		require.ErrorContains(t, err, "alertmanager 127.0.0.1:")
		require.ErrorContains(t, err, "answered "+status(code)+": no: Basic ***")
		require.Equal(t, refused, IsRefused(err), code)
	}
	t.Run("stalled", func(t *testing.T) {
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { <-release })
		t.Cleanup(func() { close(release) })
		receiver := openAlertmanager(t, server.URL, func(o *AlertmanagerOptions) { o.Timeout = health.Duration(50 * time.Millisecond) })
		require.ErrorContains(t, receiver.Send(t.Context(), one(outage())), ": no answer within 50ms")
	})
	t.Run("cut connection", func(t *testing.T) {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
		})
		err := openAlertmanager(t, server.URL, nil).Send(t.Context(), one(outage()))
		require.ErrorIs(t, err, io.EOF)
		require.False(t, IsRefused(err))
	})
}

func TestAlertmanagerValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*AlertmanagerOptions)
		want   option.Problem
	}{
		"no address": {func(o *AlertmanagerOptions) { o.URL = "alertmanager:9093" }, option.Problem{Path: "url", Text: "is not an address; write it like http://alertmanager:9093"}},
		"user in url": {func(o *AlertmanagerOptions) { o.URL = "http://me:pw@h" },
			option.Problem{Path: "url", Text: "holds a user or password; use the options user and password instead"}},
		"path of the API": {func(o *AlertmanagerOptions) { o.URL += "/api/v2/alerts" }, option.Problem{Path: "url", Text: "leads to the API; write it without /api/..."}},
		"query": {func(o *AlertmanagerOptions) { o.URL += "?a=b" },
			option.Problem{Path: "url", Text: `has something after a "?" or "#"; write it like http://alertmanager:9093`}},
		"alertname":     {func(o *AlertmanagerOptions) { o.Name = "" }, option.Problem{Path: "alertname", Text: "is empty; write it like ServiceDown"}},
		"keep":          {func(o *AlertmanagerOptions) { o.Keep = health.Duration(time.Second) }, option.Problem{Path: "keep", Text: "1s is less than 60s; write it like 168h"}},
		"timeout":       {func(o *AlertmanagerOptions) { o.Timeout = 0 }, option.Problem{Path: "timeout", Text: "0s is not positive; write it like 10s"}},
		"password only": {func(o *AlertmanagerOptions) { o.Password = option.NewSecret("pw") }, option.Problem{Path: "user", Text: "is missing although there is a password"}},
		"colon":         {func(o *AlertmanagerOptions) { o.User = "a:b" }, option.Problem{Path: "user", Text: "holds a colon, which basic authentication does not allow"}},
		"token and user": {func(o *AlertmanagerOptions) { o.User, o.Token = "me", option.NewSecret("token") },
			option.Problem{Path: "token", Text: "user and password already authenticate; keep one of the two"}},
		"header and user": {func(o *AlertmanagerOptions) {
			o.User, o.Headers = "me", map[string]option.Secret{"authorization": option.NewSecret("x")}
		}, option.Problem{Path: "headers.authorization", Text: "user and password already set Authorization; keep one of the two"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := alertmanager.Options().(*AlertmanagerOptions)
			options.URL = "http://alertmanager:9093"
			require.Empty(t, options.Validate())
			test.change(options)
			require.Equal(t, option.Problems{test.want}, options.Validate())
		})
	}
}

// activeAlerts asks a real Alertmanager what it holds to be wrong now.
func activeAlerts(t *testing.T, address string) []postableAlert {
	t.Helper()
	response, err := http.Get("http://" + address + "/api/v2/alerts?active=true")
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var active []postableAlert
	require.NoError(t, json.NewDecoder(response.Body).Decode(&active))
	return active
}

func TestRealAlertmanager(t *testing.T) {
	server := realtest.Alertmanager(t)
	receiver := openAlertmanager(t, "http://"+server.Addr, nil)
	a := outage()
	a.Labels["odd-name.1"] = "ñandú"
	other := a
	other.Incident, other.Target, other.Since = "db-2", "us", time.Time{}

	require.NoError(t, receiver.Send(t.Context(), []health.Alert{a, other}))
	active := activeAlerts(t, server.Addr)
	require.Len(t, active, 2)
	first := active[0]
	if first.Labels["incident"] != "db-1" {
		first = active[1]
	}
	require.Equal(t, labels("ServiceDown", a), first.Labels)
	require.Equal(t, annotations(a), first.Annotations)
	require.True(t, a.Since.Equal(first.StartsAt), "starts at %s, not %s", first.StartsAt, a.Since)
	require.Greater(t, time.Until(first.EndsAt), 119*time.Minute)

	// A reminder is the same alert and lasts longer.
	require.NoError(t, receiver.Send(t.Context(), one(a)))
	require.Len(t, activeAlerts(t, server.Addr), 2)

	require.NoError(t, receiver.Send(t.Context(), one(after(a))))
	active = activeAlerts(t, server.Addr)
	require.Len(t, active, 1)
	require.Equal(t, "db-2", active[0].Labels["incident"])
	require.NoError(t, receiver.Send(t.Context(), []health.Alert{other, after(other)}))
	require.Empty(t, activeAlerts(t, server.Addr))

	// A clock that went back spoils no call.
	skewed := outage()
	skewed.Status, skewed.At, skewed.Downtime = health.AlertRecovered, skewed.Since.Add(-time.Hour), 0
	require.NoError(t, receiver.Send(t.Context(), one(skewed)))

	// Down and up again within one group leaves nothing behind.
	third := outage()
	third.Incident = "db-3"
	require.NoError(t, receiver.Send(t.Context(), []health.Alert{third, after(third)}))
	require.Empty(t, activeAlerts(t, server.Addr))
}
