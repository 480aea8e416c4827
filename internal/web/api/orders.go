package api

import (
	"context"
	"net/http"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// signed is the body of whatever needs no more than a name.
type signed struct {
	By string `json:"by"`
}

// noted is the body of whatever may have a reason besides.
type noted struct {
	By   string `json:"by"`
	Note string `json:"note"`
}

// instruction reads who acts and why.
func (n *noted) instruction(r *http.Request) (workflows.Instruction, error) {
	if err := decode(r, n); err != nil {
		return workflows.Instruction{}, err
	}
	by, err := author(r, n.By)
	if err != nil {
		return workflows.Instruction{}, err
	}
	return workflows.Instruction{By: by, Note: n.Note}, prose("note", n.Note, noteLimit)
}

// told answers with where a service stands after it was told something.
func told(name string, state workflows.MonitorState, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, operator.StatusOf(name, inMillis(state)), nil
}

func inMillis(state workflows.MonitorState) workflows.MonitorState {
	state.Orders = milliOrders(state.Orders)
	return state
}

// probe has a service probed at once.
func (a *API) probe(r *http.Request) (int, any, error) {
	s, err := a.named(r)
	if err != nil {
		return 0, nil, err
	}
	if err := decode(r, &struct{}{}); err != nil {
		return 0, nil, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	state, err := o.ProbeNow(r.Context(), s.Name, s.Timeout)
	return told(s.Name, state, err)
}

// pause stops the probing of a service.
func (a *API) pause(r *http.Request) (int, any, error) {
	s, err := a.named(r)
	if err != nil {
		return 0, nil, err
	}
	in, err := new(noted).instruction(r)
	if err != nil {
		return 0, nil, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	state, err := o.Pause(r.Context(), s.Name, workflows.Pause{By: in.By, Note: in.Note})
	return told(s.Name, state, err)
}

// resume takes a pause back.
func (a *API) resume(r *http.Request) (int, any, error) {
	s, err := a.named(r)
	if err != nil {
		return 0, nil, err
	}
	var body signed
	if err := decode(r, &body); err != nil {
		return 0, nil, err
	}
	by, err := author(r, body.By)
	if err != nil {
		return 0, nil, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	state, err := o.Resume(r.Context(), s.Name, workflows.Resume{By: by})
	return told(s.Name, state, err)
}

// modes are what mode takes; config goes back to the configuration.
var modes = map[string]health.Mode{
	"act": health.ModeAct, "observe": health.ModeObserve, "approve": health.ModeApprove, "config": "",
}

// mode sets how far a service may be healed without a human.
func (a *API) mode(r *http.Request) (int, any, error) {
	s, err := a.named(r)
	if err != nil {
		return 0, nil, err
	}
	var body struct {
		By   string `json:"by"`
		Mode string `json:"mode"`
	}
	if err := decode(r, &body); err != nil {
		return 0, nil, err
	}
	mode, known := modes[body.Mode]
	if !known {
		return 0, nil, faultf(http.StatusUnprocessableEntity, "mode: unknown mode %q; write act, observe, approve or config", clip(body.Mode))
	}
	by, err := author(r, body.By)
	if err != nil {
		return 0, nil, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	state, err := o.SetMode(r.Context(), s.Name, workflows.SetMode{Mode: mode, By: by})
	return told(s.Name, state, err)
}

// opening opens a window of one kind at the Monitor of a service.
type opening func(ctx context.Context, o Operator, service string, span workflows.Span) (workflows.MonitorState, error)

func maintain(ctx context.Context, o Operator, service string, span workflows.Span) (workflows.MonitorState, error) {
	return o.Maintain(ctx, service, span)
}

func silence(ctx context.Context, o Operator, service string, span workflows.Span) (workflows.MonitorState, error) {
	return o.Silence(ctx, service, span)
}

// window opens or ends a window of one service.
func (a *API) window(open opening) handle {
	return func(r *http.Request) (int, any, error) {
		s, err := a.named(r)
		if err != nil {
			return 0, nil, err
		}
		var body window
		if err := decode(r, &body); err != nil {
			return 0, nil, err
		}
		span, err := body.span(r, a.Now())
		if err != nil {
			return 0, nil, err
		}
		o, err := a.operator(r.Context())
		if err != nil {
			return 0, nil, err
		}
		state, err := open(r.Context(), o, s.Name, span)
		return told(s.Name, state, err)
	}
}

// windows opens or ends a window of the services that the body chooses.
func (a *API) windows(open opening) handle {
	return func(r *http.Request) (int, any, error) {
		var body struct {
			window
			choice
		}
		if err := decode(r, &body); err != nil {
			return 0, nil, err
		}
		span, err := body.span(r, a.Now())
		if err != nil {
			return 0, nil, err
		}
		services, err := a.choose(body.choice)
		if err != nil {
			return 0, nil, err
		}
		o, err := a.operator(r.Context())
		if err != nil {
			return 0, nil, err
		}
		statuses, err := tellAll(r.Context(), services, func(ctx context.Context, s board.Service) (workflows.MonitorState, error) {
			return open(ctx, o, s.Name, span)
		})
		return http.StatusOK, Items[operator.TargetStatus]{statuses}, err
	}
}

// Items is a whole list.
type Items[T any] struct {
	Items []T `json:"items"`
}
