package api

import (
	"context"
	"net/http"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// noted is the body of whatever needs a name, and may have a reason.
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

// deed is an order to the Monitor of a service.
type deed func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error)

// order carries out what the body asks for the service that the path names.
func (a *API) order(read func(r *http.Request) (deed, error)) handle {
	return func(r *http.Request) (int, any, error) {
		s, err := a.named(r)
		if err != nil {
			return 0, nil, err
		}
		do, err := read(r)
		if err != nil {
			return 0, nil, err
		}
		o, err := a.operator(r.Context())
		if err != nil {
			return 0, nil, err
		}
		state, err := do(r.Context(), o, s)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, standing(s, state), nil
	}
}

// standing is where a service stands after an order, as its Monitor says.
func standing(s board.Service, state workflows.MonitorState) operator.TargetStatus {
	status := operator.StatusOf(s.Name, inMillis(state))
	status.Count(s.FailureThreshold)
	return status
}

func inMillis(state workflows.MonitorState) workflows.MonitorState {
	state.Orders = milliOrders(state.Orders)
	return state
}

// probe has a service probed at once.
func probe(r *http.Request) (deed, error) {
	return func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error) {
		return o.ProbeNow(ctx, s.Name, s.Timeout)
	}, decode(r, &struct{}{})
}

// pause stops the probing of a service.
func pause(r *http.Request) (deed, error) {
	in, err := new(noted).instruction(r)
	return func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error) {
		return o.Pause(ctx, s.Name, workflows.Pause{By: in.By, Note: in.Note})
	}, err
}

// resume takes a pause back.
func resume(r *http.Request) (deed, error) {
	var body struct {
		By string `json:"by"`
	}
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	by, err := author(r, body.By)
	return func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error) {
		return o.Resume(ctx, s.Name, workflows.Resume{By: by})
	}, err
}

// modes are what setMode takes; config goes back to the configuration.
var modes = map[string]health.Mode{
	"act": health.ModeAct, "observe": health.ModeObserve, "approve": health.ModeApprove, "config": "",
}

// setMode sets how far a service may be healed without a human.
func setMode(r *http.Request) (deed, error) {
	var body struct {
		By   string `json:"by"`
		Mode string `json:"mode"`
	}
	if err := decode(r, &body); err != nil {
		return nil, err
	}
	mode, known := modes[body.Mode]
	if !known {
		return nil, faultf(http.StatusUnprocessableEntity, "mode: unknown mode %q; write act, observe, approve or config", clip(body.Mode))
	}
	by, err := author(r, body.By)
	return func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error) {
		return o.SetMode(ctx, s.Name, workflows.SetMode{Mode: mode, By: by})
	}, err
}

// opening opens a window of one kind, or ends it.
type opening func(span workflows.Span) deed

func maintain(span workflows.Span) deed {
	return func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error) {
		return o.Maintain(ctx, s.Name, span)
	}
}

func silence(span workflows.Span) deed {
	return func(ctx context.Context, o Operator, s board.Service) (workflows.MonitorState, error) {
		return o.Silence(ctx, s.Name, span)
	}
}

// window reads a window of one service.
func (a *API) window(open opening) func(r *http.Request) (deed, error) {
	return func(r *http.Request) (deed, error) {
		var body window
		if err := decode(r, &body); err != nil {
			return nil, err
		}
		span, err := body.span(r, a.Now())
		return open(span), err
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
		statuses, err := a.tellAll(r.Context(), o, services, open(span))
		return http.StatusOK, Items[operator.TargetStatus]{statuses}, err
	}
}

// Items is a whole list.
type Items[T any] struct {
	Items []T `json:"items"`
}
