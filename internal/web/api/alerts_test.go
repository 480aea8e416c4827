package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/alert"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/workflows"
)

func TestAlertsAreListed(t *testing.T) {
	w := newWorld(t).fill()
	for query, want := range map[string]int{
		"": 2, "limit=1": 1, "receiver=ops": 2, "receiver=pager": 0, "service=cache": 2, "service=web": 0,
		"incident=x": 0, "incident=" + url.QueryEscape(w.open().ID): 1,
	} {
		var list Latest[json.RawMessage]
		w.get("/api/v1/alerts?"+query).read(t, &list)
		require.Len(t, list.Items, want, query)
	}
	require.Contains(t, w.get("/api/v1/alerts").body, `"outcome":"retrying"`)
	require.Contains(t, w.get("/api/v1/alerts").body, `"outcome":"dead"`)
}

// TestOutboxes: those of before this process was started are known, too.
func TestOutboxes(t *testing.T) {
	w := newWorld(t).fill()
	require.NoError(t, w.store.Write(t.Context(), store.Batch{Outboxes: []health.Outbox{
		{Receiver: "mail", At: w.now.Add(-time.Hour), DeadLetters: []health.DeadLetter{{
			ID: "1", Receiver: "mail", At: w.now, Alert: health.Alert{Status: health.AlertDown},
		}}},
	}}))
	var outboxes Items[struct {
		Receiver string
		Dead     int
	}]
	w.get("/api/v1/outboxes").read(t, &outboxes)
	require.Len(t, outboxes.Items, 2)
	require.Equal(t, "mail", outboxes.Items[0].Receiver)
	require.Equal(t, 1, outboxes.Items[1].Dead)

	var letters struct {
		Total int
		Items []struct{ Name string }
	}
	w.get("/api/v1/dead-letters?offset=1").read(t, &letters)
	require.Equal(t, 2, letters.Total)
	require.Equal(t, "ops/4", letters.Items[0].Name)
	w.get("/api/v1/dead-letters?receiver=mail").read(t, &letters)
	require.Equal(t, 1, letters.Total)
}

func TestResend(t *testing.T) {
	w := newWorld(t).fill()
	require.JSONEq(t, `{"resent":2}`, w.post("/api/v1/dead-letters/resend", `{"letters":["ops/4"]}`).body)
	require.JSONEq(t, `{"resent":2}`, w.post("/api/v1/dead-letters/resend", `{"all":true}`).body)
	require.Equal(t, []any{
		order{"resend", "ops", workflows.Resend{ID: "4", By: "ana"}}, order{"resend", "ops", workflows.Resend{By: "ana"}},
	}, w.orders.told)

	w.orders.fail = operator.Refused{Why: `receiver "ops": there is no dead letter 4`}
	got := w.post("/api/v1/dead-letters/resend", `{"letters":["ops/4"]}`)
	require.Equal(t, http.StatusConflict, got.status)
	require.Equal(t, `receiver "ops": there is no dead letter 4 (0 on the way again before it)`, got.problem(t))
	require.JSONEq(t, `{"resent":0}`, w.post("/api/v1/dead-letters/resend", `{"all":true}`).body, "they are gone by now")

	w = newWorld(t).fill()
	const choose = "name the dead letters to send again as the list shows them"
	w.refused(http.MethodPost, "/api/v1/dead-letters/resend", `{}`, 422, choose)
	w.refused(http.MethodPost, "/api/v1/dead-letters/resend", `{"letters":["ops/4"],"all":true}`, 422, choose)
	w.refused(http.MethodPost, "/api/v1/dead-letters/resend", `{"letters":["ops/4","4"]}`, 422, `letters[1]: "4" names no dead letter; write it as the list shows it, RECEIVER/ID`)
	w.refused(http.MethodPost, "/api/v1/dead-letters/resend", `{"letters":["pager/1"]}`, 404, `no receiver "pager" has dead letters; there are some of: ops`)
}

