package browser

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/store"
	"paramedic/internal/targets"
)

// Names of targets that are long, one of them with no place to break it, and
// why some of them are down.
const (
	longPath = "https://storefront-bremen.shops.example.org:8443/health/deep?depth=everything&tenant=hanse"
)

var (
	longest = strings.Repeat("unbroken", 25)
	noRoute = "no route to host while connecting to 10.20.0.7:443"
)

// fleets are services with targets, as many are down as their names say.
func fleets(t testing.TB) (w *world, ofTarget, storm health.Incident) {
	w = newWorld(t)
	lists := map[string]*targets.List{}
	services := []board.Configured{{Name: "gateway", Severity: "P1", Kind: "http", Interval: time.Minute}}
	for name, all := range map[string][]health.Target{
		"all-up": fleet(20, "screen-%03d:80"), "storm": fleet(80, "kiosk-%03d:8080"),
		// Those in the north alone make two pages.
		"some-down": append(fleet(120, "shop-%03d.example.org:443"), longTargets()...),
	} {
		list, err := targets.NewList(all, nil)
		require.NoError(t, err)
		lists[name] = list
		services = append(services, board.Configured{
			Name: name, Severity: "P2", Kind: "http", Interval: time.Minute, HasTargets: true, Mode: health.ModeAct, Impact: "Nobody can buy there.",
			Receivers: []string{"ops"}, YAML: "name: " + name + "\nfleet: {max_open_incidents: 20}\n",
		})
	}
	w.board.SetTargets(func(service string) (*targets.List, error) { return lists[service], nil })
	w.keep(services...)
	w.stands("gateway", health.StateHealthy, 50*time.Hour, health.Result{Status: health.Healthy, LatencyMS: 7.3, Message: "status 200"})
	w.surveyed("all-up", lists["all-up"], nil)
	w.standsWith("all-up", health.StateHealthy, 50*time.Hour, health.Counts{Total: lists["all-up"].Len()})
	ofTarget = w.someDown(lists["some-down"])
	storm = w.storm(lists["storm"])
	return w.serve(site{public: true}), ofTarget, storm
}

// fleet are targets with labels.
func fleet(size int, name string) []health.Target {
	all := make([]health.Target, size)
	for n := range all {
		all[n] = health.Target{Name: fmt.Sprintf(name, n), Labels: map[string]string{"zone": []string{"north", "south"}[n%2], "chain": fmt.Sprint("chain-", n%9)}}
	}
	return all
}

func longTargets() []health.Target {
	many := map[string]string{}
	for n := range 18 {
		many[fmt.Sprint("label_", n)] = fmt.Sprint("value ", n)
	}
	return []health.Target{
		{Name: longPath, Labels: map[string]string{"zone": "north", "tenant": "hanse", "operator": "Storefront Operations North (Bremen, Hamburg, Kiel)"}},
		{Name: longest, Labels: map[string]string{"zone": "south", strings.Repeat("n", 60): strings.Repeat("v", 200)}},
		{Name: "many-labels", Labels: many},
	}
}

// surveyed puts a service on the board with what was found of its targets today
// and now: those that fail do so, for the last half hour, with a message.
func (w *world) surveyed(service string, list *targets.List, failing map[string]string) {
	look := func(at time.Time) []health.Finding {
		findings := make([]health.Finding, 0, list.Len())
		for n, target := range list.All() {
			found := health.Result{Status: health.Healthy, At: at, LatencyMS: float64(n%70) + 4, Message: "status 200"}
			if message, fails := failing[target.Name]; fails && w.now.Sub(at) < 30*time.Minute {
				found.Status, found.Message = health.Unhealthy, message
			} else if n%40 == 11 {
				found.Status, found.LatencyMS, found.Message = health.Degraded, 812, "latency 812ms > 500ms"
			}
			findings = append(findings, health.Finding{Target: target.Name, Result: found})
		}
		return findings
	}
	for age := 20 * time.Hour; age >= time.Hour; age -= time.Hour {
		w.pile.Surveys = append(w.pile.Surveys, store.NewSurveys(service, look(w.now.Add(-age)))...)
	}
	for _, age := range []time.Duration{3, 2, 1} {
		w.board.Surveyed(service, look(w.now.Add(17*time.Second-age*time.Minute)), nil)
	}
}

// standsWith puts a service with targets on the board.
func (w *world) standsWith(service string, state health.State, since time.Duration, counts health.Counts) {
	w.board.Stand(health.Standing{Service: service, State: state, Since: w.now.Add(-since), At: w.now, Targets: counts})
}

