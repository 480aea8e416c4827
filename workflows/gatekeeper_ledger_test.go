package workflows_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// TestGatekeeperContinuesAsNew: a fresh history begins with all that was known
// in the last one, messages that came last included.
func TestGatekeeperContinuesAsNew(t *testing.T) {
	first := newGate(t, activities.FleetLimits{ConcurrentRestarts: 2, Services: 9})
	for i, service := range []string{"a", "b", "c", "d", "e"} {
		first.at(time.Duration(i)*time.Second, func() { first.ask(func([]health.Decision) {}, first.question(service)) })
	}
	first.at(5*time.Second, func() { first.ask(func([]health.Decision) {}, nth(first.question("e"), 2)) })
	first.wakeTakes = 5 * time.Second
	first.at(6*time.Second, func() {
		first.SetContinueAsNewSuggested(true)
		first.release("b", true) // c is told; the run goes on until that has arrived
	})
	first.at(8*time.Second, func() { first.rule(health.RuleConcurrent, first.question("f")) })
	first.at(9*time.Second, func() { first.release("a", true) }) // the next run tells d
	first.ExecuteWorkflow(workflows.Gatekeeper, workflows.Ledger{})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, first.GetWorkflowError(), &again)
	var ledger workflows.Ledger
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &ledger))
	require.Equal(t, workflows.GatekeeperType, again.WorkflowType.Name)
	require.Equal(t, 11*time.Second, first.since())
	require.Equal(t, []woken{{11 * time.Second, "c"}}, first.woken)
	require.Equal(t, []string{"c", "d", "e", "f"}, ledger.Queue)
	require.Equal(t, first.limits, ledger.Limits)
	require.Len(t, ledger.Accounts, 6)
	require.Len(t, ledger.Accounts["b"].Spent, 1)
	require.Equal(t, noon.Add(6*time.Second), ledger.Accounts["c"].Woken.UTC())

	second := newGate(t, first.limits)
	second.SetStartTime(noon.Add(first.since()))
	second.at(time.Second, func() {
		require.Equal(t, []woken{{11 * time.Second, "d"}}, second.woken)
		require.Equal(t, ledger.Accounts["b"], second.ledger().Accounts["b"])
		second.rule(health.RuleConcurrent, nth(second.question("e"), 2))
		second.rule(health.RuleClear, second.question("c"))
	})
	second.at(20*time.Second, func() { second.CancelWorkflow() }) // d did not ask
	second.ExecuteWorkflow(workflows.Gatekeeper, ledger)
	require.Equal(t, []woken{{11 * time.Second, "d"}, {26 * time.Second, "e"}}, second.woken)
}

// TestGatekeeperSweep: incidents that are silent for two minutes are looked
// after, the longest silent first; one that is gone gives back what it had.
func TestGatekeeperSweep(t *testing.T) {
	g := newGate(t, one())
	g.sweep = func(in activities.SweepInput) (activities.SweepOutput, error) {
		var out activities.SweepOutput
		for _, incident := range in.Incidents {
			if incident.Service == "b" || incident.Service == "a" && g.since() > 4*time.Minute {
				out.Gone = append(out.Gone, incident)
			}
		}
		return out, nil
	}
	long := func(service string) activities.AskInput {
		in := g.question(service)
		in.Lease = health.Duration(time.Hour)
		return in
	}
	g.at(10*time.Second, func() { g.rule(health.RuleClear, long("b")) })
	g.at(20*time.Second, func() { g.rule(health.RuleConcurrent, long("a")) })
	g.at(110*time.Second, func() { g.rule(health.RuleConcurrent, long("c")) })
	g.at(200*time.Second, func() {
		b := g.ledger().Accounts["b"]
		require.False(t, b.Down)
		require.Zero(t, b.Permit)
		require.Len(t, b.Spent, 1)
	})
	g.run(9 * time.Minute)
	require.Equal(t, "a", g.woken[0].service)
	begun := g.swept[0].at
	require.Equal(t, []swept{
		{begun, []string{"b", "a"}},
		{begun + time.Minute, []string{"c"}},
		{begun + 2*time.Minute, []string{"a"}},
		{begun + 3*time.Minute, []string{"c"}},
		{begun + 5*time.Minute, []string{"c"}},
	}, g.swept)
	require.InDelta(t, 2*time.Minute+30*time.Second, begun, float64(30*time.Second))
}

