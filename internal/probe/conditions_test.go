package probe

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// found returns an answer to judge, as if a server had just sent it.
func found(t testing.TB, status int, body string) *answer {
	t.Helper()
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Content-Type", "application/json")
	recorder.WriteHeader(status)
	_, _ = recorder.WriteString(body)
	a, err := readAnswerOf(context.Background(), recorder.Result(), time.Now(), needs{body: true, text: true, headers: true, age: true})
	require.NoError(t, err)
	a.values["latency"] = 120 * time.Millisecond
	return a
}

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }

func TestConditionsShowWhatTheyObserved(t *testing.T) {
	cases := map[string]struct {
		condition, body string
		status          int
		want            string // empty: holds
	}{
		"holds":                {condition: "status == 200", status: 200},
		"comparison":           {condition: "status == 200", status: 503, want: "status == 200: status is 503"},
		"range":                {condition: "status >= 200 && status < 300", status: 503, want: "status >= 200 && status < 300: status is 503"},
		"either":               {condition: "status == 200 or status == 204", status: 503, want: "status == 200 or status == 204: status is 503"},
		"second part":          {condition: `status == 200 && body.queue < 1000`, status: 200, body: `{"queue": 4711}`, want: "status == 200 && body.queue < 1000: body.queue is 4711"},
		"two values":           {condition: "body.a == body.b", status: 200, body: `{"a": 1, "b": "x"}`, want: `body.a == body.b: body.a is 1, body.b is "x"`},
		"truth value":          {condition: "body.ok", status: 200, body: `{"ok": false}`, want: "body.ok: body.ok is false"},
		"not a truth value":    {condition: "body.ok", status: 200, body: `{"ok": "yes"}`, want: `body.ok: body.ok is "yes"`},
		"negation":             {condition: "not body.broken", status: 200, body: `{"broken": true}`, want: "not body.broken: body.broken is true"},
		"header":               {condition: `headers["content-type"] startsWith "text/"`, status: 200, want: `headers["content-type"] startsWith "text/": headers["content-type"] is "application/json"`},
		"latency":              {condition: "latency < duration('100ms')", status: 200, want: "latency < duration('100ms'): latency is 120ms"},
		"text":                 {condition: `text contains "ready"`, status: 200, body: "starting <up>", want: `text contains "ready": text is "starting <up>"`},
		"sum":                  {condition: "body.a + body.b > 3", status: 200, body: `{"a": 1, "b": 2}`, want: "body.a + body.b > 3: body.a + body.b is 3"},
		"declaration":          {condition: "let n = len(body); n > 2", status: 200, body: `[1]`, want: "let n = len(body); n > 2: n is 1"},
		"list":                 {condition: "all(body, .up)", status: 200, body: `[{"up": true}, {"up": false}]`, want: "all(body, .up) is false"},
		"list holds":           {condition: "all(body, .up)", status: 200, body: `[{"up": true}]`},
		"count":                {condition: "count(body, .up) >= 2", status: 200, body: `[{"up": true}]`, want: "count(body, .up) >= 2: count(body, .up) is 1"},
		"long value is cut":    {condition: `text == "x"`, status: 200, body: strings.Repeat("y", 500), want: `text == "x": text is "` + strings.Repeat("y", 76) + "…"},
		"no JSON":              {condition: "body.ok", status: 200, body: "<html>", want: "body.ok: body is not JSON: invalid character '<' looking for beginning of value at byte 1"},
		"no body":              {condition: "body[0].ok", status: 200, want: "body[0].ok: body is not JSON: it is empty"},
		"no JSON, but no need": {condition: "status == 200 && body.ok", status: 502, body: "<html>", want: "status == 200 && body.ok: status is 502"},
		"empty list":           {condition: "body[0].ok", status: 200, body: "[]", want: "body[0].ok: index out of range: 0 (array length is 0)"},
		"age":                  {condition: "age(body[0].finished_at) < duration('30m')", status: 200, body: `[{"finished_at": "` + ago(42*time.Minute+10*time.Second) + `"}]`, want: "age(body[0].finished_at) < duration('30m'): age(body[0].finished_at) is 42m10s"},
		"age of nothing":       {condition: "age(body.at) < duration('30m')", status: 200, body: `{}`, want: "age(body.at) < duration('30m'): no time there, found null"},
		"age of no time":       {condition: "age(body.at) < duration('30m')", status: 200, body: `{"at": "yesterday"}`, want: `age(body.at) < duration('30m'): "yesterday" is not a time (RFC 3339, 2006-01-02 15:04:05 or Unix)`},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			conditions, problems := compileAll("expect", everyWord(httpWords), []string{test.condition})
			require.Empty(t, problems)
			result := found(t, test.status, test.body).judge(rules{expect: conditions}, nil)
			if test.want == "" {
				require.Equal(t, health.Healthy, result.Status, result.Message)
				return
			}
			require.Equal(t, health.Unhealthy, result.Status)
			// The fixture's age may have grown by a second.
			message := strings.Replace(result.Message, "42m11s", "42m10s", 1)
			require.Equal(t, test.want, message)
		})
	}
}