// someDown has targets with the longest names be down. It returns the incident
// of one of them.
func (w *world) someDown(list *targets.List) (first health.Incident) {
	const service = "some-down"
	failing := map[string]string{
		longPath: "status 503, want 200", longest: noRoute, "shop-007.example.org:443": noRoute,
		"shop-050.example.org:443": long, "shop-100.example.org:443": "status 500, want 200",
	}
	w.surveyed(service, list, failing)
	w.standsWith(service, health.StateDegraded, 25*time.Minute, health.Counts{Total: list.Len(), Failing: len(failing), Down: len(failing) - 1})
	for n, target := range slices.Sorted(maps.Keys(failing)) {
		since, state := w.now.Add(-25*time.Minute), health.StateDown
		if n == len(failing)-1 {
			state = health.StateFailing
		}
		w.board.Stand(health.Standing{Service: service, Target: target, State: state, Since: since, At: w.now, Failures: 22 - 5*n})
		if state == health.StateDown {
			i := w.storyOf(service, target, failing[target])
			if target == longPath {
				first = i
			}
			w.board.Report(i)
		}
	}
	w.remembersOf(store.Key{Service: service, Target: longPath}, 20*time.Hour, 5*time.Minute, 40, failing[longPath], since(27*time.Minute))
	past := w.healed(service, 52*time.Hour, 6*time.Minute, noRoute)
	past.Target, past.ID = longPath, health.IncidentID(service, longPath, past.FirstFailureAt)
	w.pile.Incidents = append(w.pile.Incidents, past)
	w.pile.Alerts = append(w.pile.Alerts, store.Alert{
		DedupKey: first.ID, Receiver: "ops", Service: service, Incident: first.ID, Status: health.AlertDown,
		Stage: health.AlertInitial, At: w.now.Add(-24 * time.Minute), Outcome: store.AlertDelivered,
	})
	return first
}

// storyOf is the open incident of a target.
func (w *world) storyOf(service, target, reason string) health.Incident {
	id := health.TargetID(service, target)
	i := w.story(service, 27*time.Minute, reason,
		entry{0, health.EntryFailure, "failure 1/3: " + reason},
		entry{2 * time.Minute, health.EntryFailure, "failure 3/3: " + reason},
		entry{2 * time.Minute, health.EntryOpened, "incident " + id + " opened, severity P2"},
		entry{121 * time.Second, health.EntryDecision, "act: restart 1 of 3 in this incident"},
		entry{122 * time.Second, health.EntryAttempt, "attempt 1: restart the till of " + target},
		entry{135 * time.Second, health.EntryVerification, "still down: " + reason})
	i.Target, i.ID, i.Workflow = target, health.IncidentID(service, target, i.FirstFailureAt), "remediation/"+id
	i.Severity, i.Action = "P2", "restart the till of "+target
	return i
}

// storm has most targets be down: there is one incident for all of them.
func (w *world) storm(list *targets.List) health.Incident {
	const service, down = "storm", 60
	failing := map[string]string{}
	for _, target := range list.All()[:down] {
		failing[target.Name] = "connection refused"
	}
	w.surveyed(service, list, failing)
	w.standsWith(service, health.StateDown, 25*time.Minute, health.Counts{Total: list.Len(), Failing: down, Down: down})
	reason := fmt.Sprintf("%d of %d targets are down, among them", down, list.Len())
	for _, target := range list.All()[:5] {
		reason += " " + target.Name + " (connection refused),"
	}
	reason = strings.TrimSuffix(reason, ",")
	i := w.story(service, 27*time.Minute, reason,
		entry{0, health.EntryFailure, "storm: " + reason},
		entry{2 * time.Minute, health.EntryOpened, "incident storm opened, severity P2"},
		entry{9 * time.Minute, health.EntryNote, reason})
	i.Severity = "P2"
	w.board.Report(i)
	return i
}

func fleetPictures(t testing.TB) []picture {
	t.Helper()
	w, ofTarget, storm := fleets(t)
	// The second page of those in the north that are healthy begins after the
	// last of the first.
	filter := board.TargetFilter{States: []health.State{health.StateHealthy}, Labels: map[string]string{"zone": "north"}, WorstFirst: true, Limit: 50}
	page, found, err := w.board.Targets("some-down", filter)
	require.NoError(t, err)
	require.Greater(t, found, len(page))
	second := url.Values{"state": {"healthy"}, "label": {"zone=north"}, "after": {page[len(page)-1].Name}}
	return []picture{
		{name: "fleet-overview", address: w.address + "/"},
		{name: "fleet-all-up", address: w.address + "/services/all-up"},
		{name: "fleet-some-down", address: w.address + "/services/some-down"},
		{name: "fleet-storm", address: w.address + "/services/storm"},
		{name: "fleet-second-page", address: w.address + "/services/some-down?" + second.Encode()},
		{name: "fleet-target-down", address: w.address + "/services/some-down/targets/" + url.PathEscape(longPath)},
		{name: "fleet-target-long", address: w.address + "/services/some-down/targets/" + longest},
		{name: "fleet-incident-target", address: w.address + pageOf(ofTarget)},
		{name: "fleet-incident-storm", address: w.address + pageOf(storm)},
	}
}