// TestGatekeeperSweepFails: what cannot be looked after stays as it is, and is
// looked after again; a sweep takes no more than its limit.
func TestGatekeeperSweepFails(t *testing.T) {
	g := newGate(t, one())
	g.sweep = func(activities.SweepInput) (activities.SweepOutput, error) {
		return activities.SweepOutput{}, errors.New("no connection")
	}
	g.at(0, func() {
		for n := range 300 {
			g.ask(func([]health.Decision) {}, g.question(fmt.Sprintf("s%03d", n)))
		}
	})
	g.run(5*time.Minute + 30*time.Second)
	require.Len(t, g.swept, 4)
	require.Len(t, g.swept[0].services, activities.SweepLimit)
	require.Len(t, g.swept[1].services, 100)
	require.Equal(t, "s200", g.swept[1].services[0])
	require.Len(t, g.swept[2].services, activities.SweepLimit)
}

// TestGatekeeperGoesHome: with nothing in its books the Gatekeeper stays for an
// hour; an account stays as long as a limit may look at it.
func TestGatekeeperGoesHome(t *testing.T) {
	idle := newGate(t, one())
	idle.ExecuteWorkflow(workflows.Gatekeeper, workflows.Ledger{})
	require.NoError(t, idle.GetWorkflowError())
	require.Equal(t, time.Hour, idle.since())

	busy := newGate(t, one())
	busy.at(0, func() { busy.ask(func([]health.Decision) {}, busy.question("a"), busy.question("b")) })
	busy.at(10*time.Second, func() { busy.release("a", true); busy.close("a", 1); busy.close("b", 1) })
	busy.at(2*time.Hour, func() { require.Contains(t, busy.ledger().Accounts, "a") })
	busy.at(2*time.Hour, func() { require.NotContains(t, busy.ledger().Accounts, "b") })
	busy.at(23*time.Hour, func() { require.Contains(t, busy.ledger().Accounts, "a") })
	busy.ExecuteWorkflow(workflows.Gatekeeper, workflows.Ledger{})
	require.NoError(t, busy.GetWorkflowError())
	require.InDelta(t, 25*time.Hour, busy.since(), float64(time.Hour+time.Minute))
}

// TestGatekeeperPage: the page in the Web UI says who has a permit, who waits
// and what is down, in no more than fifty lines.
func TestGatekeeperPage(t *testing.T) {
	g := newGate(t, activities.FleetLimits{ConcurrentRestarts: 1, Services: 200})
	page := func() string {
		value, err := g.QueryWorkflow("__temporal_workflow_metadata")
		require.NoError(t, err)
		var metadata sdk.WorkflowMetadata
		require.NoError(t, value.Get(&metadata))
		return metadata.CurrentDetails
	}
	g.at(0, func() { g.ask(func([]health.Decision) {}, g.question("a"), g.question("b")) })
	g.at(time.Second, func() {
		require.Equal(t, `**1 of 1 permits** to restart are out, 1 services wait for one, 2 of 200 are down

- a has a permit, at the latest until 2026-03-01 12:05:25 UTC
- b waits
- a is down: incident a@1
- b is down: incident b@1
`, page())
		for n := range 100 {
			g.ask(func([]health.Decision) {}, g.question(fmt.Sprintf("s%03d", n)))
		}
	})
	g.at(2*time.Second, func() {
		require.Contains(t, page(), "- and 53 more\n")
		require.LessOrEqual(t, strings.Count(page(), "\n"), 52)
	})
	g.run(3 * time.Second)
}

