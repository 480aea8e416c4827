// Package probe looks at services. Each kind of probe is one file that holds
// its name, its options, their checks and their documentation, and one line in
// the table of kinds. A prober keeps its client between ticks, ends within its
// time limit and leaves nothing behind on the service it looked at.
package probe

import (
	"context"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Prober looks at one service. Probe sets Status, Message, Observations and
// Facts of the result; Run adds the time and latency, and cuts what is too much.
// What Probe could not find out for reasons of its own is health.NotProbed. The
// context ends at the time limit, and Probe returns promptly then. It is safe
// for concurrent use.
type Prober interface {
	Probe(ctx context.Context) health.Result
	// Close releases the client and its connections.
	Close() error
}

// Options are the options of one kind of probe; package option says how they
// are declared.
type Options interface {
	// Validate reports every mistake in the options.
	Validate() option.Problems
	// Open builds the prober. It does not connect: a service that is down is
	// what probes are for. Call it on valid options only.
	Open() (Prober, error)
}

// Kind is one way to look at a service.
type Kind struct {
	// Name is its key under "probe:".
	Name string
	// Doc says in one sentence what it checks.
	Doc string
	// Options returns fresh options that hold the defaults.
	Options func() Options
}

// Kinds returns every kind of probe, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		clickHouseKind(),
		postgresKind(),
		mysqlKind(),
		redisKind(),
		rabbitKind(),
		s3Kind(),
		httpKind(),
		grpcKind(),
		prometheusKind(),
		tcpKind(),
		smtpKind(),
		certificateKind(),
		dnsKind(),
		icmpKind(),
		execKind(),
		directoryKind(),
	}
}

// Run makes one probe with a time limit and stamps the result. It is the only
// caller of Prober.Probe outside tests.
func Run(ctx context.Context, prober Prober, limit time.Duration) health.Result {
	return stamped(ctx, limit, prober.Probe)
}

// stamped makes one probe with a time limit and stamps the result.
func stamped(ctx context.Context, limit time.Duration, probe func(context.Context) health.Result) health.Result {
	ctx, cancel := withLimit(ctx, limit)
	defer cancel()
	start := time.Now()
	result := probe(ctx)
	result.At = start.UTC().Truncate(time.Millisecond)
	result.LatencyMS = float64(time.Since(start).Microseconds()) / 1000
	result.Message = health.Clip(result.Message, health.MessageLimit)
	bound(&result)
	return result
}
