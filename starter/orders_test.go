package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// shop is a configuration of three services, two of which carry labels.
const shop = `services:
  - {name: web, labels: {team: shop, tier: front}, probe: {tcp: {address: "127.0.0.1:1"}}}
  - {name: db, labels: {team: shop, tier: back}, probe: {tcp: {address: "127.0.0.1:2"}}}
  - {name: mail, probe: {tcp: {address: "127.0.0.1:3"}}}
`

func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("paramedic.yml", []byte(text), func(string) (string, bool) { return "", false })
	require.NoError(t, err)
	return cfg
}

func TestModeIsChecked(t *testing.T) {
	for want, args := range map[string][]string{
		"unknown mode \"safe\"; write act, observe, approve or config\n":                                       {"web", "safe", "--by", "ana"},
		"unknown mode \"\"; write act, observe, approve or config\n":                                           {"web", "", "--by", "ana"},
		"1 arguments, and two are needed: starter mode SERVICE act|observe|approve|config --by NAME [flags]\n": {"web", "--by", "ana"},
		"3 arguments, and two are needed: starter mode SERVICE act|observe|approve|config --by NAME [flags]\n": {"web", "db", "act", "--by", "ana"},
		"unknown service \"wep\"; configured: web, db, mail\n":                                                 {"wep", "act", "--by", "ana"},
		"who are you? Add --by, for example --by \"$USER\"\n":                                                  {"web", "act"},
		"unknown flag: --note\n": {"web", "act", "--by", "ana", "--note", "x"},
	} {
		require.Equal(t, answer{exitBad, "", want}, starter(t, shop, append([]string{"mode"}, args...)...), args)
	}
	address := nobody(t)
	for mode := range modes {
		got := starter(t, shop, "mode", "web", mode, "--by", "ana", "--address", address)
		require.Equal(t, exitUnreachable, got.code, mode)
	}
}

func TestModesAreThoseOfTheDomain(t *testing.T) {
	require.Equal(t, map[string]health.Mode{
		"act": health.ModeAct, "observe": health.ModeObserve, "approve": health.ModeApprove, "config": "",
	}, modes)
}

func TestWindowsAreChecked(t *testing.T) {
	past := began.Format(time.RFC3339)
	const howLong = "say how long: exactly one of --for 30m, --until 2026-11-22T02:00:00Z and --end\n"
	const tooLong = "a window of more than 30 days is refused: pause the service, or take it out of the configuration\n"
	for _, test := range []struct {
		want string
		args []string
	}{
		{"who are you? Add --by, for example --by \"$USER\"\n", []string{"web", "--for", "30m"}},
		{"who are you? Add --by, for example --by \"$USER\"\n", []string{"web", "--for", "30m", "--by", "  "}},
		{howLong, []string{"web", "--by", "ana"}},
		{howLong, []string{"web", "--by", "ana", "--for", "30m", "--end"}},
		{howLong, []string{"web", "--by", "ana", "--for", "30m", "--until", "2099-01-01T00:00:00Z"}},
		{howLong, []string{"web", "--by", "ana", "--until", "2099-01-01T00:00:00Z", "--end"}},
		{"--for -1m0s: give a length of time above zero, like 30m\n", []string{"web", "--by", "ana", "--for", "-1m"}},
		{tooLong, []string{"web", "--by", "ana", "--for", "721h"}},
		{tooLong, []string{"web", "--by", "ana", "--until", "2099-01-01T00:00:00Z"}},
		{"--until \"tomorrow\" is not a time; write it like 2026-11-22T02:00:00Z\n", []string{"web", "--by", "ana", "--until", "tomorrow"}},
		{"--until 2020-01-01T00:00:00Z is over already\n", []string{"web", "--by", "ana", "--until", "2020-01-01T00:00:00Z"}},
		{"no service is chosen; name some, or use --label or --all\n", []string{"--by", "ana", "--for", "30m"}},
		{"no service has the label team=bank\n", []string{"--by", "ana", "--for", "30m", "--label", "team=bank"}},
		{"no service has the label team=shop and tier=none\n", []string{"--by", "ana", "--for", "30m", "--label", "team=shop", "--label", "tier=none"}},
		{"--label \"team\": write it as name=value\n", []string{"--by", "ana", "--for", "30m", "--label", "team"}},
		{"--label \"=shop\": write it as name=value\n", []string{"--by", "ana", "--for", "30m", "--label", "=shop"}},
		{"--all and a choice of services exclude each other\n", []string{"web", "--by", "ana", "--for", "30m", "--all"}},
		{"--all and a choice of services exclude each other\n", []string{"--by", "ana", "--for", "30m", "--all", "--label", "team=shop"}},
		{"unknown service \"wep\"; configured: web, db, mail\n", []string{"web", "wep", "--by", "ana", "--for", "30m"}},
		{"invalid argument \"soon\" for \"--for\" flag: time: invalid duration \"soon\"\n", []string{"web", "--by", "ana", "--for", "soon"}},
	} {
		for _, command := range []string{"maintain", "silence"} {
			require.Equal(t, answer{exitBad, "", test.want}, starter(t, shop, append([]string{command}, test.args...)...), test.args)
		}
	}
	_, err := (&spanFlags{by: "ana", until: past}).span(began)
	require.EqualError(t, err, "--until "+past+" is over already", "the instant itself belongs to the past")
}

