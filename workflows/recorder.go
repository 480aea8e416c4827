package workflows

import (
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// Recorder takes what workflows say of themselves, for people to see. It is told
// as the log is: while things happen, never in a replay, and nobody waits for
// it or hears of its errors. So it costs no history, and nothing that a workflow
// does depends on it. What must not be lost goes by an activity instead.
type Recorder interface {
	// Stand says where a service stands.
	Stand(standing health.Standing)
	// Report gives the record of an incident as it is now.
	Report(incident health.Incident)
	// Outbox says what an Outbox holds.
	Outbox(outbox health.Outbox)
}

// Recording lets the workflows of a worker tell a recorder.
func Recording(recorder Recorder) interceptor.WorkerInterceptor {
	return &recording{recorder: recorder}
}

type recording struct {
	interceptor.WorkerInterceptorBase
	recorder Recorder
}

// InterceptWorkflow implements interceptor.WorkerInterceptor.
func (r *recording) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	inbound := &recorded{recorder: r.recorder}
	inbound.Next = next
	return inbound
}

type recorded struct {
	interceptor.WorkflowInboundInterceptorBase
	recorder Recorder
}

// ExecuteWorkflow implements interceptor.WorkflowInboundInterceptor.
func (r *recorded) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	return r.Next.ExecuteWorkflow(workflow.WithValue(ctx, recorderKey{}, r.recorder), in)
}

type recorderKey struct{}

// recorderOf returns the worker's recorder, or one that forgets everything.
func recorderOf(ctx workflow.Context) Recorder {
	if recorder, ok := ctx.Value(recorderKey{}).(Recorder); ok {
		return recorder
	}
	return nobody{}
}

// nobody takes what workflows say where nobody wants to know, as in a replay.
type nobody struct{}

func (nobody) Stand(health.Standing)  {}
func (nobody) Report(health.Incident) {}
func (nobody) Outbox(health.Outbox)   {}