func TestSystemAlert(t *testing.T) {
	w := newWorld(t).fill()
	got := w.post("/api/admin/system-alert", sample)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	require.JSONEq(t, `{"accepted":true,"receivers":["ops","pager"]}`, got.body)
	want := health.Alert{
		Stage: health.AlertInitial, Status: health.AlertDown, Incident: "clickhouse@system-alert", Service: "clickhouse",
		Severity: "P1", Labels: map[string]string{"team": "data", "tier": "1"}, Impact: "no reports",
		Reason: "Connection refused after 3 retries", Runbook: "https://wiki.example/clickhouse",
		At: time.Date(2026, 3, 19, 14, 30, 0, 0, time.UTC), DedupKey: "system-alert/clickhouse/down/2026-03-19T14:30:00Z",
	}
	require.Equal(t, []any{posted("ops", want), posted("pager", want)}, w.orders.told)

	w.orders.told = nil
	got = w.post("/api/admin/system-alert",
		`{"service":"clickhouse","status":"recovered","reason":"","duration":"2m 15s","timestamp":"2026-03-19T16:32:15+02:00"}`)
	require.Equal(t, http.StatusAccepted, got.status, got.body)
	want.Stage, want.Status, want.Outcome, want.Reason = health.AlertResolution, health.AlertRecovered, health.Recovered, "no reason was given"
	want.At = time.Date(2026, 3, 19, 14, 32, 15, 0, time.UTC)
	want.Since, want.Downtime = want.At.Add(-135*time.Second), health.Duration(135*time.Second)
	want.DedupKey = "system-alert/clickhouse/recovered/2026-03-19T14:32:15Z"
	require.Equal(t, []any{posted("ops", want), posted("pager", want)}, w.orders.told)
}

func posted(receiver string, message health.Alert) order {
	return order{"post", receiver, activities.Post{
		Receiver: receiver, Alert: message, Grouping: activities.Grouping{Wait: health.Duration(time.Second), Batch: 20},
	}}
}

// TestSystemAlertOfAStranger: it need not be a service of ours.
func TestSystemAlertOfAStranger(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, http.StatusAccepted, w.post("/api/admin/system-alert", strings.ReplaceAll(sample, "clickhouse", "billing")).status)
	require.Len(t, w.orders.told, 2)
	require.Equal(t, "P1", w.orders.told[0].(order).in.(activities.Post).Alert.Severity)
}

// sent is a system alert that is good but for a part of it, which counts since
// it comes last.
func sent(part string) string {
	return `{"service":"x","status":"down","reason":"y","timestamp":"2026-03-19T14:30:00Z",` + part + "}"
}

func labels(n int) string {
	text := ""
	for i := range n {
		text += fmt.Sprintf(`,"b%d":"x"`, i)
	}
	return text
}

// days are so many that their sum is more than a time.Duration holds.
func days(words int) string { return strings.TrimSpace(strings.Repeat("65535d ", words)) }

func TestSystemAlertIsChecked(t *testing.T) {
	w := newWorld(t).fill()
	for body, want := range map[string]struct {
		status int
		detail string
	}{
		``:                                     {422, "service: say which service it is about"},
		`{"service":"x"}`:                      {422, `status: ""; write down or recovered`},
		`{"service":"x","status":"Down"}`:      {422, "status"},
		`{"service":"x","status":"down"}`:      {422, "reason: say what is wrong in a sentence"},
		`{"service":"x","status":"recovered"}`: {422, `timestamp: "" is not a time; write it like 2026-03-19T14:30:00Z`},
		`{"service":"x","status":"recovered","timestamp":"1742394600"}`:                                                   {422, "timestamp"},
		`{"service":"x","status":"recovered","timestamp":1742394600}`:                                                     {422, "timestamp at line 1"},
		`{"service":"x","status":"recovered","timestamp":"2026-03-19T14:30:00Z","duration":"2"}`:                          {422, `duration: "2" is not a length of time; write it like 2m 15s`},
		`{"service":"x","status":"down","reason":"y","timestamp":"2026-03-19T14:30:00Z","duration":"2m"}`:                 {422, "duration: it comes with status recovered only"},
		`{"service":"x","status":"down","reason":"y","timestamp":"2026-03-19T14:30:00Z","severity":"high"}`:               {422, `severity: "high"; write P0, P1, P2 or P3`},
		`{"service":"x\ny","status":"down","reason":"y","timestamp":"2026-03-19T14:30:00Z"}`:                              {422, "service: write it on one line"},
		`{"service":"` + strings.Repeat("x", 101) + `","status":"down","reason":"y","timestamp":"2026-03-19T14:30:00Z"}`:  {422, "service: 101 bytes are too many"},
		`{"service":"x","status":"down","reason":"` + strings.Repeat("y", 2001) + `","timestamp":"2026-03-19T14:30:00Z"}`: {422, "reason: 2001 bytes"},
		sent(`"timestamp":"0000-01-01T00:00:00+23:59"`):                                                                   {422, "timestamp: nothing happens in the year -1"},
		sent(`"timestamp":"9999-12-31T23:59:59-23:59"`):                                                                   {422, "timestamp: nothing happens in the year 10000"},
		sent(`"attempts":-5`):                                        {422, "attempts: -5; there cannot be fewer than none"},
		sent(`"affected":["a\u001b[2Jb"]`):                           {422, "affected: write it on one line"},
		sent(`"affected":["a"` + strings.Repeat(`,"a"`, 100) + `]`):  {422, "affected: 101 services are too many; write at most 100"},
		sent(`"labels":{"a\nb":"c"}`):                                {422, "labels: write it on one line"},
		sent(`"labels":{"a":"\u001b[31m"}`):                          {422, "labels: write it on one line"},
		sent(`"labels":{"a":"` + strings.Repeat("x", 201) + `"}`):    {422, "labels: 201 bytes are too many"},
		sent(`"labels":{"a0":"x"` + labels(20) + `}`):                {422, "labels: 21 are too many; write at most 20"},
		sent(`"status":"recovered","duration":"` + days(3000) + `"`): {422, "duration: it is longer than ten years"},
		`{"service":"x","state":"down"}`:                             {400, `unknown field "state"`},
	} {
		w.refused(http.MethodPost, "/api/admin/system-alert", body, want.status, want.detail)
	}
	for text, want := range map[string]time.Duration{
		"0s": 0, "12s": 12 * time.Second, "2m 15s": 135 * time.Second, "2m15s": 135 * time.Second,
		"3h 4m": 184 * time.Minute, "2d 3h": 51 * time.Hour,
	} {
		got, err := (&systemAlert{Status: health.AlertRecovered, Duration: text}).downtime()
		require.NoError(t, err)
		require.Equal(t, want, got, text)
	}
}

