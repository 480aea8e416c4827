package main

import (
	"context"
	"fmt"

	"paramedic/internal/apply"
	"paramedic/internal/devserver"
	"paramedic/internal/patient"
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
