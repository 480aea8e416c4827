package probe

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// prometheusOptions returns the defaults for a metric.
func prometheusOptions(url, metric string) *Prometheus {
	options := prometheusKind().Options().(*Prometheus)
	options.URL, options.Metric = url, metric
	return options
}

// exporting serves what an application exports: the library that they use does.
func exporting(t *testing.T, workers map[string]float64) (address string) {
	t.Helper()
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "worker_status", Help: "Running."}, []string{"name", "zone"})
	registry.MustRegister(gauge)
	for name, value := range workers {
		gauge.WithLabelValues(name, "eu").Set(value)
	}
	more := prometheus.NewGauge(prometheus.GaugeOpts{Name: "worker_status_total", Help: "Another."})
	more.Set(7)
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "job_seconds", Help: "Jobs.", Buckets: []float64{1, 5}})
	seconds.Observe(3)
	registry.MustRegister(more, seconds)
	return serve(t, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP).URL
}

func TestPrometheusChecksAGauge(t *testing.T) {
	url := exporting(t, map[string]float64{"mailer": 0, "aggregator": 1, "pixel \"x\"": 1})
	cases := map[string]struct {
		metric           string
		labels           map[string]string
		expect, degraded string
		status           health.Status
		want             string
		observations     map[string]float64
	}{
		"one is down": {
			metric: "worker_status", status: health.Unhealthy,
			want:         `worker_status{name="mailer",zone="eu"} is 0 (value == 1)`,
			observations: map[string]float64{"series": 3, "series_failing": 1},
		},
		"one that is up": {
			metric: "worker_status", labels: map[string]string{"name": "aggregator"}, status: health.Healthy,
			want:         `worker_status{name="aggregator",zone="eu"} is 1`,
			observations: map[string]float64{"series": 1, "series_failing": 0, "value": 1},
		},
		"all up": {
			metric: "worker_status", expect: `value == 1 || labels.name == "mailer"`, status: health.Healthy,
			want:         "3 series as expected",
			observations: map[string]float64{"series": 3, "series_failing": 0},
		},
		"several are down": {
			metric: "worker_status", expect: "value > 2", status: health.Unhealthy,
			want:         `worker_status{name="aggregator",zone="eu"} is 1 (value > 2), worker_status{name="mailer",zone="eu"} is 0 (value > 2), worker_status{name="pixel \"x\"",zone="eu"} is 1 (value > 2)`,
			observations: map[string]float64{"series": 3, "series_failing": 3},
		},
		"degraded": {
			metric: "worker_status", expect: "value >= 0", degraded: "value == 1", status: health.Degraded,
			want:         `worker_status{name="mailer",zone="eu"} is 0 (value == 1)`,
			observations: map[string]float64{"series": 3, "series_failing": 1},
		},
		"unhealthy and degraded": {
			metric: "worker_status", expect: `labels.name != "aggregator"`, degraded: "value == 1", status: health.Unhealthy,
			want:         `worker_status{name="aggregator",zone="eu"} is 1 (labels.name != "aggregator": labels.name is "aggregator")`,
			observations: map[string]float64{"series": 3, "series_failing": 2},
		},
		"no such metric": {
			metric: "worker_stat", status: health.Unhealthy, want: "there is no worker_stat",
			observations: map[string]float64{"series": 0},
		},
		"no such label": {
			metric: "worker_status", labels: map[string]string{"name": "other"}, status: health.Unhealthy,
			want:         `there is no worker_status{name="other"}, only worker_status{name="aggregator",zone="eu"}, worker_status{name="mailer",zone="eu"}, worker_status{name="pixel \"x\"",zone="eu"}`,
			observations: map[string]float64{"series": 0},
		},
		"without labels": {
			metric: "worker_status_total", expect: "value < 5", status: health.Unhealthy, want: "worker_status_total is 7 (value < 5)",
			observations: map[string]float64{"series": 1, "series_failing": 1, "value": 7},
		},
		"part of a histogram": {
			metric: "job_seconds_sum", expect: "value == 3", status: health.Healthy, want: "job_seconds_sum is 3",
			observations: map[string]float64{"series": 1, "series_failing": 0, "value": 3},
		},
		"bucket of a histogram": {
			metric: "job_seconds_bucket", labels: map[string]string{"le": "5"}, status: health.Healthy, want: `job_seconds_bucket{le="5"} is 1`,
			observations: map[string]float64{"series": 1, "series_failing": 0, "value": 1},
		},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			options := prometheusOptions(url, test.metric)
			options.Labels = test.labels
			if test.expect != "" {
				options.Expect = []string{test.expect}
			}
			if test.degraded != "" {
				options.ExpectDegraded = []string{test.degraded}
			}
			result := probe(t, open(t, options), 5*time.Second)
			require.Equal(t, test.want, result.Message)
			require.Equal(t, test.status, result.Status)
			require.Equal(t, test.observations, result.Observations)
		})
	}
}

