package metrics

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
)

// latencyBuckets are the bounds of the SDK's histograms, in seconds: from an
// answer of the server on this machine to a long poll that came to nothing.
var latencyBuckets = []float64{0.005, 0.02, 0.1, 0.5, 2, 10, 60}

// temporal is what the Temporal SDK counts with.
type temporal struct{ handler client.MetricsHandler }

// newTemporal returns a handler whose metrics have the names that Temporal
// documents for Prometheus: temporal_request_total,
// temporal_request_latency_seconds, temporal_worker_task_slots_available.
func newTemporal(registry *prometheus.Registry, log *slog.Logger) temporal {
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(), otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		log.Error("the Temporal SDK's metrics are left out", "error", err)
		return temporal{client.MetricsNopHandler}
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(documented))
	return temporal{opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                provider.Meter("temporal-sdk-go"),
		UseMonotonicCounters: true,
		OnError:              func(err error) { log.Error("a metric of the Temporal SDK", "error", err) },
	})}
}

// sdkHelp is the help text of the SDK's metrics, which bring none.
const sdkHelp = "Of the Temporal SDK, as in https://docs.temporal.io/references/sdk-metrics."

// documented gives the SDK's metrics a help text, and its histograms buckets in
// seconds.
func documented(instrument metric.Instrument) (metric.Stream, bool) {
	stream := metric.Stream{Name: instrument.Name, Unit: instrument.Unit, Description: sdkHelp}
	if instrument.Kind == metric.InstrumentKindHistogram {
		stream.Aggregation = metric.AggregationExplicitBucketHistogram{Boundaries: latencyBuckets}
	}
	return stream, true
}

// Temporal counts what the Temporal SDK does; it belongs in the options of
// every client.
func (m *Metrics) Temporal() client.MetricsHandler { return m.temporal.handler }
