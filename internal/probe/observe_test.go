package probe

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// observing returns options that observe what a server answers.
func observing(t *testing.T, body string, observe map[string]string, expect ...string) *HTTP {
	t.Helper()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	options := httpOptions(server.URL)
	options.Observe = observe
	options.Expect = append(options.Expect, expect...)
	return options
}

func TestHTTPObservesValuesOfTheBody(t *testing.T) {
	body := `{"data": {"lag": 12.5}, "tier": "standby", "standby": {"reachable": true, "broken": false},
		"last_event": "` + ago(90*time.Second) + `", "failover": null, "queues": [{"pending": 3}, {"pending": 4}]}`
	prober := open(t, observing(t, body, map[string]string{
		"lag":                ".data.lag",
		"tier":               ".tier",
		"reachable":          ".standby.reachable",
		"broken":             "body.standby.broken",
		"last_event_seconds": ".last_event",
		"event_age":          "age(body.last_event)",
		"failover":           ".failover",
		"missing":            ".nowhere",
		"pending":            "sum(body.queues, .pending)",
		"queues":             "len(body.queues)",
		"answer_seconds":     "latency",
	}, `tier in ["primary", "standby"]`, "lag < 900 && reachable == 1", "pending == 7"))
	result := probe(t, prober, 5*time.Second)
	requireHealthy(t, result)
	require.Equal(t, map[string]string{"tier": "standby"}, result.Facts)
	for _, name := range []string{"last_event_seconds", "event_age"} {
		require.InDelta(t, 90, result.Observations[name], 3, name)
	}
	require.Positive(t, result.Observations["answer_seconds"])
	for name, want := range map[string]float64{
		"lag": 12.5, "reachable": 1, "broken": 0, "pending": 7, "queues": 2, "status_code": 200,
	} {
		require.Contains(t, result.Observations, name)
		require.Equal(t, want, result.Observations[name], name)
	}
	require.NotContains(t, result.Observations, "failover")
	require.NotContains(t, result.Observations, "missing")
}

func TestHTTPJudgesWhatItObserves(t *testing.T) {
	const body = `[{"tier": "dlq", "lag": 1900, "parts": {}, "nothing": null}]`
	cases := map[string]struct {
		observe          map[string]string
		expect, degraded string
		status           health.Status
		want             string
	}{
		"number":   {observe: map[string]string{"lag": ".[0].lag"}, expect: "lag < 1800", status: health.Unhealthy, want: "lag < 1800: lag is 1900"},
		"text":     {observe: map[string]string{"tier": ".[0].tier"}, degraded: `tier == "primary"`, status: health.Degraded, want: `tier == "primary": tier is "dlq"`},
		"null":     {observe: map[string]string{"lag": ".[0].nothing"}, expect: "lag < 1800", status: health.Unhealthy, want: "lag < 1800: lag is null"},
		"object":   {observe: map[string]string{"parts": ".[0].parts"}, status: health.Degraded, want: "parts: {} is not a number, a text or a time"},
		"no path":  {observe: map[string]string{"lag": ".[7].lag"}, status: health.Degraded, want: "lag: index out of range: 7 (array length is 1)"},
		"needed":   {observe: map[string]string{"lag": ".[7].lag"}, expect: "lag < 1", status: health.Unhealthy, want: "lag < 1: index out of range: 7 (array length is 1)"},
		"override": {observe: map[string]string{"lag_seconds": ".[0].lag"}, expect: "lag_seconds > 1", status: health.Healthy, want: "status 200"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			options := observing(t, body, test.observe)
			if test.expect != "" {
				options.Expect = []string{test.expect}
			}
			if test.degraded != "" {
				options.ExpectDegraded = []string{test.degraded}
			}
			result := probe(t, open(t, options), 5*time.Second)
			require.Equal(t, test.want, result.Message)
			require.Equal(t, test.status, result.Status)
		})
	}
}

func TestHTTPSaysWhatCouldNotBeObserved(t *testing.T) {
	prober := open(t, observing(t, "<html>", map[string]string{"lag": ".lag"}))
	result := probe(t, prober, 5*time.Second)
	require.Equal(t, health.Degraded, result.Status)
	require.Equal(t, "lag: body is not JSON: invalid character '<' looking for beginning of value at byte 1", result.Message)
	require.NotContains(t, result.Observations, "lag")
}

func TestHTTPShowsNoSecretAsAFact(t *testing.T) {
	options := observing(t, `{"echo": "you sent t0ken-4711"}`, map[string]string{"echo": ".echo"})
	options.Token = option.NewSecret("t0ken-4711")
	result := probe(t, open(t, options), 5*time.Second)
	require.Equal(t, map[string]string{"echo": "you sent ***"}, result.Facts)
}

func TestHTTPObserveOptions(t *testing.T) {
	options := httpOptions("http://x.example")
	options.Observe = map[string]string{
		"Lag": ".lag", "status": ".status", "response_bytes": ".x", "in": ".x", "latency": "1", "ok": ".ok",
		"broken": ".a b", "unknown": "lagg", strings.Repeat("x", 61): ".x", "self": "ok",
	}
	options.Expect = []string{"ok == 1", "okk == 1"}
	problems := map[string]string{}
	for _, problem := range options.Validate() {
		problems[problem.Path] = problem.Text
	}
	require.Equal(t, map[string]string{
		"observe.Lag":                        `"Lag" is not a name for a value; write small letters, digits and _, like lag_seconds`,
		"observe.status":                     "status means something else in conditions already; take another name",
		"observe.response_bytes":             "response_bytes means something else in conditions already; take another name",
		"observe.in":                         "in is a word of the language of conditions; take another name",
		"observe.latency":                    "latency means something else in conditions already; take another name",
		"observe.broken":                     `unexpected token Identifier("b") (line 1, column 8)`,
		"observe.unknown":                    "unknown name lagg (line 1, column 1); known are age, body, headers, latency, status, text",
		"observe.self":                       "unknown name ok (line 1, column 1); known are age, body, headers, latency, status, text",
		"observe." + strings.Repeat("x", 61): "is longer than 60 bytes",
		"expect[1]":                          "unknown name okk (line 1, column 1); known are " + knownIn(options),
	}, problems)

	options.Observe = map[string]string{}
	for _, letter := range "abcdefghijklmnopq" {
		options.Observe[string(letter)] = ".x"
	}
	options.Expect = nil
	require.Equal(t, option.Problems{{Path: "observe", Text: "holds 17 values; at most 16 fit into one probe"}}, options.Validate())
}

func knownIn(options *HTTP) string {
	known := readingWords(httpWords, namesOf(options.Observe))
	delete(known, "__tick")
	return strings.Join(namesOf(known), ", ")
}
