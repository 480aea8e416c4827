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
	// one and many say how many services are in the state.
	one, many string
}

// late is the state of a service that was not probed in time.
const late = "late"

// looks lists the states, the most urgent first.
var looks = []look{
	{State: string(health.StateDown), Mark: "✕", colour: "d1242f", one: key("1 down"), many: key("%d down")},
	{State: string(health.StateFailing), Mark: "!", colour: "d4600a", one: key("1 failing"), many: key("%d failing")},
	{State: late, Mark: "…", colour: "6e7781", one: key("1 late"), many: key("%d late")},
	{State: string(health.StateUnknown), Mark: "?", colour: "6e7781", one: key("1 unknown"), many: key("%d unknown")},
	{State: string(health.StateDegraded), Mark: "▲", colour: "b58100", one: key("1 degraded"), many: key("%d degraded")},
	{State: string(health.StatePaused), Mark: "‖", colour: "6e7781", one: key("1 paused"), many: key("%d paused")},
	{State: string(health.StateHealthy), Mark: "✓", colour: "1a7f37", one: key("1 healthy"), many: key("%d healthy")},
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