// largeLedger is that of a fleet of which everything is down and waits, and has
// been restarted before.
func largeLedger(services, restarts int) workflows.Ledger {
	random := rand.New(rand.NewPCG(1, 2))
	within := func(d time.Duration) time.Time { return noon.Add(time.Duration(random.Int64N(int64(d)))).UTC() }
	l := workflows.Ledger{Accounts: map[string]*workflows.Account{}, Limits: activities.FleetLimits{Services: services}}
	for n := range services {
		service := fmt.Sprintf("team-%02d-service-%05d", n%37, n)
		began := within(time.Hour)
		a := &workflows.Account{
			Incident: health.IncidentID(service, "", began), Workflow: workflows.RemediationID(service, ""),
			Run: fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", random.Uint32(), random.Uint32()>>16,
				random.Uint32()>>20, random.Uint32()>>20, random.Uint64()>>16),
			Down: true, SeenAt: within(time.Hour), StableFor: health.Duration(10 * time.Minute),
		}
		for range restarts {
			a.Spent = append(a.Spent, health.Spending{At: within(24 * time.Hour), Incident: a.Incident})
		}
		l.Accounts[service] = a
		l.Queue = append(l.Queue, service)
	}
	random.Shuffle(len(l.Queue), func(i, j int) { l.Queue[i], l.Queue[j] = l.Queue[j], l.Queue[i] })
	return l
}

// TestLedgerSize: a ledger goes from run to run as an input, of which Temporal
// takes 2 MB; it comes back as it was.
func TestLedgerSize(t *testing.T) {
	for _, ledger := range []workflows.Ledger{largeLedger(20_000, 0), largeLedger(20_000, 2), largeLedger(1001, 5)} {
		data, err := json.Marshal(ledger)
		require.NoError(t, err)
		t.Logf("%d accounts, %d restarts each: %d bytes", len(ledger.Accounts),
			len(ledger.Accounts[ledger.Queue[0]].Spent), len(data))
		require.Less(t, len(data), 1_500_000)
		var back workflows.Ledger
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, ledger, back)
		same, err := json.Marshal(ledger)
		require.NoError(t, err)
		require.Equal(t, data, same, "the same every time")
	}
}

// TestLedgerPacking: every field survives, packed or not.
func TestLedgerPacking(t *testing.T) {
	ledger := largeLedger(1001, 1)
	name := ledger.Queue[0]
	at := noon.Add(-48*time.Hour + 123456789*time.Nanosecond).UTC()
	*ledger.Accounts[name] = workflows.Account{
		Incident: "some other text", Workflow: "remediation/" + name + "/" + name, Run: "run", Down: true,
		SeenAt: at, ClosedAt: at.Add(1), StableFor: health.Duration(time.Second), Carried: 3, Others: 7,
		Permit: at.Add(2), Asked: at.Add(3), Woken: at.Add(4),
		Spent: []health.Spending{
			{At: at.Add(5), Incident: "some other text", Observed: true}, {At: at.Add(6), Incident: name + "@2"},
		},
	}
	for _, l := range []workflows.Ledger{
		ledger, {Accounts: map[string]*workflows.Account{name: ledger.Accounts[name]}, Queue: []string{name}}, {},
	} {
		data, err := json.Marshal(l)
		require.NoError(t, err)
		require.Equal(t, len(l.Accounts) > 1000, strings.HasPrefix(string(data), `{"packed":`))
		var back workflows.Ledger
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, l, back)
	}
}

// TestLedgerDamaged: what is no ledger is an error, and nothing else.
func TestLedgerDamaged(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                "reading a ledger",
		`{"packed":"AAAA"}`: "unpacking a ledger",
		`{"packed":"` + gzipped(t, `{"Service":["a"]}`) + `"}`: "columns are not of the same length",
		`{"packed":"` + gzipped(t, `{"Queue":[1]}`) + `"}`:     "columns are not of the same length",
		`{"packed":"` + gzipped(t, `[]`) + `"}`:                "unpacking a ledger",
		`{"accounts":[]}`:                                      "cannot unmarshal",
	} {
		require.ErrorContains(t, json.Unmarshal([]byte(text), new(workflows.Ledger)), want, text)
	}
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	_, err := compressed.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, compressed.Close())
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}
