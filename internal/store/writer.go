package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"paramedic/internal/health"
)

// sink is what a Writer writes to; pruner is what it asks to forget.
type (
	sink interface {
		Write(ctx context.Context, batch Batch) error
	}
	pruner interface {
		Prune(ctx context.Context, now time.Time, keep Retention) (removed int, err error)
	}
)

// defaultMaxResults are those of 2,000 targets that are probed every 60 s over
// an hour and a half. A result takes about 250 bytes, and 450 with observations,
// so that they are 50 to 90 MB.
const defaultMaxResults = 200_000

// WriterOptions say how to write.
type WriterOptions struct {
	Log *slog.Logger
	// MaxResults is how many results wait at most while the store is down; 0
	// means 200,000, which take 50 to 90 MB. Of those in surveys, which take a
	// tenth of the room, ten times as many wait besides.
	MaxResults int
	// Retention says how long what is kept, as Store.Prune reads it.
	Retention Retention
	// Cache is told of every result and standing too; nil if there is none.
	Cache *Cache
}

// Stats is what a Writer has done since it was made.
type Stats struct {
	// Buffered are the rows that wait or are being written, OldestBuffered when
	// the oldest of them came in; zero if there are none.
	Buffered       int
	OldestBuffered time.Time
	// Written counts rows, of which a survey is one; Dropped those that went
	// because there was no room for them, of a survey each of its results;
	// Refused those that the store did not take for what they are.
	Written, Dropped, Refused int
	// Failures counts writes that failed because of the store, and LastError is
	// why the latest did; empty once one has succeeded since.
	Failures  int
	LastError string
	// Pruned counts what was removed for its age.
	Pruned int
}

// Writer stands before a Store so that whoever has something to write never
// waits for it: what comes in gathers in memory and is written by Run, many
// rows in one transaction. While the store is down it waits, bounded, and is
// caught up with in the order in which it came. Its methods are safe for
// concurrent use.
type Writer struct {
	sink   sink
	pruner pruner
	cache  *Cache
	log    *slog.Logger
	// some is sent when there is something to write, full when there is so much
	// that waiting for more is no use.
	some, full chan struct{}
	// hurry is sent when somebody waits until all is written.
	hurry chan struct{}

	mu        sync.Mutex
	retention Retention
	buffer    *buffer
	// flight is what is being written.
	flight flight
	// waiters wait for the record of an incident in the buffer.
	waiters map[string][]chan error
	// settling wait until all is written that came in before they asked.
	settling []settler
	stats    Stats
	// streak counts failures in a row. The first was at downSince, and
	// droppedBefore was Dropped then.
	streak        int
	downSince     time.Time
	droppedBefore int
	// overflowing is set once it was said that there is no more room, and
	// droppedSeen is Dropped as it was looked at last.
	overflowing bool
	droppedSeen int
}

// flight is a batch on its way into the store.
type flight struct {
	batch   Batch
	since   time.Time
	waiters map[string][]chan error
}

// NewWriter returns a Writer of a store, which writes once Run is called.
func NewWriter(s *Store, o WriterOptions) *Writer { return newWriter(s, s, o) }

func newWriter(sink sink, pruner pruner, o WriterOptions) *Writer {
	if o.MaxResults <= 0 {
		o.MaxResults = defaultMaxResults
	}
	return &Writer{
		sink: sink, pruner: pruner, cache: o.Cache, log: o.Log, retention: o.Retention,
		some: make(chan struct{}, 1), full: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		buffer: newBuffer(o.MaxResults), waiters: map[string][]chan error{},
	}
}

// SetRetention changes how long what is kept, from the next round of pruning on.
func (w *Writer) SetRetention(keep Retention) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retention = keep
}

// Put takes what is to be written. It never blocks and never fails: when there
// is no room, the oldest of what waits goes, and is counted. What a batch
// refers to must not be changed afterwards.
func (w *Writer) Put(batch Batch) {
	if w.cache != nil {
		w.cache.Put(latestOf(batch))
	}
	w.put(batch, nil)
}

// put adds a batch, and a waiter for its incidents, if there is one.
func (w *Writer) put(batch Batch, waiter chan error) {
	w.mu.Lock()
	w.buffer.put(batch, time.Now())
	if waiter != nil {
		for _, incident := range batch.Incidents {
			w.waiters[incident.ID] = append(w.waiters[incident.ID], waiter)
		}
	}
	before := w.stats.Dropped
	dropped := w.trim()
	if w.stats.Dropped > before {
		dropped = append(dropped, w.settled()...)
	}
	full := w.buffer.results.n >= batchResults
	w.mu.Unlock()
	tell(dropped, errNoRoom)
	signal(w.some)
	if full {
		signal(w.full)
	}
}

// Archive writes the record of an incident and returns once it is committed,
// or when ctx ends, with the reason why the store could not be written. The
// record stays in the buffer even so.
func (w *Writer) Archive(ctx context.Context, incident health.Incident) error {
	done := make(chan error, 1)
	w.put(Batch{Incidents: []health.Incident{incident}}, done)
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("archive incident %s: %w", incident.ID, err)
		}
		return nil
	case <-ctx.Done():
		w.forget(incident.ID, done)
		return w.because(fmt.Errorf("archive incident %s: %w", incident.ID, context.Cause(ctx)))
	}
}

// because adds to an error why the store cannot be written, if it cannot.
func (w *Writer) because(err error) error {
	if reason := w.Stats().LastError; reason != "" {
		return fmt.Errorf("%w; the store cannot be written: %s", err, reason)
	}
	return err
}

// forget removes a waiter that waits no more.
func (w *Writer) forget(incident string, waiter chan error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	same := func(other chan error) bool { return other == waiter }
	for _, waiting := range []map[string][]chan error{w.waiters, w.flight.waiters} {
		left := slices.DeleteFunc(waiting[incident], same)
		if len(left) > 0 {
			waiting[incident] = left
		} else {
			delete(waiting, incident)
		}
	}
}

// Stats returns what was done so far.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	stats := w.stats
	stats.Buffered = w.buffer.size() + w.flight.batch.size()
	stats.OldestBuffered = earlier(w.buffer.oldest(), w.flight.since)
	return stats
}

// signal sends without waiting; one that was not received yet is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// tell answers waiters; each has room for the one answer that it gets.
func tell(waiters []chan error, err error) {
	for _, waiter := range waiters {
		select {
		case waiter <- err:
		default:
		}
	}
}
