package activities

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// batchLimit is the most questions in one update.
const batchLimit = 200

// line is where the questions of one process to one Gatekeeper wait while an
// earlier batch of them is under way. There is no sender of its own: the one
// who has waited longest takes all who wait along.
type line struct {
	mu      sync.Mutex
	waiting []*question
	// leader is the one whose turn it is to send; nil if nobody waits.
	leader *question
}

// question is one call of Ask.
type question struct {
	in AskInput
	// answer takes one result, lead one word that it is this one's turn to send.
	answer chan askResult
	lead   chan struct{}
	// gone is set when nobody waits for the answer any more.
	gone bool
}

type askResult struct {
	answer AskAnswer
	err    error
}

// sender sends a batch and returns an answer for each question, in order.
type sender func(context.Context, []AskInput) ([]AskAnswer, error)

// ask asks one question, alone or in a batch with others. It returns when ctx
// ends at the latest.
func (l *line) ask(ctx context.Context, in AskInput, send sender) (AskAnswer, error) {
	q := &question{in: in, answer: make(chan askResult, 1), lead: make(chan struct{}, 1)}
	l.join(q)
	select {
	case result := <-q.answer:
		return result.answer, result.err
	case <-q.lead:
		return l.sendBatch(ctx, q, send)
	case <-ctx.Done():
		l.leave(q)
		return AskAnswer{}, errors.Join(errWaiting, ctx.Err())
	}
}

var errWaiting = errors.New("an earlier question to the gatekeeper was not answered in time")

func (l *line) join(q *question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, q)
	if l.leader == nil {
		l.elect()
	}
}

// leave takes a question out whose asker has no time left.
func (l *line) leave(q *question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.gone = true
	l.waiting = slices.DeleteFunc(l.waiting, func(other *question) bool { return other == q })
	if l.leader == q {
		l.elect()
	}
}

// elect makes the one who has waited longest the next to send.
func (l *line) elect() {
	l.leader = nil
	if len(l.waiting) > 0 {
		l.leader = l.waiting[0]
		l.leader.lead <- struct{}{}
	}
}

// sendBatch sends what waits, hands the answers out and passes the turn on. If
// only this caller has run out of time, the others go with the next batch.
func (l *line) sendBatch(ctx context.Context, q *question, send sender) (AskAnswer, error) {
	batch := l.take()
	answered := false
	defer func() { l.pass(batch, answered) }()
	asks := make([]AskInput, len(batch))
	for i, other := range batch {
		asks[i] = other.in
	}
	answers, err := send(ctx, asks)
	if err != nil && ctx.Err() != nil {
		return AskAnswer{}, err
	}
	answered = true
	var own askResult
	for i, other := range batch {
		result := askResult{err: err}
		if err == nil {
			result.answer = answers[i]
		}
		if other == q {
			own = result
		}
		other.answer <- result
	}
	return own.answer, own.err
}

// take takes the next batch out of the line; the leader is its first.
func (l *line) take() []*question {
	l.mu.Lock()
	defer l.mu.Unlock()
	count := min(len(l.waiting), batchLimit)
	batch := slices.Clone(l.waiting[:count])
	l.waiting = slices.Delete(l.waiting, 0, count)
	return batch
}

// pass ends the turn of a batch's first. Others that got no answer are the
// first to go with the next.
func (l *line) pass(batch []*question, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !answered {
		others := slices.DeleteFunc(batch[1:], func(q *question) bool { return q.gone })
		l.waiting = slices.Concat(others, l.waiting)
	}
	l.elect()
}
