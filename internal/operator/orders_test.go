package operator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

func TestShowsAWindowThatWasAskedFor(t *testing.T) {
	until := began.Add(time.Hour)
	within := &health.Window{Until: until.Add(effect)}
	for name, test := range map[string]struct {
		window *health.Window
		span   workflows.Span
		want   bool
	}{
		"for, none yet":              {nil, workflows.Span{For: health.Duration(time.Hour)}, false},
		"for, exactly":               {&health.Window{Until: until}, workflows.Span{For: health.Duration(time.Hour)}, true},
		"for, counted a bit later":   {within, workflows.Span{For: health.Duration(time.Hour)}, true},
		"for, the one before":        {&health.Window{Until: began.Add(time.Minute)}, workflows.Span{For: health.Duration(time.Hour)}, false},
		"until, none yet":            {nil, workflows.Span{Until: until}, false},
		"until, exactly":             {&health.Window{Until: until}, workflows.Span{Until: until}, true},
		"until, the one before":      {&health.Window{Until: until.Add(time.Hour)}, workflows.Span{Until: until}, false},
		"end, still open":            {&health.Window{Until: until}, workflows.Span{}, false},
		"end, ended":                 {nil, workflows.Span{}, true},
		"until the past is an end":   {nil, workflows.Span{Until: began}, true},
		"until the past, still open": {&health.Window{Until: until}, workflows.Span{Until: began}, false},
	} {
		require.Equal(t, test.want, shows(test.window, test.span, began), name)
	}
}

func TestNotesSayWhatIsInForce(t *testing.T) {
	require.Empty(t, notes(workflows.MonitorState{}, began))

	var results health.Results
	for i := range health.FlapWindow {
		results = results.Add(i%2 == 0)
	}
	state := workflows.MonitorState{
		Orders: health.Orders{
			Mode:        &health.ModeOrder{Mode: health.ModeObserve, By: "ana"},
			Maintenance: &health.Window{Until: began.Add(time.Minute), By: "ana"},
			Silence:     &health.Window{Until: began.Add(time.Hour).In(time.FixedZone("CET", 3600)), By: "bob"},
		},
		Flapping: true, Results: results,
	}
	require.Equal(t, []string{
		"mode observe by ana", "maintenance until 2026-11-20T22:57:30Z", "silence until 2026-11-20T23:56:30Z", "flapping (100 % changes)",
	}, notes(state, began))
	require.Equal(t, []string{"mode observe by ana", "silence until 2026-11-20T23:56:30Z", "flapping (100 % changes)"},
		notes(state, began.Add(time.Minute)), "a window that has ended is no news")
}

func TestOrdersByNobodyAreRefused(t *testing.T) {
	o := New(nil, "paramedic")
	_, err := o.SetMode(t.Context(), "web", workflows.SetMode{Mode: health.ModeAct})
	require.ErrorIs(t, err, ErrNobody)
	_, err = o.Maintain(t.Context(), "web", workflows.Span{For: health.Duration(time.Hour), By: " "})
	require.ErrorIs(t, err, ErrNobody)
	_, err = o.Silence(t.Context(), "web", workflows.Span{})
	require.ErrorIs(t, err, ErrNobody)
	_, err = o.Resend(t.Context(), "ops", workflows.Resend{ID: "1"})
	require.ErrorIs(t, err, ErrNobody)
	_, err = o.Rearm(t.Context(), "web", workflows.Instruction{By: "\t"})
	require.ErrorIs(t, err, ErrNobody)
}
