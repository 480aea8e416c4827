package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/operator"
)

// instructing are the commands that say something to an open incident.
var instructing = []string{"ack", "unack", "resolve", "retry", "rearm", "approve"}

func TestInstructionsAreChecked(t *testing.T) {
	configuration := watching("http://127.0.0.1/")
	for _, command := range instructing {
		t.Run(command, func(t *testing.T) {
			require.Equal(t, answer{exitBad, "", "who are you? Add --by, for example --by \"$USER\"\n"},
				starter(t, configuration, command, "web", "--note", "from the tests"))
			require.Equal(t, answer{exitBad, "", "unknown service \"wep\"; configured: web\n"},
				starter(t, configuration, command, "wep", "--by", "ana"))
			require.Equal(t, answer{exitBad, "", "0 arguments, and one is needed: starter " + command + " SERVICE[/TARGET] --by NAME [flags]\n"},
				starter(t, configuration, command, "--by", "ana"))
			require.Equal(t, answer{exitBad, "", "2 arguments, and one is needed: starter " + command + " SERVICE[/TARGET] --by NAME [flags]\n"},
				starter(t, configuration, command, "web", "mail", "--by", "ana"))
			require.Equal(t, answer{exitBad, "", "unknown flag: --force\n"},
				starter(t, configuration, command, "web", "--by", "ana", "--force"))

			address := nobody(t)
			got := starter(t, configuration, command, "web", "--by", "ana", "--address", address)
			require.Equal(t, exitUnreachable, got.code)
			require.Contains(t, got.errors, "cannot reach Temporal at "+address)
		})
	}
	require.Len(t, instructions, len(instructing))
}

func TestReceipts(t *testing.T) {
	confirmed := operator.Receipt{
		Service: "web", Instruction: "approve", Incident: "web@20261120T225630.123Z", By: "ana", Note: "go on",
		At: operator.Time{Time: began.Add(time.Minute)}, Text: "it is carried out if the service still fails and the limits allow",
	}
	require.Equal(t, "web@20261120T225630.123Z approved by ana: it is carried out if the service still fails and the limits allow\n",
		shown(t, false, func(a *app) error { return a.showReceipt(confirmed, "approved") }))
	require.JSONEq(t, `{"service": "web", "target": "", "instruction": "approve", "incident": "web@20261120T225630.123Z", "by": "ana", "note": "go on",
		"at": "2026-11-20T22:57:30.123Z", "text": "it is carried out if the service still fails and the limits allow", "pending": false}`,
		shown(t, true, func(a *app) error { return a.showReceipt(confirmed, "approved") }))
}

func TestReceiptOfAServiceWithoutAnIncident(t *testing.T) {
	rearmed := operator.Receipt{Service: "web", Instruction: "rearm", By: "ana", Text: "its budgets are given back"}
	require.Equal(t, "web re-armed by ana: its budgets are given back\n",
		shown(t, false, func(a *app) error { return a.showReceipt(rearmed, "re-armed") }))
}

func TestPendingReceiptSaysWhenItTakesEffect(t *testing.T) {
	pending := operator.Receipt{Service: "web", Instruction: "acknowledge", By: "ana", Pending: true}
	require.Equal(t, "No worker answers. What ana says to the incident of \"web\" is stored (acknowledge) and takes effect when one runs again.\n",
		shown(t, false, func(a *app) error { return a.showReceipt(pending, "acknowledged") }))
	require.JSONEq(t, `{"service": "web", "target": "", "instruction": "acknowledge", "incident": "", "by": "ana", "note": "", "at": null, "text": "", "pending": true}`,
		shown(t, true, func(a *app) error { return a.showReceipt(pending, "acknowledged") }))
}
