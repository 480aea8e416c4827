// Package supervise keeps the long-running parts of the process alive. One
// part that fails or panics is started again, with back-off, and never takes
// the others down; parts start in order, each once the one before it is ready,
// and stop in reverse order within a limit. What each part is doing, and since
// when, can be asked at any time. Restarting is left to suture, with one suture
// supervisor a part, so that each can be stopped by itself, in its turn.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// startLimit is how long a part may take to become ready before the next one
// is started without it.
const startLimit = 30 * time.Second

// Part is one long-running part of the process.
type Part struct {
	// Name is shown publicly by /healthz.
	Name string
	// Run does the work until its context ends, and returns when everything it
	// started has ended. It calls ready once it works. Returning earlier,
	// with or without an error, is a failure, and Run is called again.
	Run func(ctx context.Context, ready func()) error
	// Essential ends the process if this part fails before it was ever ready:
	// a port that is taken or a broken file is for the user to mend.
	Essential bool
	// Beats promises that Run calls Beat at least every BeatInterval once it is
	// ready. Three beats missed are a failure, until the next one: it hangs.
	// Without the promise, a part works for as long as Run does not return.
	Beats bool
}

// Supervisor runs parts. Its methods are safe for concurrent use.
type Supervisor struct {
	log *slog.Logger

	mu      sync.Mutex
	units   []*unit
	running bool
}

// New returns a supervisor without parts.
func New(log *slog.Logger) *Supervisor {
	return &Supervisor{log: log}
}

// Add appends a part, to be started after those before it. It refuses a part
// without name or Run, a name twice, and any part once Run has been called.
func (s *Supervisor) Add(part Part) error {
	if part.Name == "" || part.Run == nil {
		return fmt.Errorf("supervise: part %q needs a name and a Run", part.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return fmt.Errorf("supervise: part %s comes too late: the parts are running", part.Name)
	}
	for _, other := range s.units {
		if other.Name == part.Name {
			return fmt.Errorf("supervise: there are two parts named %s", part.Name)
		}
	}
	s.units = append(s.units, newUnit(part, s.log.With("part", part.Name)))
	return nil
}

// Run starts the parts, waits until ctx ends or an essential part cannot
// start, and stops what it started, all of it within stopLimit. It can be
// called once.
//
// The error joins, in the order of start, the failures of parts that were not
// healthy in the end, errors while stopping, and parts that did not stop. A
// failure that a restart has healed is in the log and no error any more;
// being cancelled is none either.
func (s *Supervisor) Run(ctx context.Context, stopLimit time.Duration) error {
	units, err := s.begin()
	if err != nil {
		return err
	}
	// An essential part that cannot start ends all of them by this cancel.
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	var watching sync.WaitGroup
	watching.Go(func() { watch(ctx, units) })
	started := start(ctx, abort, units, stopLimit)
	<-ctx.Done()
	stop(started, stopLimit)
	watching.Wait()
	var failures []error
	for _, u := range started {
		failures = append(failures, u.errors()...)
	}
	return errors.Join(failures...)
}

func (s *Supervisor) begin() ([]*unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running {
		return nil, errors.New("supervise: Run was called twice")
	}
	s.running = true
	return s.units, nil
}

// start starts the parts in order, as long as ctx allows, and returns those it
// started.
func start(ctx context.Context, abort func(), units []*unit, stopLimit time.Duration) []*unit {
	for i, u := range units {
		if ctx.Err() != nil {
			return units[:i]
		}
		u.start(ctx, abort, stopLimit)
		limit := time.NewTimer(startLimit)
		select {
		case <-u.settled:
		case <-ctx.Done():
		case <-limit.C:
			u.log.Warn("part is not ready yet, going on without it", "after", startLimit)
		}
		limit.Stop()
	}
	return units
}

// stop stops units in reverse order. Any of them may use up nine tenths of the
// limit; the last tenth is shared by those that wait behind a part that hangs.
func stop(units []*unit, limit time.Duration) {
	deadline := time.Now().Add(limit)
	for i := len(units) - 1; i >= 0; i-- {
		reserve := limit / 10 * time.Duration(i) / time.Duration(len(units))
		units[i].stop(time.Until(deadline) - reserve)
	}
}
