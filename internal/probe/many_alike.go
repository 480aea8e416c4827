package probe

import (
	"context"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/resolve"
)

// alike probes many targets by options that differ in a few texts. Their
// conditions are the same for all, and compiled once.
type alike struct {
	// options are those of all targets, without conditions.
	options Options
	// open makes the prober of one target, of its options.
	open func(filled Options) (Prober, error)
	// host names the machine that is asked by a target's options.
	host func(filled Options) string
}

// Probe implements Many.
func (m *alike) Probe(ctx context.Context, target health.Target) health.Result {
	filled, problems := Expand(m.options, target)
	if len(problems) > 0 {
		return misfit(problems)
	}
	prober, err := m.open(filled)
	if err != nil {
		return health.Result{Status: health.Unhealthy, Message: "cannot be probed: " + err.Error()}
	}
	defer func() { _ = prober.Close() }()
	return prober.Probe(ctx)
}

// Host implements Many.
func (m *alike) Host(target health.Target) string {
	filled, problems := Expand(m.options, target)
	if len(problems) > 0 {
		return hostOf(target.Name)
	}
	return m.host(filled)
}

// Close implements Many.
func (m *alike) Close() error { return nil }

// differ reports whether conditions differ between targets.
func differ(expect, degraded []string) bool {
	for _, text := range append(expect[:len(expect):len(expect)], degraded...) {
		if option.IsTemplate(text) {
			return true
		}
	}
	return false
}

// openMany implements sharing.
func (o *DNS) openMany() (Many, error) {
	if differ(o.Expect, o.ExpectDegraded) {
		return nil, nil
	}
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	bare := *o
	bare.Expect, bare.ExpectDegraded = nil, nil
	return &alike{
		options: &bare,
		open:    func(filled Options) (Prober, error) { return filled.(*DNS).prober(rules) },
		host:    func(filled Options) string { return hostOf(filled.(*DNS).Server) },
	}, nil
}

// openMany implements sharing. Names are remembered between targets.
func (o *Certificate) openMany() (Many, error) {
	if differ(o.Expect, o.ExpectDegraded) || option.IsTemplate(o.CA) {
		return nil, nil
	}
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	bare := *o
	bare.Expect, bare.ExpectDegraded, bare.CA = nil, nil, ""
	return &alike{
		options: &bare,
		open: func(filled Options) (Prober, error) {
			prober := filled.(*Certificate).prober(rules)
			prober.roots, prober.dial = roots, resolve.Shared.DialContext
			return prober, nil
		},
		host: func(filled Options) string { return hostOf(filled.(*Certificate).Address) },
	}, nil
}

// openMany implements sharing.
func (o *ICMP) openMany() (Many, error) {
	if differ(o.Expect, o.ExpectDegraded) {
		return nil, nil
	}
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	bare := *o
	bare.Expect, bare.ExpectDegraded = nil, nil
	return &alike{
		options: &bare,
		open:    func(filled Options) (Prober, error) { return filled.(*ICMP).prober(rules), nil },
		host:    func(filled Options) string { return filled.(*ICMP).Address },
	}, nil
}
