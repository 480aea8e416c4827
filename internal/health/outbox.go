package health

import "time"

// DeadLetter is an alert that could not be delivered.
type DeadLetter struct {
	// ID names it among those of its receiver.
	ID       string    `json:"id"`
	Receiver string    `json:"receiver"`
	At       time.Time `json:"at"`
	Error    string    `json:"error"`
	Tries    int       `json:"tries"`
	Alert    Alert     `json:"alert"`
}

// Outbox is what the Outbox of a receiver holds.
type Outbox struct {
	Receiver string    `json:"receiver"`
	At       time.Time `json:"at"`
	// Waiting counts the alerts that are not delivered yet.
	Waiting int `json:"waiting"`
	// Delivered and Lost count alerts since the Outbox was first opened.
	Delivered int `json:"delivered"`
	Lost      int `json:"lost"`
	// DeadLetters are the alerts that failed for good, oldest first.
	DeadLetters []DeadLetter `json:"dead_letters,omitempty"`
}
