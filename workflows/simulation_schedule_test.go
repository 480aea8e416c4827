package workflows_test

import (
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// schedules stand in for those of a server: they start one watch of a service
// after the other, and each gets what the last one returned.
type schedules struct {
	interceptor.WorkerInterceptorBase
	// left is what the last watches returned, by the id of the workflow, and
	// ended how many there were.
	left  map[string]workflows.MonitorState
	ended int
}

func newSchedules() *schedules { return &schedules{left: map[string]workflows.MonitorState{}} }

// watch starts the watches of a service, each at its time of day, until one
// fails, which the simulation takes note of.
func (s *schedules) watch(ctx workflow.Context, check workflows.Check) {
	id := "monitor/" + check.Service
	grid := health.Grid{Interval: check.Watch.Std(), Offset: health.Spread(check.Service, check.Watch.Std())}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{WorkflowID: id})
	for {
		next := grid.After(workflow.Now(ctx))
		var state workflows.MonitorState
		if workflow.ExecuteChildWorkflow(ctx, workflows.MonitorType, check).Get(ctx, &state) != nil {
			return
		}
		s.left[id] = state
		s.ended++
		if workflow.Sleep(ctx, next.Sub(workflow.Now(ctx))) != nil {
			return
		}
	}
}

// InterceptWorkflow implements interceptor.WorkerInterceptor. The test
// environment of the SDK gives no run the result of the one before.
func (s *schedules) InterceptWorkflow(
	_ workflow.Context, next interceptor.WorkflowInboundInterceptor,
) interceptor.WorkflowInboundInterceptor {
	inbound := &relayed{schedules: s}
	inbound.Next = next
	return inbound
}

type relayed struct {
	interceptor.WorkflowInboundInterceptorBase
	schedules *schedules
}

// Init implements interceptor.WorkflowInboundInterceptor.
func (r *relayed) Init(next interceptor.WorkflowOutboundInterceptor) error {
	outbound := &relay{left: r.schedules.left}
	outbound.Next = next
	return r.Next.Init(outbound)
}

// relay hands a watch what the last one left.
type relay struct {
	interceptor.WorkflowOutboundInterceptorBase
	left map[string]workflows.MonitorState
}

// HasLastCompletionResult implements interceptor.WorkflowOutboundInterceptor,
// as the one below.
func (r *relay) HasLastCompletionResult(ctx workflow.Context) bool {
	_, found := r.left[workflow.GetInfo(ctx).WorkflowExecution.ID]
	return found
}

func (r *relay) GetLastCompletionResult(ctx workflow.Context, into ...any) error {
	*into[0].(*workflows.MonitorState) = r.left[workflow.GetInfo(ctx).WorkflowExecution.ID]
	return nil
}
