package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// shops is a service with two targets of its own and more from elsewhere if
// wanted.
func shops(more config.Targets) config.Service {
	more.List = []health.Target{{Name: "10.0.0.1:80", Labels: map[string]string{"tier": "gold"}}, {Name: "10.0.0.2:80"}}
	return config.Service{Name: "shops", Policy: config.Policy{FailureThreshold: 3}, Targets: &more, Fleet: &config.Fleet{}}
}

// tenThousand is what the Monitor of ten thousand targets knows.
func tenThousand() workflows.FleetState {
	failing := func(target string, failures int, open bool) workflows.FailingTarget {
		return workflows.FailingTarget{Target: target, Open: open, Class: "gold", Streak: health.Streak{
			Failures: failures, FirstFailureAt: began, FirstFailure: "connection refused",
		}}
	}
	return workflows.FleetState{
		Classes: map[string]workflows.ClassState{"": {Size: 9000}, "gold": {Size: 1000}},
		Failing: []workflows.FailingTarget{failing("10.0.0.1:80", 1, false), failing("a/b/c", 7, true)},
	}
}

func TestTargetsAreFound(t *testing.T) {
	listed := &config.Config{Services: []config.Service{{Name: "web"}, shops(config.Targets{})}}
	for name, want := range map[string]string{
		"web": "", "shops": "", "shops/10.0.0.1:80": "",
		"web/x":         `service "web" has no targets, and so no "x"`,
		"shops/10.0.0.": `service "shops" has no target "10.0.0."; the configuration lists 2 targets`,
		"shop/x/y":      `unknown service "shop"; configured: web, shops`,
		"web/":          `unknown service "web/"; configured: web, shops`,
	} {
		_, err := findTarget(listed, name)
		if want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.EqualError(t, err, want)
	}
	for _, more := range []config.Targets{{API: true}, {FileSD: "/shops.yml"}} {
		_, err := findTarget(&config.Config{Services: []config.Service{shops(more)}}, "shops/of/elsewhere")
		require.NoError(t, err)
	}
	_, err := find(listed, "shops/10.0.0.1:80")
	require.EqualError(t, err, "shops/10.0.0.1:80: this is for a service with all its targets, not for one of them: write shops")
}

func TestOrdersAreForWholeServices(t *testing.T) {
	for _, command := range []string{"pause", "resume", "maintain --for 1m", "silence --for 1m", "mode", "probe-now"} {
		words := strings.Fields(command)
		args := append([]string{words[0], "web/10.0.0.1:80"}, words[1:]...)
		if command == "mode" {
			args = append(args, "act")
		}
		if command != "probe-now" {
			args = append(args, "--by", "ana")
		}
		require.Equal(t, answer{exitBad, "", "web/10.0.0.1:80: this is for a service with all its targets, not for one of them: write web\n"},
			starter(t, shop, args...), args)
	}
}

func TestIncidentsOfTargetsAreInstructed(t *testing.T) {
	address := nobody(t)
	for _, command := range instructing {
		require.Equal(t, exitUnreachable, starter(t, shop, command, "web/10.0.0.1:80/a", "--by", "ana", "--address", address).code, command)
		require.Equal(t, answer{exitBad, "", "unknown service \"wep\"; configured: web, db, mail\n"},
			starter(t, shop, command, "wep/10.0.0.1:80", "--by", "ana"))
	}
	receipt := operator.Receipt{Service: "shops", Target: "a/b", Instruction: "rearm", By: "ana", Text: "its budgets are given back"}
	require.Equal(t, "shops/a/b re-armed by ana: its budgets are given back\n",
		shown(t, false, func(a *app) error { return a.showReceipt(receipt, "re-armed") }))
}

