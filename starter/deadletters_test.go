package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/workflows"
)

func TestDeadLettersAreChecked(t *testing.T) {
	const choose = "name the dead letters to send again as the list shows them, RECEIVER/ID, or give --all\n"
	for _, test := range []struct {
		want string
		args []string
	}{
		{"unknown command \"retyr\" for \"starter deadletters\"\n", []string{"retyr"}},
		{"who are you? Add --by, for example --by \"$USER\"\n", []string{"retry", "log/1"}},
		{"who are you? Add --by, for example --by \"$USER\"\n", []string{"retry", "--all"}},
		{choose, []string{"retry", "--by", "ana"}},
		{choose, []string{"retry", "log/1", "--all", "--by", "ana"}},
		{"unknown flag: --force\n", []string{"retry", "log/1", "--by", "ana", "--force"}},
	} {
		require.Equal(t, answer{exitBad, "", test.want}, starter(t, shop, append([]string{"deadletters"}, test.args...)...), test.args)
	}
	address := nobody(t)
	for _, args := range [][]string{{"deadletters"}, {"deadletters", "retry", "log/1", "--by", "ana"}, {"deadletters", "retry", "--all", "--by", "ana"}} {
		require.Equal(t, exitUnreachable, starter(t, shop, append(args, "--address", address)...).code, args)
	}
}

func TestResendRefusesNamesThatNameNothing(t *testing.T) {
	s := session{config: parsed(t, shop)}
	for name, want := range map[string]string{
		"7":      `"7" names no dead letter; write it as the list shows it, RECEIVER/ID`,
		"log/":   `"log/" names no dead letter; write it as the list shows it, RECEIVER/ID`,
		"/7":     `"/7" names no dead letter; write it as the list shows it, RECEIVER/ID`,
		"mail/7": `there is no receiver "mail"; configured: log`,
	} {
		require.EqualError(t, (&app{}).resend(t.Context(), s, []string{name}, false, "ana"), want)
	}
}

// undelivered is what three receivers have to do: one has a dead letter, one
// is away, and one has nothing.
func undelivered() []workflows.OutboxState {
	alert := health.Alert{Service: "web", Status: health.AlertDown}
	return []workflows.OutboxState{
		{Receiver: "log"},
		{Receiver: "ops", Dead: []health.DeadLetter{
			{ID: "4", Receiver: "ops", At: began, Error: "status 404:\nno such hook", Tries: 1, Alert: alert},
		}, Waiting: []health.Alert{alert}},
		{Receiver: "pager", Sending: []health.Alert{alert, alert}, Tries: 3, Since: began, RetryAt: began.Add(8 * time.Minute), Error: "connection refused"},
	}
}

func TestDeadLetterTable(t *testing.T) {
	now := began.Add(7 * time.Minute)
	require.Equal(t, ""+
		"DEAD LETTER  SINCE                    SERVICE  STATUS  TRIES  ERROR\n"+
		"ops/4        2026-11-20 22:56:30 UTC  web      down    1      status 404: no such hook\n"+
		"\n"+
		"RECEIVER  WAITING  STATE\n"+
		"ops       1        -\n"+
		"pager     2        failing for 7m 0s, 3 tries, next at 2026-11-20 23:04:30 UTC: connection refused\n",
		shown(t, false, func(a *app) error { return a.showOutboxes(undelivered(), now) }))
	require.Equal(t, "no dead letters\n",
		shown(t, false, func(a *app) error { return a.showOutboxes([]workflows.OutboxState{{Receiver: "log"}}, now) }))
}

func TestDeadLettersForPrograms(t *testing.T) {
	var outboxes []workflows.OutboxState
	text := shown(t, true, func(a *app) error { return a.showOutboxes(undelivered(), began) })
	require.NoError(t, json.Unmarshal([]byte(text), &outboxes))
	require.Equal(t, undelivered(), outboxes)
}

func TestDeadLettersAreThoseOfEveryReceiver(t *testing.T) {
	cfg := parsed(t, shop+"alerts:\n  ops: {webhook: {url: \"https://ops.example/\"}}\n")
	require.Equal(t, []string{"log", "ops"}, receivers(cfg))
}
