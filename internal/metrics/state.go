package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"paramedic/internal/board"
	"paramedic/internal/supervise"
)

var (
	deadLetters = prometheus.NewDesc("paramedic_dead_letters",
		"Alerts that could not be delivered and wait for a human.", []string{"receiver"}, nil)
	waiting = prometheus.NewDesc("paramedic_outbox_waiting",
		"Alerts that are not delivered yet.", []string{"receiver"}, nil)
	delivered = prometheus.NewDesc("paramedic_alerts_delivered_total",
		"Alerts that were delivered since the outbox was first opened, by any worker.", []string{"receiver"}, nil)
	lost = prometheus.NewDesc("paramedic_alerts_lost_total",
		"Alerts that became dead letters since the outbox was first opened, by any worker.", []string{"receiver"}, nil)
)

// outboxes collects what the Outboxes hold.
type outboxes struct{ board *board.Board }

// Describe implements prometheus.Collector.
func (outboxes) Describe(to chan<- *prometheus.Desc) {
	to <- deadLetters
	to <- waiting
	to <- delivered
	to <- lost
}

// Collect implements prometheus.Collector.
func (c outboxes) Collect(to chan<- prometheus.Metric) {
	for _, outbox := range c.board.Outboxes() {
		receiver := label(labelReceiver, outbox.Receiver)
		to <- gauge(deadLetters, float64(len(outbox.DeadLetters)), receiver)
		to <- gauge(waiting, float64(outbox.Waiting), receiver)
		to <- counter(delivered, outbox.Delivered, receiver)
		to <- counter(lost, outbox.Lost, receiver)
	}
}

// Store is what the buffer in front of the store says of itself.
type Store struct {
	// Buffered counts what waits to be written; Dropped, Written and Failures
	// count since the start what was given up, what was written, and writes that
	// failed and were tried again.
	Buffered, Dropped, Written, Failures int
	// Oldest is since when the oldest of what is buffered waits; zero if nothing does.
	Oldest time.Time
}

var (
	buffered = prometheus.NewDesc("paramedic_store_buffered",
		"Records that wait to be written to the store.", nil, nil)
	behind = prometheus.NewDesc("paramedic_store_behind_seconds",
		"How long the oldest record has waited to be written; 0 if none waits.", nil, nil)
	dropped = prometheus.NewDesc("paramedic_store_dropped_total",
		"Records that were given up because the buffer was full.", nil, nil)
	written = prometheus.NewDesc("paramedic_store_written_total",
		"Records that were written to the store.", nil, nil)
	writeFailures = prometheus.NewDesc("paramedic_store_write_failures_total",
		"Writes to the store that failed and are tried again.", nil, nil)
)

// buffer collects what waits for the store.
type buffer struct {
	stats func() Store
	now   func() time.Time
}

// Describe implements prometheus.Collector.
func (buffer) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{buffered, behind, dropped, written, writeFailures} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (c buffer) Collect(to chan<- prometheus.Metric) {
	stats := c.stats()
	age := 0.0
	if !stats.Oldest.IsZero() {
		age = max(0, c.now().Sub(stats.Oldest).Seconds())
	}
	to <- gauge(buffered, float64(stats.Buffered))
	to <- gauge(behind, age)
	for desc, count := range map[*prometheus.Desc]int{dropped: stats.Dropped, written: stats.Written, writeFailures: stats.Failures} {
		to <- counter(desc, count)
	}
}

var (
	workerStatus = prometheus.NewDesc("worker_status",
		"1 while a part of this process works; 0 while it is starting, has failed, is silent or has stopped.", []string{"name"}, nil)
	workerHeartbeat = prometheus.NewDesc("worker_heartbeat_timestamp_seconds",
		"When a part last gave a sign of life, in Unix time; every 30 s while it works.", []string{"name"}, nil)
	workerTransitions = prometheus.NewDesc("worker_transitions_total",
		"How often a part became healthy, failed or stopped.", []string{"name", "to"}, nil)
)

// parts collects how the parts of this process are.
type parts struct{ health func() supervise.Health }

// Describe implements prometheus.Collector.
func (parts) Describe(to chan<- *prometheus.Desc) {
	to <- workerStatus
	to <- workerHeartbeat
	to <- workerTransitions
}

// Collect implements prometheus.Collector.
func (c parts) Collect(to chan<- prometheus.Metric) {
	now := c.health()
	for part, mark := range now.Parts {
		name := label(labelName, part)
		to <- gauge(workerStatus, oneIf(mark.Status == supervise.Healthy), name)
		vitals := now.Vitals[part]
		if !vitals.Beat.IsZero() {
			to <- gauge(workerHeartbeat, unix(vitals.Beat), name)
		}
		for _, status := range []supervise.Status{supervise.Healthy, supervise.Failed, supervise.Stopped} {
			to <- counter(workerTransitions, vitals.Entered[status], name, label(labelTo, string(status)))
		}
	}
}