// TestSystemAlertThatCannotBeHandedOver: the others get it all the same, and
// the sender hears that it has to come again.
func TestSystemAlertThatCannotBeHandedOver(t *testing.T) {
	w := newWorld(t).fill()
	w.orders.failFor = map[string]error{"ops": errors.New("temporal s3cr3t")}
	got := w.post("/api/admin/system-alert", sample)
	require.Equal(t, http.StatusServiceUnavailable, got.status)
	require.Contains(t, got.problem(t), "send it again, and nobody who has it gets it twice")
	require.NotContains(t, got.body, "s3cr3t")
	require.Len(t, w.orders.told, 2)

	w.options.Grouping = func(string) (activities.Grouping, error) { return activities.Grouping{}, activities.ErrNotConfigured }
	w.assemble()
	require.Equal(t, http.StatusServiceUnavailable, w.post("/api/admin/system-alert", sample).status)
}

// TestParamedicReportsToParamedic: what the webhook receiver sends is taken.
func TestParamedicReportsToParamedic(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.mux)
	t.Cleanup(server.Close)
	hook := &alert.WebhookOptions{URL: server.URL + "/api/admin/system-alert", Timeout: health.Duration(10 * time.Second)}
	receiver, err := hook.Open(nil)
	require.NoError(t, err)
	sent := []health.Alert{{
		Stage: health.AlertUpdate, Status: health.AlertDown, Incident: "db@20260319T143000.000Z", Service: "db", Target: "b", Severity: "P0",
		Labels: map[string]string{"a": "b"}, Reason: "row count 0 < 1", News: "escalated", Affected: []string{"web"}, Attempts: 2,
		At: w.now, Owner: "ana", Runbook: "https://x.example", Link: "https://y.example", DedupKey: "db/update-2",
	}}
	require.NoError(t, receiver.Send(t.Context(), sent))
	require.Len(t, w.orders.told, 2)
	got := w.orders.told[0].(order).in.(activities.Post).Alert
	require.Equal(t, []string{"db@20260319T143000.000Z", "P0", "escalated", "ana"}, []string{got.Incident, got.Severity, got.News, got.Owner})
	require.Equal(t, health.AlertUpdate, got.Stage)
	require.Empty(t, got.Link, "the receiving side has its own")
	sent[0].Status, sent[0].Stage, sent[0].Downtime = health.AlertRecovered, health.AlertResolution, health.Duration(51*time.Hour)
	require.NoError(t, receiver.Send(t.Context(), slices.Clone(sent)))
	require.Equal(t, health.Duration(51*time.Hour), w.orders.told[2].(order).in.(activities.Post).Alert.Downtime)
}
