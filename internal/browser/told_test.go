package browser

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"paramedic/internal/operator"
	"paramedic/workflows"
)

// told is an operator that writes down what it is told.
type told struct {
	mu   sync.Mutex
	said []string
}

// all is what was said so far.
func (o *told) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.said)
}

func (o *told) hear(parts ...any) (workflows.MonitorState, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	line := fmt.Sprintln(parts...)
	o.said = append(o.said, line[:len(line)-1])
	return workflows.MonitorState{}, nil
}

func (o *told) ProbeNow(_ context.Context, service string, _ time.Duration) (workflows.MonitorState, error) {
	return o.hear("probe", service)
}

func (o *told) Pause(_ context.Context, service string, pause workflows.Pause) (workflows.MonitorState, error) {
	return o.hear("pause", service, pause.By, pause.Note)
}

func (o *told) Resume(_ context.Context, service string, resume workflows.Resume) (workflows.MonitorState, error) {
	return o.hear("resume", service, resume.By)
}

func (o *told) Maintain(_ context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	return o.hear("maintain", service, span.For, span.By, span.Reason)
}

func (o *told) Silence(_ context.Context, service string, span workflows.Span) (workflows.MonitorState, error) {
	return o.hear("silence", service, span.For, span.By, span.Reason)
}

func (o *told) SetMode(_ context.Context, service string, order workflows.SetMode) (workflows.MonitorState, error) {
	return o.hear("mode", service, order.Mode, order.By)
}

func (o *told) Instruct(_ context.Context, service, instruction string, in workflows.Instruction) (operator.Receipt, error) {
	_, err := o.hear(instruction, service, in.By, in.Note)
	return operator.Receipt{}, err
}