func TestTargetsAreShownAsTheirMonitorKnowsThem(t *testing.T) {
	now := began.Add(2 * time.Minute)
	show := func(fleet workflows.FleetState, state health.State, good error) string {
		return shown(t, false, func(a *app) error {
			require.Equal(t, good, a.showTargets(shops(config.Targets{}), fleet, state, now))
			return nil
		})
	}
	require.Equal(t, ""+
		"shops: 9,998 of 10,000 up, 1 down, 1 failing\n"+
		"TARGET       STATE    FOR    FAILURES  CLASS  INCIDENT  MESSAGE\n"+
		"a/b/c        down     2m 0s  7         gold   open      connection refused\n"+
		"10.0.0.1:80  failing  2m 0s  1         gold   -         connection refused\n", show(tenThousand(), "", errNotGood))
	require.NotContains(t, show(tenThousand(), health.StateFailing, errNotGood), "a/b/c")
	require.Equal(t, "shops: 2 of 2 up\n", show(workflows.FleetState{Classes: map[string]workflows.ClassState{"": {Size: 2}}}, "", nil))

	storm := tenThousand()
	storm.Failing[1].Open, storm.Whole = false, &workflows.WholeState{Reason: workflows.Storm}
	storm.Classes["gold"] = workflows.ClassState{Size: 1000, Omitted: map[int]int{0: 900}}
	text := show(storm, "", errNotGood)
	require.Contains(t, text, "shops: 9,098 of 10,000 up, 901 down, 1 failing\n")
	require.Contains(t, text, "gold   that of shops  connection refused\n")
	require.Contains(t, text, "\n900 more fail than the Monitor names\n")
}

func TestTargetsForPrograms(t *testing.T) {
	text := shown(t, true, func(a *app) error {
		require.Equal(t, errNotGood, a.showTargets(shops(config.Targets{}), tenThousand(), health.StateDown, began))
		return nil
	})
	require.JSONEq(t, `{
		"service": "shops", "counts": {"total": 10000, "failing": 2, "down": 1}, "whole": "", "unnamed": 0,
		"failing": [{"target": "a/b/c", "state": "down", "class": "gold", "since": "2026-11-20T22:56:30.123Z",
			"failures": 7, "incident": true, "message": "connection refused"}]
	}`, text)
	require.Contains(t, shown(t, true, func(a *app) error {
		return a.showTargets(shops(config.Targets{}), workflows.FleetState{}, "", began)
	}), `"failing": []`)
}

func TestTargetsAreChecked(t *testing.T) {
	for want, args := range map[string][]string{
		"service \"web\" has no targets; see `starter status web`\n":                                         {"web", "--address", ""},
		"--state \"up\": write down or failing; of targets that are up, the Monitor keeps only the number\n": {"web", "--state", "up"},
		"0 arguments, and one is needed: starter targets SERVICE [flags]\n":                                  {},
	} {
		if len(args) == 3 && args[1] == "--address" {
			err := (&app{}).targets(t.Context(), session{}, config.Service{Name: "web"}, "")
			require.EqualError(t, err, strings.TrimSpace(want))
			continue
		}
		require.Equal(t, answer{exitBad, "", want}, starter(t, shop, append([]string{"targets"}, args...)...))
	}
}