func TestConditionMistakesNameTheirPlace(t *testing.T) {
	cases := map[string]string{
		"status = 200":                   "unexpected token Operator(\"=\") (line 1, column 8)",
		"statsu == 200":                  "unknown name statsu (line 1, column 1); known are age, body, headers, latency, status, text",
		"status == 'x'":                  "invalid operation: == (mismatched types int and string) (line 1, column 8)",
		"status":                         "expected bool, but got int",
		"age(body.at) < duration('30x')": `duration("30x"): time: unknown unit "x" in duration "30x"`,
		"":                               "unexpected token EOF (line 1, column 1)",
		"true\n&& nope":                  "unknown name nope (line 2, column 4); known are age, body, headers, latency, status, text",
		"__tick2()":                      "unknown name __tick2 (line 1, column 1); known are age, body, headers, latency, status, text",
		strings.Repeat(" ", 1001):        "is longer than 1000 bytes",
	}
	for text, want := range cases {
		_, problems := compileAll("expect", everyWord(httpWords), []string{"true", text})
		require.Len(t, problems, 1, text)
		require.Equal(t, "expect[1]", problems[0].Path)
		require.Equal(t, want, problems[0].Text)
	}
}

func TestLagIsTheGreatestAge(t *testing.T) {
	conditions, problems := compileAll("expect", everyWord(httpWords), []string{
		"age(body.new) < duration('1h')", "all(body.old, age(#) < duration('1h'))",
	})
	require.Empty(t, problems)
	body, err := json.Marshal(map[string]any{"new": ago(time.Minute), "old": []string{ago(5 * time.Minute), ago(9 * time.Minute)}})
	require.NoError(t, err)
	result := found(t, http.StatusOK, string(body)).judge(rules{expect: conditions}, nil)
	require.Equal(t, health.Healthy, result.Status, result.Message)
	require.InDelta(t, 540, result.Observations["lag_seconds"], 2)
	require.Contains(t, result.Message, "status 200, lag 9m")
}

func TestDegradedDoesNotHideUnhealthy(t *testing.T) {
	expect, _ := compileAll("expect", everyWord(httpWords), []string{"status == 200"})
	degraded, _ := compileAll("expect_degraded", everyWord(httpWords), []string{"latency < duration('50ms')"})
	require.Equal(t, health.Degraded, found(t, 200, "").judge(rules{expect, degraded}, nil).Status)
	require.Equal(t, "latency < duration('50ms'): latency is 120ms", found(t, 200, "").judge(rules{expect, degraded}, nil).Message)
	require.Equal(t, health.Unhealthy, found(t, 500, "").judge(rules{expect, degraded}, nil).Status)
}

func TestTimesAsServicesWriteThem(t *testing.T) {
	want := time.Date(2026, 3, 19, 14, 30, 0, 0, time.UTC)
	for _, value := range []any{
		"2026-03-19T14:30:00Z", "2026-03-19T15:30:00.000000+01:00", "2026-03-19 14:30:00",
		"2026-03-19 14:30:00.000", "2026-03-19T14:30:00.0", "2026-03-19 14:30:00+00", "2026-03-19 20:00:00+05:30",
		"Thu, 19 Mar 2026 14:30:00 GMT", float64(want.Unix()), float64(want.UnixMilli()),
		float64(want.UnixMicro()), float64(want.UnixNano()), int(want.Unix()), "1773930600", want,
	} {
		got, err := readTime(value)
		require.NoError(t, err, "%v", value)
		require.WithinDuration(t, want, got, time.Millisecond, "%v", value)
	}
	for _, value := range []any{nil, "", "soon", true, []any{}, 1e300, "NaN", "+Inf"} {
		_, err := readTime(value)
		require.Error(t, err, "%v", value)
	}
}

func TestConditionsEndWithTheProbe(t *testing.T) {
	numbers := "[" + strings.TrimSuffix(strings.Repeat("1,", 300_000), ",") + "]"
	conditions, problems := compileAll("expect", everyWord(httpWords), []string{"none(body, any(body, # == 2))"})
	require.Empty(t, problems)
	a := found(t, 200, numbers)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	a.values["__tick"] = tick(ctx)
	start := time.Now()
	result := a.judge(rules{expect: conditions}, nil)
	require.Equal(t, "none(body, any(body, # == 2)): context deadline exceeded", result.Message)
	require.Less(t, time.Since(start), 5*time.Second)
}

func FuzzConditions(f *testing.F) {
	f.Add("status == 200", `{"a": [1, {"b": null}]}`)
	f.Add("age(body[0].finished_at) < duration('30m')", `[{"finished_at": "2026-03-19T14:30:00Z"}]`)
	f.Add("let n = len(body); n > 2 || not (text contains 'x')", `[1]`)
	f.Add("all(body, any(#.x, # > 1)) && headers['content-type'] matches '^a+$'", `[{"x": [1]}]`)
	f.Add("body?.a ?? 1 in 1..10000", `{}`)
	f.Fuzz(func(t *testing.T, text, body string) {
		// A hang would otherwise only show as a fuzzer that makes no progress.
		watchdog := time.AfterFunc(5*time.Second, func() { panic("condition hangs: " + text) })
		defer watchdog.Stop()
		conditions, problems := compileAll("expect", everyWord(httpWords), []string{text})
		if len(problems) > 0 {
			require.NotContains(t, problems[0].Text, "\n")
			return
		}
		a := found(t, http.StatusOK, body)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		a.values["__tick"] = tick(ctx)
		result := a.judge(rules{expect: conditions}, nil)
		if result.Status != health.Healthy {
			require.Contains(t, result.Message, text)
		}
	})
}
