package main

import (
	"context"
	"fmt"
	"strings"

	"paramedic/internal/apply"
	"paramedic/internal/devserver"
	"paramedic/internal/patient"
	"paramedic/internal/web"
)

// runServer is the embedded Temporal server and its Web UI.
func (p *process) runServer(ctx context.Context, ready func()) error {
	server, err := devserver.Start(ctx, devserver.Options{
		Dir: p.data, Port: p.temporalPort, UIPort: p.uiPort, Log: p.log.Logger,
		Namespace: p.cfg.Temporal.Namespace, SearchAttributes: apply.SearchAttributes(),
	})
	if err != nil {
		return err
	}
	p.temporal.pointTo(server.Address(), server.Namespace())
	p.say.set(lineWebUI, server.UIURL())
	ready()
	select {
	case <-ctx.Done():
		return server.Stop()
	case err := <-server.Failed():
		return fmt.Errorf("the embedded Temporal server: %w", joinStop(err, server.Stop()))
	}
}

// runPatient is the demonstration process.
func (p *process) runPatient(ctx context.Context, ready func()) error {
	ward := &patient.Ward{Dir: p.data, Address: p.cfg.Patient.Listen, Log: p.log.Logger}
	return ward.Run(ctx, func() {
		p.say.set(linePatient, fmt.Sprintf("http://%s/health   hurt it: kill -9 %d   or: curl -X POST http://%s/hurt",
			ward.Address, ward.PID(), ward.Address))
		ready()
	})
}

// runHTTP is the status page and /healthz.
func (p *process) runHTTP(ctx context.Context, ready func()) error {
	listener, err := web.Listen(ctx, p.listen, p.cfg.HTTP.Open())
	if err != nil {
		return err
	}
	// The embedded server has started before; the Web UI of a cluster is not known.
	handler := web.New(web.Options{Health: p.super.Health, Services: p.rows, UIURL: p.say.get(lineWebUI), Log: p.log.Logger})
	p.say.set(lineStatus, fmt.Sprintf("http://%s/   health: http://%s/healthz", listener.Addr(), listener.Addr()))
	return web.Serve(ctx, listener, handler, ready)
}

// rows are the services as this worker sees them.
func (p *process) rows() []web.ServiceRow {
	latest := p.fleet.Board().Rows()
	rows := make([]web.ServiceRow, len(latest))
	for i, row := range latest {
		rows[i] = web.ServiceRow{
			Service: row.Service, State: string(row.State), Severity: row.Severity, Since: row.Since,
			LastProbeAt: row.Result.At, LatencyMS: row.Result.LatencyMS, Message: strings.TrimSpace(row.Result.Message),
		}
	}
	return rows
}