func TestWindowsThatAreAllowedReachTemporal(t *testing.T) {
	address := nobody(t)
	for _, args := range [][]string{
		{"maintain", "web", "--for", "30m", "--reason", "disk"}, {"maintain", "--all", "--for", "720h"}, {"silence", "--label", "team=shop", "--end"},
		{"silence", "web", "--until", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)},
	} {
		got := starter(t, shop, append(args, "--by", "ana", "--address", address)...)
		require.Equal(t, exitUnreachable, got.code, "%s: %s", args, got.errors)
	}
}

func TestSpan(t *testing.T) {
	until := began.Add(time.Hour).Truncate(time.Second)
	for name, test := range map[string]struct {
		flags spanFlags
		want  workflows.Span
	}{
		"for":   {spanFlags{by: "ana", reason: "disk", length: 30 * time.Minute}, workflows.Span{By: "ana", Reason: "disk", For: health.Duration(30 * time.Minute)}},
		"until": {spanFlags{by: "ana", until: until.Format(time.RFC3339)}, workflows.Span{By: "ana", Until: until}},
		"end":   {spanFlags{by: "ana", end: true}, workflows.Span{By: "ana"}},
		"most":  {spanFlags{by: "ana", length: windowLimit}, workflows.Span{By: "ana", For: health.Duration(windowLimit)}},
	} {
		got, err := test.flags.span(began)
		require.NoError(t, err, name)
		require.Equal(t, test.want, got, name)
	}
}

func TestChoice(t *testing.T) {
	cfg := parsed(t, shop)
	for name, test := range map[string]struct {
		flags spanFlags
		named []string
		want  []string
	}{
		"by name":          {spanFlags{}, []string{"mail", "web"}, []string{"mail", "web"}},
		"by label":         {spanFlags{labels: []string{"team=shop"}}, nil, []string{"web", "db"}},
		"by all labels":    {spanFlags{labels: []string{"team=shop", "tier=back"}}, nil, []string{"db"}},
		"by name or label": {spanFlags{labels: []string{"tier=front"}}, []string{"mail", "web"}, []string{"mail", "web"}},
		"all":              {spanFlags{all: true}, nil, []string{"web", "db", "mail"}},
	} {
		got, err := test.flags.choose(cfg, test.named)
		require.NoError(t, err, name)
		require.Equal(t, test.want, got, name)
	}
}

// A label that a service lacks is not a label with an empty value.
func TestEmptySelectorsChooseNothing(t *testing.T) {
	cfg := parsed(t, shop)
	for _, flags := range []spanFlags{{}, {labels: []string{}}, {labels: []string{"owner=ana"}}} {
		chosen, err := flags.choose(cfg, nil)
		require.Error(t, err)
		require.Empty(t, chosen)
	}
}

func TestOpenWindowsShowsEachServiceAndStopsAtAMistake(t *testing.T) {
	span := workflows.Span{By: "ana", For: health.Duration(time.Hour)}
	var told []string
	open := func(_ context.Context, _ session, service string, got workflows.Span) (workflows.MonitorState, error) {
		require.Equal(t, span, got)
		told = append(told, service)
		if service == "db" {
			return workflows.MonitorState{}, errors.New("nobody is there")
		}
		window := &health.Window{Until: time.Date(2199, 1, 2, 3, 4, 5, 0, time.UTC), By: "ana"}
		return workflows.MonitorState{State: health.StateHealthy, Message: "200 OK", Orders: health.Orders{Maintenance: window}}, nil
	}
	require.Equal(t, ""+
		"SERVICE  STATE    FOR  LAST PROBE  LATENCY  STREAK  MESSAGE\n"+
		"web      healthy  -    -           -        0       maintenance until 2199-01-02T03:04:05Z; 200 OK\n",
		shown(t, false, func(a *app) error {
			return a.openWindows(t.Context(), session{config: parsed(t, shop)}, []string{"web"}, span, open)
		}))

	told = nil
	err := (&app{}).openWindows(t.Context(), session{config: parsed(t, shop)}, []string{"web", "db", "mail"}, span, open)
	require.EqualError(t, err, "db: nobody is there (1 service done before it)")
	require.Equal(t, []string{"web", "db"}, told)
}

// TestEmptyLabelChoosesNothing: a variable that is not set must not choose
// every service without that label.
func TestEmptyLabelChoosesNothing(t *testing.T) {
	got := starter(t, watching("http://127.0.0.1/"), "maintain", "--label", "owner=", "--for", "5m", "--by", "ana")
	require.Equal(t, answer{exitBad, "", "no service has the label owner=\n"}, got)
}
