package workflows

import (
	"fmt"
	"slices"
	"time"

	"paramedic/internal/health"
)

const (
	// batchesPerInterval bounds the batches of a class, so that the history of a
	// watch of ten intervals stays below what Temporal suggests: each batch is
	// some eleven events.
	batchesPerInterval = 32
	// batchSpacing is the least time between two batches of a class.
	batchSpacing = 500 * time.Millisecond
	// imminent is how soon a batch is due that is not looked at for the first time
	// before that.
	imminent = 5 * time.Second
)

// slot is one batch at one time.
type slot struct {
	class string
	// interval is the time until the batch is due again.
	interval time.Duration
	// batch counts from 0 to below of.
	batch, of int
	due       time.Time
	// isRepeated is set where the last watch has begun the batch already.
	isRepeated bool
}

// until is when the tick of the batch ends.
func (s slot) until() time.Time { return s.due.Add(s.interval) }

// place names a batch whatever its time.
type place struct {
	class     string
	batch, of int
}

func (s slot) place() place { return place{s.class, s.batch, s.of} }

// String names the batch for people.
func (s slot) String() string {
	class := ""
	if s.class != "" {
		class = " of class " + s.class
	}
	return fmt.Sprintf("batch %d/%d%s", s.batch+1, s.of, class)
}

// has reports whether a target belongs to the batch.
func (s slot) has(f FailingTarget) bool {
	return f.Class == s.class && health.InBatch(f.Target, s.batch, s.of)
}

// classes are those of the configuration, that without a name first.
func (r *rounds) classes() []Class {
	return slices.Concat([]Class{{Interval: r.check.Interval}}, r.check.Fleet.Classes)
}

// slots are all batches of all classes, each with the latest time that it is due
// by then.
func (r *rounds) slots(by time.Time) []slot {
	var all []slot
	for _, class := range r.classes() {
		interval := class.Interval.Std()
		of := max(1, r.state.Fleet.Classes[class.Name].Batches)
		for batch := range of {
			offset := time.Duration(batch) * interval / time.Duration(of)
			grid := health.Grid{Interval: interval, Offset: r.cadence.ticks.Offset + offset.Truncate(time.Millisecond)}
			all = append(all, slot{class: class.Name, interval: interval, batch: batch, of: of, due: grid.AtOrBefore(by)})
		}
	}
	return all
}

// due are the batches that are due by a time and were not begun, in order. A class
// is divided anew when its first batch is due: so every target is probed once
// in the interval, whatever the number of batches becomes. What has never been
// looked at is due now, or soon.
func (r *rounds) due(now, by time.Time) []slot {
	through := r.state.Fleet.Through
	if through.IsZero() {
		r.divide(r.classes()...)
	}
	due := r.unfinished(now)
	for _, s := range r.slots(by) {
		switch {
		case through.IsZero():
			if s = s.first(now); s.due.After(by) {
				continue
			}
		case !s.due.After(through):
			continue
		case s.batch == 0:
			s.of = r.divide(Class{Name: s.class, Interval: health.Duration(s.interval)})
		}
		due = append(due, s)
	}
	slices.SortStableFunc(due, func(a, b slot) int { return a.due.Compare(b.due) })
	return due
}

// first is the slot in which a batch is looked at that never was: now, until its
// next one. If that is near it is that one, which would be late otherwise while
// the first look goes on.
func (s slot) first(now time.Time) slot {
	next := s.due
	if !next.After(now) {
		next = next.Add(s.interval)
	}
	if next.Sub(now) <= min(imminent, s.interval/4) {
		s.due = next
	} else {
		s.due, s.interval = now, next.Sub(now)
	}
	return s
}

// divide sets the number of batches of classes by the number of their targets,
// and returns that of the last one.
func (r *rounds) divide(classes ...Class) (of int) {
	for _, class := range classes {
		state := r.state.Fleet.Classes[class.Name]
		of = max(1, min((state.Size+r.check.Fleet.Batch-1)/r.check.Fleet.Batch,
			batchesPerInterval, int(class.Interval.Std()/batchSpacing)))
		if of != state.Batches {
			state.Batches, state.Omitted = of, nil
		}
		r.state.Fleet.Classes[class.Name] = state
	}
	return of
}
