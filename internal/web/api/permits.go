package api

import (
	"net/http"
	"slices"
	"time"

	"paramedic/activities"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// Permits are what the Gatekeeper knew at a time. The command line shows the
// same, and packs it when it is large, which this does not.
type Permits struct {
	At       operator.Time                 `json:"at"`
	Accounts map[string]*workflows.Account `json:"accounts"`
	Queue    []string                      `json:"queue"`
	Limits   activities.FleetLimits        `json:"limits"`
}

// permits shows which services are being restarted, which wait for it, and what
// each has spent.
func (a *API) permits(r *http.Request) (int, any, error) {
	if err := parse(r).done(); err != nil {
		return 0, nil, err
	}
	if a.Permits == nil {
		return 0, nil, fault{http.StatusServiceUnavailable, "this process does not ask the Gatekeeper; ask one that runs the worker"}
	}
	ledger, at, known := a.Permits()
	if !known {
		return 0, nil, fault{http.StatusServiceUnavailable, "the Gatekeeper has not been asked yet; try again in a few seconds"}
	}
	shown := Permits{
		At: operator.Time{Time: at}, Accounts: map[string]*workflows.Account{},
		Queue: orNone(ledger.Queue), Limits: ledger.Limits,
	}
	for name, account := range ledger.Accounts {
		shown.Accounts[name] = milliAccount(*account)
	}
	return http.StatusOK, shown, nil
}

// milliAccount returns a copy with its times as the API writes them.
func milliAccount(account workflows.Account) *workflows.Account {
	for _, at := range []*time.Time{&account.SeenAt, &account.ClosedAt, &account.Permit, &account.Asked, &account.Woken} {
		if !at.IsZero() {
			*at = milli(*at)
		}
	}
	account.Spent = slices.Clone(account.Spent)
	for i := range account.Spent {
		account.Spent[i].At = milli(account.Spent[i].At)
	}
	return &account
}
