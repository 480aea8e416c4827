package metrics

import "github.com/prometheus/client_golang/prometheus"

// Load is what the probes of the targets of services do in this process.
type Load struct {
	// Overloaded counts failures that were dropped as they were this process's
	// own, Missed targets that were not probed in their tick at all; both since
	// the start.
	Overloaded, Missed int64
	// Waiting and Running are the probes that wait for a place, and those under
	// way.
	Waiting, Running int64
}

var (
	unjudged = prometheus.NewDesc("paramedic_probes_unjudged_total",
		"Probes of targets that were due and say nothing: the process was overloaded and failed by itself, or missed the tick.",
		[]string{"reason"}, nil)
	probesWaiting = prometheus.NewDesc("paramedic_probes_waiting",
		"Probes of targets that wait for a place in this process.", nil, nil)
	probesRunning = prometheus.NewDesc("paramedic_probes_running",
		"Probes of targets that this process is making.", nil, nil)
)

// probing collects what the probes of targets do.
type probing struct{ load func() Load }

// Describe implements prometheus.Collector.
func (probing) Describe(to chan<- *prometheus.Desc) {
	to <- unjudged
	to <- probesWaiting
	to <- probesRunning
}

// Collect implements prometheus.Collector.
func (c probing) Collect(to chan<- prometheus.Metric) {
	load := c.load()
	to <- counter(unjudged, int(load.Overloaded), label(labelReason, "overloaded"))
	to <- counter(unjudged, int(load.Missed), label(labelReason, "missed"))
	to <- gauge(probesWaiting, float64(load.Waiting))
	to <- gauge(probesRunning, float64(load.Running))
}
