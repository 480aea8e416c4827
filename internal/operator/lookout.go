package operator

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"paramedic/workflows"
)

// LastTick asks the Monitor of a service when it last began a probe, and
// whether it is one that need not, as it is paused.
func (o *Operator) LastTick(ctx context.Context, service string) (last time.Time, excused bool, err error) {
	duty, err := o.dutyOf(ctx, service)
	if err != nil {
		return time.Time{}, false, err
	}
	if duty.paused {
		return time.Time{}, true, nil
	}
	if duty.running == nil {
		return time.Time{}, false, duty.absence(service)
	}
	state, err := o.askState(ctx, *duty.running)
	return state.LastTick, state.Paused != nil, err
}

// Trigger has the schedule of a service start its Monitor now: instead of the
// one that runs, or after it.
func (o *Operator) Trigger(ctx context.Context, service string, instead bool) error {
	overlap := enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	if instead {
		overlap = enums.SCHEDULE_OVERLAP_POLICY_TERMINATE_OTHER
	}
	id := workflows.ScheduleID(service)
	err := o.temporal.ScheduleClient().GetHandle(ctx, id).Trigger(ctx, client.ScheduleTriggerOptions{Overlap: overlap})
	if err != nil {
		return fmt.Errorf("trigger schedule %s: %w", id, err)
	}
	return nil
}
