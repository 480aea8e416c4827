package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/api/serviceerror"

	"paramedic/internal/operator"
	"paramedic/internal/web/problem"
)

// fault is an error that says how to answer.
type fault struct {
	status int
	// detail is a sentence for people; it holds no secret.
	detail string
}

func (f fault) Error() string { return f.detail }

func faultf(status int, format string, args ...any) fault {
	return fault{status, fmt.Sprintf(format, args...)}
}

// handle makes an answer: a status, and a body that is written as JSON.
type handle func(r *http.Request) (status int, body any, err error)

// reading answers with what is known here.
func (a *API) reading(h handle) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body, err := h(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.write(w, r, status, body)
	}
}

// acting answers once something is done, which may take up to limit.
func (a *API) acting(limit time.Duration, h handle) http.HandlerFunc {
	return within(limit, a.reading(h))
}

// within gives an answer so much time.
func within(limit time.Duration, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		// A writer without a deadline needs no later one.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(limit + writeTime))
		next(w, r.WithContext(ctx))
	}
}

const (
	// actLimit is how long an order may take: longer than the Monitor is given
	// to show it.
	actLimit = 25 * time.Second
	// probeLimit also has room for the longest probe.
	probeLimit = 2 * time.Minute
	// manyLimit is for orders to many services at once.
	manyLimit = 2 * time.Minute
	// writeTime is what is left for writing the answer.
	writeTime = 5 * time.Second
)

// write answers with a body.
func (a *API) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		a.fail(w, r, fmt.Errorf("write the answer: %w", err))
		return
	}
	a.send(w, status, "application/json", append(text, '\n'))
}

func (a *API) send(w http.ResponseWriter, status int, mediaType string, text []byte) {
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An error here means that the client has gone.
	_, _ = w.Write(text)
}

// fail answers with a problem. What is not meant for people goes to the log; a
// fault has been logged by whoever made it, if that is worth it.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, detail := explain(r.Context(), err)
	deliberate := errors.As(err, new(fault)) || errors.Is(r.Context().Err(), context.Canceled)
	if status >= http.StatusInternalServerError && !deliberate {
		a.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "status", status, "error", err)
	}
	problem.Write(w, r, status, detail)
}

// partly explains an error after which some of what was asked for is done.
func (a *API) partly(ctx context.Context, err error, format string, args ...any) error {
	status, detail := explain(ctx, err)
	done := fmt.Sprintf(format, args...)
	if status >= http.StatusInternalServerError {
		a.Log.Error("request failed half-way", "status", status, "done", done, "error", err)
	}
	return faultf(status, "%s (%s)", detail, done)
}

// explain says how to answer an error.
func explain(ctx context.Context, err error) (status int, detail string) {
	var (
		known       fault
		unreachable operator.Unreachable
		nobody      operator.NoWorker
		notOpen     operator.NotOpen
		notApplied  operator.NotApplied
		offDuty     operator.NotOnDuty
		refused     operator.Refused
		late        *serviceerror.DeadlineExceeded
	)
	switch {
	case errors.As(err, &known):
		return known.status, known.detail
	case errors.As(err, &unreachable):
		return http.StatusServiceUnavailable, unreachable.Brief()
	case errors.As(err, &nobody):
		return http.StatusServiceUnavailable, fmt.Sprintf("no worker answers on task queue %q", nobody.TaskQueue)
	case errors.As(err, &refused), errors.As(err, &notOpen), errors.As(err, &notApplied):
		return http.StatusConflict, err.Error()
	case errors.Is(err, operator.ErrUnconfirmed):
		return http.StatusGatewayTimeout, err.Error()
	case errors.As(err, &offDuty):
		return http.StatusConflict, err.Error()
	case away(err):
		return http.StatusServiceUnavailable, "Temporal does not answer now; look whether it was done before you try again"
	case errors.As(err, &late), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
		return http.StatusGatewayTimeout, "Temporal did not answer in time; look whether it was done before you try again"
	default:
		return http.StatusInternalServerError, "this could not be done; the log says why"
	}
}

// away reports whether a call failed because Temporal is not there, or has too
// much to do.
func away(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		namespace   *serviceerror.NamespaceNotFound
		exhausted   *serviceerror.ResourceExhausted
	)
	return errors.As(err, &unavailable) || errors.As(err, &namespace) || errors.As(err, &exhausted)
}

// operator is the one who passes orders on to Temporal.
func (a *API) operator(ctx context.Context) (Operator, error) {
	o, err := a.Operator(ctx)
	if err == nil {
		return o, nil
	}
	if unreachable := (operator.Unreachable{}); errors.As(err, &unreachable) {
		return nil, unreachable
	}
	a.Log.Error("no operator", "error", err)
	return nil, fault{http.StatusServiceUnavailable, "Temporal cannot be reached now, so nothing was done; try again later"}
}

// stored explains an error of the store.
func (a *API) stored(err error) error {
	if err == nil {
		return nil
	}
	a.Log.Error("store not read", "error", err)
	return fault{http.StatusServiceUnavailable, "what is kept cannot be read now, because the store does not answer; what is going on now is still to be had from /api/v1/services"}
}
