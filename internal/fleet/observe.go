package fleet

import (
	"time"

	"paramedic/internal/health"
)

// Observer hears of what a fleet does, after it was done and with every known
// secret masked. None of its methods blocks.
type Observer interface {
	// Probed hears what a probe of a service found.
	Probed(service string, result health.Result)
	// Remediated hears what came of one try of a step; kind is that of its
	// remedy.
	Remediated(service, kind string, treatment health.Treatment, took time.Duration, err error)
	// Alerted hears what came of one try to tell a receiver.
	Alerted(receiver string, alerts []health.Alert, took time.Duration, err error)
}

func (f *Fleet) probed(service string, result health.Result) {
	for _, observer := range f.observers {
		observer.Probed(service, result)
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