func TestStatusOfAFleet(t *testing.T) {
	fleet := tenThousand()
	state := workflows.MonitorState{State: health.StateDegraded, Since: began, LastProbeAt: began.Add(time.Minute), Fleet: &fleet}
	unfolded := func(target string, all bool) []operator.TargetStatus {
		return unfold(operator.StatusOf("shops", state), shops(config.Targets{}), target, all)
	}
	require.Equal(t, ""+
		"SERVICE  STATE     FOR    LAST PROBE  LATENCY  STREAK  MESSAGE\n"+
		"shops    degraded  2m 0s  1m 0s ago   -        0       9,998 of 10,000 up, 1 down, 1 failing\n",
		shown(t, false, func(a *app) error { return a.showStatus(unfolded("", false), began.Add(2*time.Minute)) }))
	require.Contains(t, shown(t, false, func(a *app) error { return a.showStatus(unfolded("", true), began.Add(2*time.Minute)) }),
		"shops/a/b/c        down      2m 0s  -           -        7       connection refused\n")
	require.False(t, allGood(unfolded("", false)), "some of its targets are down")

	up := unfolded("10.0.0.2:80", true)
	require.Equal(t, health.StateHealthy, up[0].State)
	require.True(t, allGood(up))
	require.Equal(t, health.StateDown, unfolded("a/b/c", true)[0].State)
	fleet.Classes[""] = workflows.ClassState{Size: 9000, Omitted: map[int]int{3: 1200}}
	require.Equal(t, "1,200 more fail than the Monitor names, and this may be one", unfolded("10.0.0.2:80", true)[0].Message)
	state.Paused = &workflows.Pause{By: "ana"}
	require.Equal(t, health.StatePaused, unfolded("10.0.0.2:80", true)[0].State)

	var told []map[string]any
	require.NoError(t, json.Unmarshal([]byte(shown(t, true, func(a *app) error { return a.showStatus(unfolded("", false), began) })), &told))
	require.Equal(t, map[string]any{"total": 10000.0, "failing": 1202.0, "down": 1201.0}, told[0]["targets"])
}

func TestProbeOfATarget(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/gold" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	file := filepath.Join(t.TempDir(), "shops.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"targets": ["127.0.0.1:1"], "labels": {"tier": "gold"}}]`), 0o600))
	fleet := func(targets string) string {
		return "services:\n  - name: shops\n    targets: " + targets + "\n    probe: {http: {url: \"http://{{target}}/{{label \\\"tier\\\"}}\", token: " + secret + "}}\n"
	}
	listed := fleet("{list: [{target: \"" + address + "\", labels: {tier: gold}}, {target: \"10.0.0.9:80\", labels: {tier: \"\"}}], file_sd: " + file + "}")
	got := starter(t, listed, "probe", "shops/"+address)
	require.Equal(t, exitGood, got.code, got.errors)
	require.Regexp(t, `^shops/`+address+` is healthy \([0-9.]+ ms\): `, got.out)
	got = starter(t, listed, "probe", "shops/127.0.0.1:1", "--json")
	require.Equal(t, exitBad, got.code)
	require.Contains(t, got.out, `"target": "127.0.0.1:1"`)
	require.Contains(t, got.out, `"status": "unhealthy"`)

	registered := fleet("{api: true}")
	require.Equal(t, exitGood, starter(t, registered, "probe", "shops/"+address, "--label", "tier=gold").code)
	require.Equal(t, exitBad, starter(t, registered, "probe", "shops/"+address, "--label", "tier=other").code)
	for _, test := range []struct {
		configuration, want string
		args                []string
	}{
		{listed, `service "shops" has many targets: name one of them, as shops/TARGET`, []string{"shops"}},
		{listed, `service "shops" has no target "nobody"; the configuration and its file list 3 targets`, []string{"shops/nobody"}},
		{listed, `--label: the labels of "127.0.0.1:1" stand in the configuration or its file`, []string{"shops/127.0.0.1:1", "--label", "a=b"}},
		{registered, `the http probe of "shops/a": url: target "a" has no label "tier"`, []string{"shops/a"}},
		{registered, `--label "x": write it as name=value`, []string{"shops/a", "--label", "x"}},
		{registered, `"a b" cannot name a target`, []string{"shops/a b", "--label", "tier=x"}},
		{shop, `service "web" has no targets, and so no "x"`, []string{"web/x"}},
		{shop, `--label: service "web" has no targets`, []string{"web", "--label", "a=b"}},
	} {
		got := starter(t, test.configuration, append([]string{"probe"}, test.args...)...)
		require.Equal(t, exitBad, got.code)
		require.Contains(t, got.errors, test.want)
		require.NotContains(t, got.errors, secret)
	}
}
