package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// books are those of five services, each in another state.
func books() workflows.Ledger {
	return workflows.Ledger{
		Accounts: map[string]*workflows.Account{
			"api": {Incident: "api@1", Down: true, Permit: began.Add(time.Minute), Spent: []health.Spending{
				{At: began.Add(-25 * time.Hour)}, {At: began.Add(-time.Hour)}, {At: began.Add(-time.Minute), Observed: true},
			}},
			"cache": {Incident: "cache@1", Down: true},
			"db":    {Incident: "db@1", Down: true},
			"mail":  {Incident: "mail@1", Down: true, Permit: began.Add(-time.Second)},
			"web":   {Incident: "web@1"},
		},
		Queue: []string{"db", "cache"},
	}
}

func TestPermitTable(t *testing.T) {
	require.Equal(t, ""+
		"SERVICE  STATE                                                         RESTARTS IN 24 H  LATEST INCIDENT\n"+
		"api      being restarted, at the latest until 2026-11-20 22:57:30 UTC  1                 api@1\n"+
		"cache    waits, place 2                                                0                 cache@1\n"+
		"db       waits, place 1                                                0                 db@1\n"+
		"mail     down                                                          0                 mail@1\n"+
		"web      up                                                            0                 web@1\n"+
		"\nqueue: db, cache\n",
		shown(t, false, func(a *app) error { return a.showLedger(books(), began) }))
	require.Equal(t, "nothing is down, restarted or spent\n",
		shown(t, false, func(a *app) error { return a.showLedger(workflows.Ledger{}, began) }))
}

func TestPermitsForPrograms(t *testing.T) {
	var ledger workflows.Ledger
	text := shown(t, true, func(a *app) error { return a.showLedger(books(), began) })
	require.NoError(t, json.Unmarshal([]byte(text), &ledger))
	require.Equal(t, books(), ledger)
}

func TestPermitsAreChecked(t *testing.T) {
	require.Equal(t, answer{exitBad, "", "unknown command \"web\" for \"starter permits\"\n"}, starter(t, shop, "permits", "web"))
	require.Equal(t, exitUnreachable, starter(t, shop, "permits", "--address", nobody(t)).code)
}
