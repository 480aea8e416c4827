package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"paramedic/internal/apply"
	"paramedic/internal/fleet"
	"paramedic/internal/operator"
)

// connector knows where Temporal is, once that is known.
type connector struct {
	endpoint operator.Endpoint
	log      *slog.Logger
	// observe lets every client be counted and traced.
	observe func(*client.Options)

	mu sync.Mutex
}

// pointTo directs connections to the embedded server.
func (c *connector) pointTo(address, namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoint.Address, c.endpoint.Namespace = address, namespace
}

// dial opens a connection whose log goes to this process's log.
func (c *connector) dial(ctx context.Context) (*operator.Connection, error) {
	c.mu.Lock()
	endpoint := c.endpoint
	c.mu.Unlock()
	connection, err := operator.Dial(ctx, endpoint, c.log, c.observe)
	if unreachable, ok := errors.AsType[operator.Unreachable](err); ok {
		return nil, errors.New(unreachable.Brief()) // the supervisor tries again; nobody has to act
	}
	return connection, err
}

// drainLimit is how long running activities may take to finish at a stop;
// what does not is taken up again by another worker, or after the restart.
const drainLimit = 20 * time.Second

// runWorker serves the task queues. It comes up once Temporal answers.
func (p *process) runWorker(ctx context.Context, ready func()) error {
	connection, err := p.temporal.dial(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	// The embedded server has said by now where its Web UI is.
	p.fleet.LinkTo(fleet.Links{WebUI: p.say.get(lineWebUI), Namespace: connection.Namespace})
	if !p.agent {
		if err := apply.EnsureSearchAttributes(ctx, connection.Client, connection.Namespace); err != nil {
			return err
		}
	}
	fatal := make(chan error, 1) // the first is enough
	var started []worker.Worker
	defer func() {
		for _, w := range started {
			w.Stop()
		}
	}()
	for _, q := range p.queues(connection.Client, fatal) {
		w := worker.New(connection.Client, q.name, q.options)
		q.register(w)
		if err := w.Start(); err != nil {
			return fmt.Errorf("starting the Temporal worker: %w", err)
		}
		started = append(started, w)
	}
	ready()
	select {
	case <-ctx.Done():
		return nil
	case err := <-fatal:
		return fmt.Errorf("the Temporal worker: %w", err)
	}
}

func joinStop(err, stopping error) error { return errors.Join(err, stopping) }
