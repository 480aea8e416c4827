package metrics

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// discard is a client that reads and keeps nothing.
type discard struct {
	header http.Header
	bytes  int
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(int)     {}
func (d *discard) Write(p []byte) (int, error) {
	d.bytes += len(p)
	return len(p), nil
}

// BenchmarkScrape measures a scrape of 2,000 services, with the headers that
// Prometheus sends.
func BenchmarkScrape(b *testing.B) {
	now := time.Now()
	m := fleet(2000, now)
	for name, headers := range map[string]map[string]string{
		"plain":       {},
		"gzip":        {"Accept-Encoding": "gzip"},
		"openmetrics": {"Accept": "application/openmetrics-text;version=1.0.0"},
		"protobuf":    {"Accept": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"},
	} {
		b.Run(name, func(b *testing.B) {
			handler := m.Handler()
			request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			for key, value := range headers {
				request.Header.Set(key, value)
			}
			var to *discard
			for b.Loop() {
				to = &discard{header: http.Header{}}
				handler.ServeHTTP(to, request)
			}
			require.NotZero(b, to.bytes)
			b.ReportMetric(float64(to.bytes)/1e6, "MB")
		})
	}
}
