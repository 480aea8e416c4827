package health_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestWindowOpen(t *testing.T) {
	window := &health.Window{From: noon, Until: noon.Add(30 * time.Minute), By: "ann"}
	tests := map[string]struct {
		window *health.Window
		after  time.Duration
		want   bool
	}{
		"before":            {window, -1, false},
		"its beginning":     {window, 0, true},
		"within":            {window, 15 * time.Minute, true},
		"its last instant":  {window, 30*time.Minute - 1, true},
		"its end":           {window, 30 * time.Minute, false},
		"after":             {window, time.Hour, false},
		"none":              {nil, 0, false},
		"one without times": {&health.Window{}, 0, false},
		"one that ends before it begins": {
			&health.Window{From: noon, Until: noon.Add(-time.Minute)}, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, test.window.Open(noon.Add(test.after)))
		})
	}
}

func TestOrdersModeIn(t *testing.T) {
	ordered := func(mode health.Mode) health.Orders {
		return health.Orders{Mode: &health.ModeOrder{Mode: mode, By: "ann", At: noon}}
	}
	tests := map[string]struct {
		orders     health.Orders
		configured health.Mode
		want       health.Mode
	}{
		"nothing said":                  {health.Orders{}, "", health.ModeAct},
		"configured":                    {health.Orders{}, health.ModeObserve, health.ModeObserve},
		"ordered":                       {ordered(health.ModeApprove), "", health.ModeApprove},
		"an order replaces":             {ordered(health.ModeAct), health.ModeObserve, health.ModeAct},
		"an order of nothing":           {ordered(""), health.ModeApprove, health.ModeApprove},
		"an order of nothing, nor more": {ordered(""), "", health.ModeAct},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, test.orders.ModeIn(test.configured))
		})
	}
}

// TestOrdersPrune: what is over is dropped at its end, each for itself, and
// the orders that were given stay what they were.
func TestOrdersPrune(t *testing.T) {
	given := health.Orders{
		Mode:        &health.ModeOrder{Mode: health.ModeObserve, By: "ann", At: noon},
		Maintenance: &health.Window{From: noon, Until: noon.Add(time.Hour), By: "ann"},
		Silence:     &health.Window{From: noon.Add(time.Minute), Until: noon.Add(2 * time.Hour), By: "bob"},
	}
	require.Equal(t, given, given.Prune(noon), "a window that is yet to open is kept")
	require.Equal(t, given, given.Prune(noon.Add(time.Hour-1)))

	pruned := given.Prune(noon.Add(time.Hour))
	require.Equal(t, health.Orders{Mode: given.Mode, Silence: given.Silence}, pruned)
	require.Equal(t, health.Orders{Mode: given.Mode}, given.Prune(noon.Add(2*time.Hour)))
	require.NotNil(t, given.Maintenance)
	require.Zero(t, health.Orders{}.Prune(noon))
}
