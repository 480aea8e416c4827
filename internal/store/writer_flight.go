package store

import (
	"fmt"
	"time"
)

// takeOff moves what goes into one transaction out of the buffer, and reports
// whether failures have gone on for so long that the batch is suspicious.
func (w *Writer) takeOff() (batch Batch, suspicious bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flight = flight{since: w.buffer.oldest(), waiters: map[string][]chan error{}}
	w.flight.batch = w.buffer.take()
	for _, incident := range w.flight.batch.Incidents {
		if waiters := w.waiters[incident.ID]; waiters != nil {
			w.flight.waiters[incident.ID] = waiters
			delete(w.waiters, incident.ID)
		}
	}
	return w.flight.batch, w.streak >= patience
}

// land settles what became of the flight.
func (w *Writer) land(refused []refusal, err error) {
	w.mu.Lock()
	landed := w.flight
	w.flight = flight{}
	var after func()
	if err != nil {
		after = w.failed(landed, err)
	} else {
		after = w.written(landed, refused)
	}
	settled := w.settled()
	w.mu.Unlock()
	after() // what takes time is done without the lock
	tell(settled, nil)
}

// failed puts a batch back. It returns what is to be done without the lock.
func (w *Writer) failed(landed flight, err error) func() {
	w.buffer.putBack(landed.batch, landed.since)
	for id, waiters := range landed.waiters {
		w.waiters[id] = append(w.waiters[id], waiters...)
	}
	turned := w.streak == 0
	if turned {
		w.downSince, w.droppedBefore = time.Now(), w.stats.Dropped
	}
	w.streak++
	w.stats.Failures++
	w.stats.LastError = err.Error()
	dropped := w.trim()
	buffered := w.buffer.size()
	overflow := w.overflowed()
	return func() {
		tell(dropped, errNoRoom)
		if turned {
			w.log.Warn("The store cannot be written; what comes in is kept in memory", "error", err, "buffered", buffered)
		}
		overflow()
	}
}

// written counts a batch. It returns what is to be done without the lock.
func (w *Writer) written(landed flight, refused []refusal) func() {
	w.stats.Written += landed.batch.size() - len(refused)
	w.stats.Refused += len(refused)
	w.stats.LastError = ""
	turned, after, lost := w.streak > 0, time.Since(w.downSince), w.stats.Dropped-w.droppedBefore
	w.streak = 0
	overflow := w.overflowed()
	buffered := w.buffer.size()
	return func() {
		w.report(refused, landed.waiters)
		for _, waiters := range landed.waiters {
			tell(waiters, nil)
		}
		if turned {
			w.log.Info("The store can be written again", "after", after.Round(time.Millisecond), "buffered", buffered, "dropped", lost)
		}
		overflow()
	}
}

// report says what was refused, and tells those who wait for it.
func (w *Writer) report(refused []refusal, waiters map[string][]chan error) {
	if len(refused) == 0 {
		return
	}
	w.log.Error("The store refuses what it cannot hold; it is left out",
		"rows", len(refused), "first", refused[0].row.name(), "error", refused[0].err)
	for _, r := range refused {
		for _, incident := range r.row.Incidents {
			tell(waiters[incident.ID], fmt.Errorf("the store refuses it: %w", r.err))
		}
	}
}

// trim drops what there is no room for. It returns those who waited for it.
func (w *Writer) trim() (waiters []chan error) {
	dropped, incidents := w.buffer.trim(len(w.flight.batch.Results))
	w.stats.Dropped += dropped
	for _, id := range incidents {
		waiters = append(waiters, w.waiters[id]...)
		delete(w.waiters, id)
	}
	return waiters
}

// overflowed notices when rows begin to be dropped, and when there is room
// again. It returns what to say of it.
func (w *Writer) overflowed() func() {
	dropping := w.stats.Dropped > w.droppedSeen
	w.droppedSeen = w.stats.Dropped
	begins := dropping && !w.overflowing
	if begins || !dropping && w.buffer.results.n <= w.buffer.maxResults/2 {
		w.overflowing = begins
	}
	if !begins {
		return func() {}
	}
	limit := w.buffer.maxResults
	return func() {
		w.log.Warn("There is no more room before the store; the oldest results are dropped and counted", "results", limit)
	}
}
