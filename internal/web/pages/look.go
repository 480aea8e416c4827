package pages

import (
	"paramedic/internal/board"
	"paramedic/internal/health"
)

// look is how a state is shown. Colour is never the only sign: each has a mark
// and is written out.
type look struct {
	// State is its class in the style sheet and, in English, its word.
	State string
	Mark  string
	// rank sorts the most urgent first.
	rank   int
	colour string // of the tab's icon
}

// late is the state of a service that was not probed in time.
const late = "late"

// looks lists the states, the most urgent first.
var looks = []look{
	{State: string(health.StateDown), Mark: "✕", colour: "d1242f"},
	{State: string(health.StateFailing), Mark: "!", colour: "d4600a"},
	{State: late, Mark: "⧖", colour: "6e7781"},
	{State: string(health.StateUnknown), Mark: "?", colour: "6e7781"},
	{State: string(health.StateDegraded), Mark: "▲", colour: "b58100"},
	{State: string(health.StatePaused), Mark: "‖", colour: "6e7781"},
	{State: string(health.StateHealthy), Mark: "✓", colour: "1a7f37"},
}

// The words of the states, and of what is shown like a state.
var _ = []string{
	key("down"), key("failing"), key("late"), key("unknown"), key("degraded"), key("paused"), key("healthy"),
}

// byState finds the look of a state.
var byState = func() map[string]look {
	found := make(map[string]look, len(looks))
	for rank := range looks {
		looks[rank].rank = rank
		found[looks[rank].State] = looks[rank]
	}
	return found
}()

// lookOf returns the look of a state; a state without one is shown as unknown.
func lookOf(state string) look {
	if shown, found := byState[state]; found {
		return shown
	}
	return byState[string(health.StateUnknown)]
}

// lookOfService returns the look of a service as it stands.
func lookOfService(s *board.Service) look {
	if s.Late {
		return byState[late]
	}
	return lookOf(string(s.State))
}

// mark is the sign of a state.
func mark(state string) string { return lookOf(state).Mark }
