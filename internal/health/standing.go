package health

import "time"

// Standing is where a target stands in the eyes of its Monitor, which alone
// counts failures and knows what people have ordered.
type Standing struct {
	Service string `json:"service"`
	Target  string `json:"target,omitempty"`
	State   State  `json:"state"`
	// Since is when the state began.
	Since time.Time `json:"since"`
	// Failures counts the failed probes in a row.
	Failures int  `json:"failures,omitempty"`
	Flapping bool `json:"flapping,omitempty"`
	// Paused is set while a human has stopped the probing.
	Paused *Pause `json:"paused,omitempty"`
	Orders Orders `json:"orders,omitzero"`
	// Targets counts the targets of a service that has many; zero for others.
	Targets Counts `json:"targets,omitzero"`
	// At is when the Monitor said so; what it said later wins.
	At time.Time `json:"at"`
}

// Counts are the targets of a service by where they stand.
type Counts struct {
	Total int `json:"total"`
	// Failing counts those that fail, those that are down among them.
	Failing int `json:"failing"`
	Down    int `json:"down"`
}

// Pause says that a human has stopped the probing.
type Pause struct {
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at,omitzero"`
}
