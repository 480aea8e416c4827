package api

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// window is the body that opens a window of maintenance or silence from now on,
// or ends the one that is open.
type window struct {
	By string `json:"by"`
	// Exactly one of For ("30m"), Until and End is given.
	For    string `json:"for"`
	Until  string `json:"until"`
	End    bool   `json:"end"`
	Reason string `json:"reason"`
}

// windowLimit is the longest window that can be opened by hand.
const windowLimit = 30 * 24 * time.Hour

// span reads the body; a window without a length or an end is refused.
func (w *window) span(r *http.Request, now time.Time) (workflows.Span, error) {
	by, err := author(r, w.By)
	if err != nil {
		return workflows.Span{}, err
	}
	if err := prose("reason", w.Reason, noteLimit); err != nil {
		return workflows.Span{}, err
	}
	length, until, err := w.end(now)
	if err == nil && max(length, until.Sub(now)) > windowLimit {
		err = fault{http.StatusUnprocessableEntity, "a window of more than 30 days is refused: pause the service, or take it out of the configuration"}
	}
	return workflows.Span{By: by, Reason: w.Reason, For: health.Duration(length), Until: until}, err
}

// end reads when the window is over. Neither a length nor a time ends it now.
func (w *window) end(now time.Time) (length time.Duration, until time.Time, err error) {
	given := 0
	for _, set := range []bool{w.For != "", w.Until != "", w.End} {
		if set {
			given++
		}
	}
	switch {
	case given != 1:
		err = fault{http.StatusUnprocessableEntity, `say how long: exactly one of "for": "30m", "until": "2026-11-22T02:00:00Z" and "end": true`}
	case w.For != "":
		var ok bool
		if length, ok = parseLength(w.For); !ok {
			err = faultf(http.StatusUnprocessableEntity, "for: %q is not a length of time; write it like 30m or 4h", clip(w.For))
		}
	case w.Until != "":
		if until, err = time.Parse(time.RFC3339, w.Until); err != nil {
			err = faultf(http.StatusUnprocessableEntity, "until: %q is not a time; write it like 2026-11-22T02:00:00Z", clip(w.Until))
		} else if !until.After(now) {
			err = faultf(http.StatusUnprocessableEntity, "until: %s is over already", clip(w.Until))
		}
	}
	return length, until, err
}

// choice says which services are meant.
type choice struct {
	Services []string `json:"services"`
	// Labels are all to be carried.
	Labels map[string]string `json:"labels"`
	All    bool              `json:"all"`
}

// choose lists the services that are meant: those that are named, and those
// that carry the labels. An empty choice means nothing, never everything.
func (a *API) choose(c choice) ([]board.Service, error) {
	if c.All {
		if len(c.Services)+len(c.Labels) > 0 {
			return nil, fault{http.StatusUnprocessableEntity, "all and a choice of services exclude each other"}
		}
		return a.Board.Services(), nil
	}
	var chosen []board.Service
	seen := map[string]bool{}
	add := func(s board.Service) {
		if !seen[s.Name] {
			seen[s.Name] = true
			chosen = append(chosen, s)
		}
	}
	for _, name := range c.Services {
		s, err := a.find(name)
		if err != nil {
			return nil, err
		}
		add(s)
	}
	if len(c.Labels) > 0 {
		for _, s := range a.Board.Services() {
			if carries(s.Labels, c.Labels) {
				add(s)
			}
		}
	}
	if len(chosen) == 0 {
		return nil, fault{http.StatusUnprocessableEntity, "no service is chosen; name some in services, or use labels that some carry, or all"}
	}
	return chosen, nil
}

// parallel is how many Monitors are told something at the same time.
const parallel = 16

// tellAll gives the Monitors of services an order, and returns where each
// stands, in their order.
func (a *API) tellAll(ctx context.Context, o Operator, services []board.Service, do deed) ([]operator.TargetStatus, error) {
	statuses := make([]operator.TargetStatus, len(services))
	var done atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, s := range services {
		group.Go(func() error {
			if groupCtx.Err() != nil {
				return groupCtx.Err()
			}
			state, err := do(groupCtx, o, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			done.Add(1)
			statuses[i] = standing(s, state)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, a.partly(ctx, err, "done for %d of %d services; doing it again is safe", done.Load(), len(services))
	}
	return statuses, nil
}