func TestPrometheusNamesTheFirstOfMany(t *testing.T) {
	workers := map[string]float64{}
	for i := range 40 {
		workers[fmt.Sprintf("w%02d", i)] = 0
	}
	result := probe(t, open(t, prometheusOptions(exporting(t, workers), "worker_status")), 5*time.Second)
	require.Equal(t, 40.0, result.Observations["series_failing"])
	require.True(t, strings.HasPrefix(result.Message, `worker_status{name="w00",zone="eu"} is 0 (value == 1), `), result.Message)
	require.True(t, strings.HasSuffix(result.Message, ", and 35 more"), result.Message)
}

func TestPrometheusReadsOtherAnswers(t *testing.T) {
	cases := map[string]struct {
		status     int
		body, want string
	}{
		"spaces and time":  {body: "  up{a=\"b\"}   1 1773930600000\n", want: `up{a="b"} is 1`},
		"no last newline":  {body: "# TYPE up gauge\nup 1", want: "up is 1"},
		"rest is broken":   {body: "{{{\nup 1\n=", want: "up is 1"},
		"not a number":     {body: "up NaN\n", want: "up is NaN (value == 1)"},
		"web page":         {body: "<html>up 1</html>", want: "there is no up"},
		"empty":            {want: "there is no up"},
		"broken line":      {body: "up{a=b} 1\n", want: "the lines of up are not in the text format of Prometheus: "},
		"no value":         {body: "up \n", want: "the lines of up are not in the text format of Prometheus: "},
		"status":           {status: 503, body: "up 1\n", want: "status is 503, not 200"},
		"long line":        {body: "up 1\n" + strings.Repeat("x", 1<<20), want: "a line of the metrics is longer than 65536 bytes while reading the metrics of "},
		"too many series":  {body: strings.Repeat("up{a=\""+strings.Repeat("x", 1000)+"\"} 1\n", 1200), want: "the series of up are longer than 1048576 bytes while reading the metrics of "},
		"many other lines": {body: strings.Repeat("other 1\n", 1_000_000) + "up 1\n", want: "up is 1"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				require.Contains(t, r.Header.Get("Accept"), "text/plain; version=0.0.4")
				if test.status != 0 {
					w.WriteHeader(test.status)
				}
				_, _ = io.WriteString(w, test.body)
			})
			result := probe(t, open(t, prometheusOptions(server.URL, "up")), 10*time.Second)
			require.True(t, strings.HasPrefix(result.Message, test.want), result.Message)
			require.Equal(t, test.want == "up is 1" || test.want == `up{a="b"} is 1`, result.Status == health.Healthy)
			require.False(t, math.IsNaN(result.Observations["value"]))
		})
	}
}

// lineAfterLine never ends.
type lineAfterLine struct{}

func (lineAfterLine) Read(into []byte) (int, error) {
	return copy(into, "other 1\n"), nil
}

func TestPrometheusReadsNoMoreThanItsLimit(t *testing.T) {
	_, err := readSeries(lineAfterLine{}, "up")
	require.EqualError(t, err, "the metrics are longer than 33554432 bytes")
}

func TestPrometheusReusesItsConnection(t *testing.T) {
	relay := newRelay(t, strings.TrimPrefix(exporting(t, map[string]float64{"a": 1}), "http://"))
	requireNoLeak(t, func() {
		prober, err := prometheusOptions("http://"+relay.Addr, "worker_status").Open()
		require.NoError(t, err)
		for range 5 {
			requireHealthy(t, probe(t, prober, 5*time.Second))
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func TestPrometheusSurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options { return prometheusOptions("http://"+address, "up") },
		"timeout after 200ms while waiting for the metrics of @silent",
		"connection refused while waiting for the metrics of @deaf")
}

func TestPrometheusShowsNoSecret(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "up{token=%q} 0\n", r.Header.Get("Authorization"))
	})
	options := prometheusOptions(server.URL, "up")
	options.Token = option.NewSecret("t0ken-4711")
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second), `up{token="Bearer ***"} is 0 (value == 1)`)
}

func TestPrometheusOptions(t *testing.T) {
	options := prometheusOptions("x.example", "up{a=1}")
	options.Labels = map[string]string{"a-b": "x"}
	options.Expect, options.ExpectDegraded = []string{"valu == 1"}, []string{"labels.name"}
	require.Equal(t, option.Problems{
		{Path: "url", Text: "is not a URL that begins with http:// or https://"},
		{Path: "metric", Text: `"up{a=1}" is not the name of a metric; labels go into labels`},
		{Path: "labels.a-b", Text: "is not the name of a label"},
		{Path: "expect[0]", Text: "unknown name valu (line 1, column 1); known are labels, latency, value"},
		{Path: "expect_degraded[0]", Text: "expected bool, but got string"},
	}, options.Validate())
}
