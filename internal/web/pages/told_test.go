package pages

import (
	"context"
	"time"

	"paramedic/internal/operator"
	"paramedic/workflows"
)

// told is an operator that writes down what it is told.
type told struct {
	calls []any
	err   error
}

// call is what was asked for, of which service, and how.
type call struct {
	What, Service string
	With          any
}

func (o *told) take(what, service string, with any) error {
	o.calls = append(o.calls, call{what, service, with})
	return o.err
}

func (o *told) ProbeNow(_ context.Context, service string, limit time.Duration) (workflows.MonitorState, error) {
	return workflows.MonitorState{}, o.take("probe", service, limit)
}

func (o *told) Pause(_ context.Context, service string, pause workflows.Pause) (workflows.MonitorState, error) {
	pause.At = time.Time{}
	return workflows.MonitorState{}, o.take("pause", service, pause)
}

func (o *told) Resume(_ context.Context, service string, resume workflows.Resume) (workflows.MonitorState, error) {
	return workflows.MonitorState{}, o.take("resume", service, resume)
}

func (o *told) Maintain(_ context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	return workflows.MonitorState{}, o.take("maintain", service, span)
}

func (o *told) Silence(_ context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	return workflows.MonitorState{}, o.take("silence", service, span)
}

func (o *told) SetMode(_ context.Context, service string, order workflows.SetMode) (workflows.MonitorState, error) {
	return workflows.MonitorState{}, o.take("mode", service, order)
}

func (o *told) Instruct(_ context.Context, service, instruction string, in workflows.Instruction) (operator.Receipt, error) {
	return operator.Receipt{}, o.take(instruction, service, in)
}
