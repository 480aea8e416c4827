package activities

import (
	"context"

	"paramedic/internal/health"
)

// Prober makes one probe of a configured service, or of one of its targets if
// it has any. An unhealthy service is a result; an error means that the prober
// itself could not do its work.
type Prober interface {
	Probe(ctx context.Context, service, target string) (health.Result, error)
}

// Probes are the activities that look.
type Probes struct{ Prober Prober }

// ProbeInput names what to probe.
type ProbeInput struct {
	Service string `json:"service"`
	Target  string `json:"target,omitempty"`
}

// Probe makes one probe and returns what it found.
func (p *Probes) Probe(ctx context.Context, in ProbeInput) (health.Result, error) {
	result, err := p.Prober.Probe(ctx, in.Service, in.Target)
	if err != nil {
		return health.Result{}, classify(err)
	}
	return result, nil
}
