package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/thejerf/suture/v4"
)

const (
	// settle is how long a part must go on after it said that it is ready
	// before it shows healthy, so that one that fails at once never does.
	settle = 200 * time.Millisecond
	// firstDelay doubles with every failure up to lastDelay, and is back at its
	// beginning after a run that was healthy for goodRun.
	firstDelay = time.Second
	lastDelay  = 30 * time.Second
	goodRun    = time.Minute
	// keptFailures bounds the different errors that are kept of a part.
	keptFailures = 10
)

// unit is a part with its state and the suture supervisor that restarts it.
type unit struct {
	Part
	log *slog.Logger

	// abort ends all parts, cancel ends this one.
	abort, cancel func()
	// done gets a value when suture has stopped the part or given up on it.
	done <-chan error
	// settled is closed when the part is ready, or has failed, for the first time.
	settled     chan struct{}
	settledOnce sync.Once

	mu   sync.Mutex
	mark Mark
	// entered counts the changes to each status.
	entered map[Status]int
	// beatAt is when the last heartbeat was, silent whether it was missed.
	beatAt time.Time
	silent bool
	// run counts the calls of Run; a late ready of an earlier one is ignored.
	run       int
	readyAt   time.Time
	everReady bool
	delay     time.Duration
	failures  []error
}

func newUnit(part Part, log *slog.Logger) *unit {
	return &unit{
		Part: part, log: log, settled: make(chan struct{}),
		mark: Mark{Starting, time.Now()}, entered: map[Status]int{},
	}
}

// start runs the part in the background until stop. The part's context does
// not end with ctx: stopping has an order.
func (u *unit) start(ctx context.Context, abort func(), stopLimit time.Duration) {
	u.abort = abort
	ctx, u.cancel = context.WithCancel(context.WithoutCancel(ctx))
	keeper := suture.New(u.Name, suture.Spec{
		// Every failure is over the threshold: no restart without a delay.
		FailureThreshold: 0.5,
		BackoffJitter:    u,
		Timeout:          stopLimit,
		EventHook:        func(event suture.Event) { u.log.Debug(event.String()) },
	})
	keeper.Add(u)
	u.done = keeper.ServeBackground(ctx)
}

// stop ends the part and waits for it, but no longer than limit. A part that
// hangs is left behind and counted as a failure.
func (u *unit) stop(limit time.Duration) {
	u.cancel()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-u.done:
	case <-timer.C:
		u.fail(fmt.Errorf("did not stop within %s", limit.Round(time.Millisecond)))
	}
}

// Serve implements suture.Service: one run of the part.
func (u *unit) Serve(ctx context.Context) error {
	run := u.begin()
	err := u.call(context.WithValue(ctx, beatKey{}, func() { u.beat(run) }), func() { u.ready(run) })
	if ctx.Err() != nil {
		u.stopped(err)
		return ctx.Err()
	}
	if err == nil {
		err = errors.New("ended without being asked to")
	}
	return u.failed(err)
}

// String implements fmt.Stringer, for suture's messages.
func (u *unit) String() string { return u.Name }

// Jitter implements suture.Jitter: it replaces suture's fixed delay before the
// next run by one that grows.
func (u *unit) Jitter(time.Duration) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.delay
}

// call turns a panic into an error. Suture would catch it as well, but it
// drops what happens while it stops, and here nothing is dropped.
func (u *unit) call(ctx context.Context, ready func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
			u.log.Error("part panicked", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	return u.Run(ctx, ready)
}

func (u *unit) begin() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.run++
	u.readyAt, u.silent = time.Time{}, false
	return u.run
}

// ready is what the part calls. Others may start now; the mark waits a moment.
func (u *unit) ready(run int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.run != run || !u.readyAt.IsZero() {
		return
	}
	u.readyAt = time.Now()
	u.beatAt, u.everReady = u.readyAt, true
	u.settledOnce.Do(func() { close(u.settled) })
	time.AfterFunc(settle, func() { u.healthy(run) })
}

func (u *unit) healthy(run int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.run != run || u.readyAt.IsZero() {
		return
	}
	if u.mark.Status == Failed {
		u.log.Info("part works again", "after", time.Since(u.mark.Since).Round(time.Millisecond))
	}
	u.failures = nil
	u.set(Healthy)
}

// failed notes the failure of a run and returns what suture acts on.
func (u *unit) failed(err error) error {
	fatal, delay := u.nextDelay()
	news := u.fail(err)
	switch {
	case fatal:
		u.abort()
		err = suture.ErrDoNotRestart
	case news:
		u.log.Error("part failed, trying again", "error", err, "in", delay)
	default: // said already, and /healthz goes on saying so
		u.log.Debug("part failed again", "error", err, "in", delay)
	}
	u.settledOnce.Do(func() { close(u.settled) })
	return err
}

// nextDelay reports whether this failure is final and, if not, how long to
// wait before the next run.
func (u *unit) nextDelay() (fatal bool, delay time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.readyAt.IsZero() && time.Since(u.readyAt) >= goodRun {
		u.delay = 0
	}
	u.delay = min(max(2*u.delay, firstDelay), lastDelay)
	return u.Essential && !u.everReady, u.delay
}

// stopped notes the end of a run that was asked to end.
func (u *unit) stopped(err error) {
	if err != nil && !cancelled(err) {
		u.fail(fmt.Errorf("stopping: %w", err))
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.readyAt.IsZero() {
		u.failures = nil // it worked again, if only for a moment
	}
	if u.mark.Status != Failed || u.silent || !u.readyAt.IsZero() {
		u.set(Stopped)
	}
	u.readyAt = time.Time{}
}

// fail marks the part and keeps err, and reports whether that is news: no error
// of this text since the part was last healthy.
func (u *unit) fail(err error) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.readyAt, u.silent = time.Time{}, false
	u.set(Failed)
	for _, known := range u.failures {
		if known.Error() == err.Error() {
			return false
		}
	}
	if len(u.failures) < keptFailures {
		u.failures = append(u.failures, err)
	}
	return true
}

// set changes the mark; its time is that of the change. Callers hold mu.
func (u *unit) set(status Status) {
	if u.mark.Status != status {
		u.mark = Mark{status, time.Now()}
		u.entered[status]++
	}
}

func (u *unit) current() (Mark, Vitals) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mark, Vitals{Beat: u.beatAt, Entered: maps.Clone(u.entered)}
}

// errors returns the kept failures, each with the name of the part.
func (u *unit) errors() []error {
	u.mu.Lock()
	defer u.mu.Unlock()
	named := make([]error, len(u.failures))
	for i, err := range u.failures {
		named[i] = fmt.Errorf("%s: %w", u.Name, err)
	}
	return named
}

// cancelled reports whether err says nothing but that a context was cancelled.
// Of joined errors each must.
func cancelled(err error) bool {
	switch wrapped := err.(type) {
	case interface{ Unwrap() []error }:
		for _, each := range wrapped.Unwrap() {
			if !cancelled(each) {
				return false
			}
		}
		return true
	case interface{ Unwrap() error }:
		return cancelled(wrapped.Unwrap())
	default:
		return errors.Is(err, context.Canceled)
	}
}
