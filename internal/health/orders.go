package health

import "time"

// Orders are what people have told paramedic about one service, beyond the
// configuration. They hold until they end or are taken back.
type Orders struct {
	// Mode replaces the configured mode.
	Mode *ModeOrder `json:"mode,omitempty"`
	// Maintenance is a window opened by hand.
	Maintenance *Window `json:"maintenance,omitempty"`
	// Silence mutes alerts.
	Silence *Window `json:"silence,omitempty"`
}

// ModeOrder is a mode set at run time.
type ModeOrder struct {
	Mode Mode      `json:"mode"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Window is a time with an end that always comes. One without a beginning has
// begun. From belongs to it, Until
// does not.
type Window struct {
	From   time.Time `json:"from,omitzero"`
	Until  time.Time `json:"until"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
}

// Open reports whether now lies in the window. A nil window is never open.
func (w *Window) Open(now time.Time) bool {
	return w != nil && !now.Before(w.From) && now.Before(w.Until)
}

// ModeIn is the mode in force: the one that was ordered, or else the configured
// one, or else ModeAct.
func (o Orders) ModeIn(configured Mode) Mode {
	switch {
	case o.Mode != nil && o.Mode.Mode != "":
		return o.Mode.Mode
	case configured == "":
		return ModeAct
	default:
		return configured
	}
}

// Prune drops the orders whose time is over. A mode has none.
func (o Orders) Prune(now time.Time) Orders {
	if o.Maintenance != nil && !now.Before(o.Maintenance.Until) {
		o.Maintenance = nil
	}
	if o.Silence != nil && !now.Before(o.Silence.Until) {
		o.Silence = nil
	}
	return o
}
