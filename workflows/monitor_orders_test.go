package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// orderly is a Monitor with an incident that is open: what it is told.
func orderly(t *testing.T, script string) (*world, *[]health.Orders) {
	t.Helper()
	w := newWorld(t, script)
	var passed []health.Orders
	w.incident = func(ctx workflow.Context, in workflows.RemediationInput) (health.Incident, error) {
		passed = append(passed, in.Orders)
		for {
			var orders health.Orders
			if ok, _ := workflow.GetSignalChannel(ctx, workflows.SignalOrders).ReceiveWithTimeout(ctx, time.Hour, &orders); !ok {
				return health.Incident{}, nil
			}
			passed = append(passed, orders)
		}
	}
	return w, &passed
}

// TestOrders: what people order is kept, ends by itself, and reaches the open
// incident.
func TestOrders(t *testing.T) {
	w, passed := orderly(t, "fffffffffff")
	w.at(30*time.Second, func() {
		w.SignalWorkflow(workflows.SignalMaintain, workflows.Span{For: health.Duration(4 * time.Minute), By: "ann", Reason: "new disks"})
	})
	w.at(150*time.Second, func() {
		w.SignalWorkflow(workflows.SignalSilence, workflows.Span{Until: noon.Add(time.Hour), By: "bob"})
	})
	w.at(170*time.Second, func() { w.SignalWorkflow(workflows.SignalSilence, workflows.Span{By: "bob"}) })
	w.at(180*time.Second+time.Millisecond, func() {
		w.SignalWorkflow(workflows.SignalMode, workflows.SetMode{Mode: health.ModeObserve, By: "ann"})
		w.SignalWorkflow(workflows.SignalMode, workflows.SetMode{Mode: "sleep", By: "eve"})
	})
	state := w.watch(web())

	window := &health.Window{Until: noon.Add(270 * time.Second), By: "ann", Reason: "new disks"}
	mode := &health.ModeOrder{Mode: health.ModeObserve, By: "ann", At: noon.Add(180*time.Second + time.Millisecond)}
	require.Equal(t, health.Orders{Mode: mode}, state.Orders, "the window has ended")
	require.Equal(t, []health.Orders{
		{Maintenance: window},
		{Maintenance: window, Silence: &health.Window{Until: noon.Add(time.Hour), By: "bob"}},
		{Maintenance: window},
		{Maintenance: window, Mode: mode},
	}, *passed)
}

// TestOrdersAreHandedOver: they outlive the watch.
func TestOrdersAreHandedOver(t *testing.T) {
	first := newWorld(t, "p")
	first.at(30*time.Second, func() {
		first.SignalWorkflow(workflows.SignalMaintain, workflows.Span{For: health.Duration(time.Hour), By: "ann"})
	})
	state := first.watch(web())
	require.NotNil(t, state.Orders.Maintenance)

	second := newWorld(t, "p")
	second.SetStartTime(noon.Add(10 * time.Minute))
	second.SetLastCompletionResult(state)
	second.at(time.Minute, func() {
		second.SignalWorkflow(workflows.SignalMode, workflows.SetMode{Mode: health.ModeApprove, By: "ann"})
	})
	second.at(2*time.Minute, func() { second.SignalWorkflow(workflows.SignalMode, workflows.SetMode{By: "ann"}) })
	require.Equal(t, state.Orders, second.watch(web()).Orders)
}

// TestWindowsEnd: nobody can open one that does not.
func TestWindowsEnd(t *testing.T) {
	w := newWorld(t, "p")
	w.at(30*time.Second, func() {
		w.SignalWorkflow(workflows.SignalMaintain, workflows.Span{For: health.Duration(100 * 24 * time.Hour), By: "ann"})
	})
	require.Equal(t, noon.Add(30*24*time.Hour+30*time.Second), w.watch(web()).Orders.Maintenance.Until)
}

// TestFlappingOpensAnIncident: also when no threshold of failures is reached,
// once; and its end is told.
func TestFlappingOpensAnIncident(t *testing.T) {
	check := web()
	check.FlapLow, check.FlapHigh = health.FlapLow, health.FlapHigh
	check.Watch = health.Duration(time.Hour)
	w := newWorld(t, "pfpfpfpfpfpfpppppppppppppppppppppppppppppppppp")
	var flaps []workflows.Flap
	w.incident = func(ctx workflow.Context, in workflows.RemediationInput) (health.Incident, error) {
		require.True(t, in.Flapping)
		require.Equal(t, noon.Add(7*time.Minute), in.Streak.FirstFailureAt)
		var flap workflows.Flap
		workflow.GetSignalChannel(ctx, workflows.SignalFlapping).Receive(ctx, &flap)
		flaps = append(flaps, flap)
		return health.Incident{}, nil
	}
	state := w.watch(check)
	require.Len(t, flaps, 1)
	require.False(t, flaps[0].Flapping)
	require.Less(t, flaps[0].Changes, health.FlapLow)
	require.False(t, state.Flapping)
}
