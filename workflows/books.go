package workflows

import (
	"time"

	"paramedic/activities"
	"paramedic/internal/health"
)

// Ledger is what the Gatekeeper knows of the fleet.
type Ledger struct {
	// Accounts hold what is known of services that are down, were restarted in
	// the last 24 hours or recovered lately, by name.
	Accounts map[string]*Account `json:"accounts,omitempty"`
	// Queue names the services that wait for a permit, longest first.
	Queue []string `json:"queue,omitempty"`
	// Limits are those of the latest question.
	Limits activities.FleetLimits `json:"limits,omitzero"`
}

// Account is what the Gatekeeper knows of one service.
type Account struct {
	// Incident is the latest one; Workflow and Run are where it lives.
	Incident string `json:"incident"`
	Workflow string `json:"workflow,omitempty"`
	Run      string `json:"run,omitempty"`
	// Down is set while that incident is open; SeenAt is when it last asked.
	Down   bool      `json:"down,omitempty"`
	SeenAt time.Time `json:"seen_at,omitzero"`
	// ClosedAt is when it ended; StableFor how long after that the restarts of
	// the incident still count in the next one: Carried.
	ClosedAt  time.Time       `json:"closed_at,omitzero"`
	StableFor health.Duration `json:"stable_for,omitempty"`
	Carried   int             `json:"carried,omitempty"`
	// Permit is when the lease ends of the permit that is out; zero if none is.
	// Asked is the time of the situation that it was granted for.
	Permit time.Time `json:"permit,omitzero"`
	Asked  time.Time `json:"asked,omitzero"`
	// Woken is set when the service was told that its turn has come.
	Woken time.Time `json:"woken,omitzero"`
	// Others counts what else is down that its incident stands for.
	Others int `json:"others,omitempty"`
	// Spent are the restarts of the last 24 hours, oldest first.
	Spent []health.Spending `json:"spent,omitempty"`
}

// OutboxState is what an Outbox has to do, and what it could not.
type OutboxState struct {
	Receiver string              `json:"receiver"`
	Grouping activities.Grouping `json:"grouping"`
	// Waiting are the alerts that no try was made for yet, oldest first; Sending
	// is the group that is being tried, Tries how often it was, and RetryAt when
	// it is tried next.
	Waiting []health.Alert `json:"waiting,omitempty"`
	Sending []health.Alert `json:"sending,omitempty"`
	Tries   int            `json:"tries,omitempty"`
	RetryAt time.Time      `json:"retry_at,omitzero"`
	// Error is why the latest try failed.
	Error string `json:"error,omitempty"`
	// WaitingSince is when the first of those that wait came.
	WaitingSince time.Time `json:"waiting_since,omitzero"`
	// Since is when the first try of the group was made.
	Since time.Time `json:"since,omitzero"`
	// Dead are the alerts that failed for good, oldest first; Dropped counts
	// those that made room for newer ones.
	Dead    []health.DeadLetter `json:"dead,omitempty"`
	Dropped int                 `json:"dropped,omitempty"`
	// Delivered and Lost count alerts since the Outbox was first opened.
	Delivered int `json:"delivered"`
	Lost      int `json:"lost"`
	// LastID numbers the dead letters.
	LastID int `json:"last_id,omitempty"`
	// Seen are the dedup keys of the latest alerts.
	Seen []string `json:"seen,omitempty"`
	// Packed holds Waiting, Sending and Dead in place of them when they are
	// large, on the way from run to run only.
	Packed []byte `json:"packed,omitempty"`
}
