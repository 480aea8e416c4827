package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"paramedic/internal/apply"
	"paramedic/internal/operator"
	"paramedic/internal/vigil"
)

// runLookout watches the watcher: it finds Monitors that are late, calls the
// heartbeat address while none is, reads the Gatekeeper's books so that no page
// has to ask, and compares what is shown with what Temporal knows.
func (p *process) runLookout(ctx context.Context, ready func()) error {
	connection, err := p.temporal.dial(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	temporal := operator.New(connection, apply.TaskQueue(p.cfg))
	ready()
	var all sync.WaitGroup
	all.Go(func() { p.keepVigil(ctx, temporal) })
	all.Go(func() { p.every(ctx, ledgerEvery, temporal, p.readLedger) })
	all.Go(func() { p.every(ctx, reconcileEvery, temporal, p.reconcile) })
	all.Wait()
	return nil
}

// keepVigil looks for Monitors that are late until ctx ends.
func (p *process) keepVigil(ctx context.Context, temporal *operator.Operator) {
	v := &vigil.Vigil{Services: p.watched, Log: p.log.Logger, Monitors: temporal}
	// One heartbeat for each address, so that it remembers what it has said.
	var beating *vigil.Heartbeat
	v.Keep(ctx, func() (*vigil.Heartbeat, time.Duration) {
		wanted := p.inForce.Load().Heartbeat
		if wanted == nil {
			beating = nil
			return nil, 0
		}
		if beating == nil || beating.URL != wanted.URL {
			beating = &vigil.Heartbeat{URL: wanted.URL, Log: p.log.Logger, Client: stayHere}
		}
		return beating, wanted.Every.Std()
	})
}

// stayHere does not follow redirects: the address is a key, and a redirect
// would tell it to another host.
var stayHere = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// watched are the services that are probed on a grid; of others nobody can say
// from outside when they are due. Those with targets are probed as often as the
// targets that are probed most often.
func (p *process) watched() []vigil.Service {
	var services []vigil.Service
	for _, s := range p.board.Services() {
		if s.Patience() > 0 {
			services = append(services, vigil.Service{
				Name: s.Name, Interval: s.Pace, Timeout: s.Timeout, LastProbeAt: s.Result.At,
			})
		}
	}
	return services
}
