package main

import (
	"io"
	"log/slog"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"paramedic/internal/config"
	"paramedic/workflows"
)

// knows is a registry that notes what a worker is made to know.
type knows struct {
	worker.Registry
	workflows  int
	activities []string
}

func (k *knows) RegisterWorkflowWithOptions(any, workflow.RegisterOptions) { k.workflows++ }

func (k *knows) RegisterActivity(a any) {
	k.activities = append(k.activities, reflect.TypeOf(a).Elem().Name())
}

func (k *knows) RegisterActivityWithOptions(a any, _ activity.RegisterOptions) { k.RegisterActivity(a) }

// A worker does at each queue what that queue is for, and nothing else.
func TestQueues(t *testing.T) {
	everything := []string{"Alerts", "Batches", "Incidents", "Permits", "Probes", "Remedies"}
	for name, c := range map[string]struct {
		flags flags
		want  map[string][]string
	}{
		"a worker": {flags{}, map[string][]string{workflows.TaskQueue: everything}},
		"a worker at a vantage point": {flags{vantage: "eu"}, map[string][]string{
			workflows.TaskQueue: everything, "vantage/eu": {"Batches"},
		}},
		"an agent at a vantage point": {flags{agent: true, vantage: "eu"}, map[string][]string{"vantage/eu": {"Batches"}}},
		"an agent that does both": {flags{agent: true, host: "db1", vantage: "eu"}, map[string][]string{
			"host/db1": {"Remedies"}, "vantage/eu": {"Batches"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &process{flags: c.flags, cfg: &config.Config{}}
			got := map[string][]string{}
			for _, q := range p.queues(nil, nil) {
				var k knows
				q.register(&k)
				slices.Sort(k.activities)
				got[q.name] = k.activities
				main := q.name == workflows.TaskQueue
				require.Equal(t, main, k.workflows > 0, q.name)
				require.Equal(t, main, !q.options.DisableWorkflowWorker, q.name)
				require.Equal(t, drainLimit, q.options.WorkerStopTimeout, q.name)
				if q.name == "vantage/eu" {
					require.Equal(t, batchSlots, q.options.MaxConcurrentActivityExecutionSize)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// The SDK takes what each queue is given.
func TestQueuesMakeWorkers(t *testing.T) {
	lazy, err := client.NewLazyClient(client.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer lazy.Close()
	p := &process{flags: flags{host: "db1", vantage: "eu"}, cfg: &config.Config{}}
	for _, q := range p.queues(lazy, nil) {
		require.NotPanics(t, func() { q.register(worker.New(lazy, q.name, q.options)) }, q.name)
	}
}

func TestFlagsThatCannotBe(t *testing.T) {
	for want, f := range map[string]flags{
		"name one, as in --agent --host db1":         {agent: true},
		`--vantage "eu west" cannot name a vantage`:  {vantage: "eu west"},
		`--vantage "../eu" cannot name a vantage`:    {vantage: "../eu"},
		"write letters, digits, dots, dashes and un": {vantage: "-"},
	} {
		require.ErrorContains(t, f.check(), want)
		require.ErrorContains(t, work(t.Context(), func() {}, f, io.Discard, io.Discard), want)
	}
	for _, f := range []flags{{}, {vantage: "eu-west.1"}, {agent: true, host: "db1"}, {agent: true, vantage: "eu"}} {
		require.NoError(t, f.check())
	}
}

// A name that no service knows is worth a warning: it may be a slip.
func TestVantagePointThatNobodyKnows(t *testing.T) {
	cfg := &config.Config{Services: []config.Service{{Name: "web"}, {Name: "shops", Fleet: &config.Fleet{Vantage: []string{"eu", "us"}}}}}
	require.True(t, looksFrom(cfg, "us"))
	require.False(t, looksFrom(cfg, "su"))
}
