package fleet

import (
	"context"
	"time"

	"paramedic/internal/health"
)

// Observer hears of what a fleet does, after it was done and with every known
// secret masked. None of its methods but Settled blocks.
type Observer interface {
	// Probed hears what a probe of a service, or of one of its targets, found.
	Probed(service, target string, result health.Result)
	// Surveyed hears what the probes of many targets of a service found, each
	// how much later than it was due. Findings are not to be kept or changed.
	Surveyed(service string, findings []health.Finding, late []time.Duration)
	// Settled returns once all that was heard so far is stored, or ctx ends.
	Settled(ctx context.Context) error
	// Remediated hears what came of one try of a step; kind is that of its
	// remedy.
	Remediated(service, kind string, treatment health.Treatment, took time.Duration, err error)
	// Alerted hears what came of one try to tell a receiver.
	Alerted(receiver string, alerts []health.Alert, took time.Duration, err error)
}

func (f *Fleet) probed(service, target string, result health.Result) {
	for _, observer := range f.observers {
		observer.Probed(service, target, result)
	}
}

func (f *Fleet) remediated(service, kind string, treatment health.Treatment, begun time.Time, err error) {
	for _, observer := range f.observers {
		observer.Remediated(service, kind, treatment, time.Since(begun), err)
	}
}

func (f *Fleet) alerted(receiver string, alerts []health.Alert, begun time.Time, err error) {
	for _, observer := range f.observers {
		observer.Alerted(receiver, alerts, time.Since(begun), err)
	}
}
