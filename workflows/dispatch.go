package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
)

const (
	// deliveryGrace is how long a closing incident waits for its alerts before
	// it hands them to a Delivery.
	deliveryGrace = 10 * time.Second
	// deliveryLimit is how long an alert is tried before it is given up.
	deliveryLimit = 24 * time.Hour
)

// dispatcher sends alerts beside the healing: one lane for each receiver, in
// which alerts keep their order.
type dispatcher struct {
	// lanes hold what is on its way, by receiver; order is that of first use.
	lanes map[string]*lane
	order []string
	// done is told of each alert that was delivered, or given up with an error.
	done func(workflow.Context, Dispatch, error)
}

type lane struct {
	waiting []Dispatch
	cancel  workflow.CancelFunc
	running bool
}

func newDispatcher(done func(workflow.Context, Dispatch, error)) *dispatcher {
	return &dispatcher{lanes: map[string]*lane{}, done: done}
}

// send puts an alert on its way and returns at once.
func (d *dispatcher) send(ctx workflow.Context, dispatch Dispatch) {
	l := d.lanes[dispatch.Receiver]
	if l == nil {
		l = &lane{}
		d.lanes[dispatch.Receiver] = l
		d.order = append(d.order, dispatch.Receiver)
	}
	l.waiting = append(l.waiting, dispatch)
	if l.running {
		return
	}
	l.running = true
	// Alerts outlive the cancellation of the incident.
	laneCtx, _ := workflow.NewDisconnectedContext(ctx)
	laneCtx, l.cancel = workflow.WithCancel(laneCtx)
	workflow.GoNamed(laneCtx, "alerts to "+dispatch.Receiver, func(ctx workflow.Context) { d.drain(ctx, l) })
}

// drain sends what waits in a lane, oldest first. An alert leaves the lane
// only when it is delivered or given up.
func (d *dispatcher) drain(ctx workflow.Context, l *lane) {
	defer func() { l.running = false }()
	for len(l.waiting) > 0 {
		next := l.waiting[0]
		err := notify(ctx, next)
		if ctx.Err() != nil {
			return
		}
		l.waiting = l.waiting[1:]
		d.done(ctx, next, err)
	}
}

// notify sends one alert to one receiver, again and again until it is taken,
// refused for good, or given up.
func notify(ctx workflow.Context, dispatch Dispatch) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: deliveryLimit,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute,
		},
		Summary: "tell " + dispatch.Receiver + ": " + string(dispatch.Alert.Status),
	})
	var alerts *activities.Alerts
	in := activities.NotifyInput{Receiver: dispatch.Receiver, Alert: dispatch.Alert}
	return workflow.ExecuteActivity(ctx, alerts.Notify, in).Get(ctx, nil)
}

// settle waits until everything is delivered, at most for the given time; zero
// means without a limit.
func (d *dispatcher) settle(ctx workflow.Context, limit time.Duration) {
	if d.idle() {
		return
	}
	// The wait ends by itself; what is left is seen by stop.
	if limit > 0 {
		_, _ = workflow.AwaitWithTimeout(ctx, limit, d.idle)
		return
	}
	_ = workflow.Await(ctx, d.idle)
}

func (d *dispatcher) idle() bool {
	for _, receiver := range d.order {
		if d.lanes[receiver].running {
			return false
		}
	}
	return true
}

// stop ends all lanes and returns what was not delivered, in order.
func (d *dispatcher) stop(ctx workflow.Context) []Dispatch {
	for _, receiver := range d.order {
		if l := d.lanes[receiver]; l.running {
			l.cancel()
		}
	}
	_ = workflow.Await(ctx, d.idle)
	var left []Dispatch
	for _, receiver := range d.order {
		left = append(left, d.lanes[receiver].waiting...)
	}
	return left
}
