package apply

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/remedy"
	"paramedic/workflows"
)

// step is a remedy of which only the title and the limit are asked for.
type step struct {
	title string
	limit time.Duration
}

func (step) Validate() option.Problems        { return nil }
func (s step) Title() string                  { return s.title }
func (s step) Limit() time.Duration           { return s.limit }
func (step) Open() (remedy.Remedy, error)     { return nil, nil }
func seconds(n time.Duration) health.Duration { return health.Duration(n * time.Second) }

func clickhouse() config.Service {
	return config.Service{
		Name:    "clickhouse",
		Runbook: "https://runbooks.example/clickhouse",
		Policy: config.Policy{
			Interval: seconds(60), RetryInterval: seconds(30), Timeout: seconds(10),
			FailureThreshold: 3, SuccessThreshold: 2, Watch: 10, Severity: "P1", Alerts: []string{"ops"},
		},
		Remediation: &config.Remediation{
			Host: "db1",
			RemediationPolicy: config.RemediationPolicy{
				Settle: seconds(10), Backoff: []health.Duration{seconds(10), seconds(30)},
				Limits: config.IncidentLimits{PerIncident: 3},
			},
			Steps: []config.Step{{Kind: "systemd", Options: step{"restart clickhouse-server.service", 90 * time.Second}}},
		},
	}
}

// existing is the schedule of a check as Temporal describes it.
func existing(t *testing.T, check workflows.Check) client.Schedule {
	t.Helper()
	payload, err := converter.GetDefaultDataConverter().ToPayload(check)
	require.NoError(t, err)
	started := action(check, "paramedic")
	started.Args = []any{payload}
	at := spec(check)
	return client.Schedule{Action: started, Spec: &at, Policy: policy(), State: &client.ScheduleState{}}
}

func TestCompareFindsNothingInItsOwnSchedule(t *testing.T) {
	check := CheckOf(clickhouse())
	schedule := existing(t, check)
	schedule.State = &client.ScheduleState{Paused: true, Note: "by hand"}
	require.True(t, compare(schedule, check, "paramedic").none())
}

func TestCompareNamesWhatChanged(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config.Service)
		want   []string
		moved  bool
	}{
		"a threshold": {func(s *config.Service) { s.FailureThreshold = 5 }, []string{"failure_threshold 3 → 5"}, false},
		"the interval and with it the watch": {func(s *config.Service) { s.Interval = seconds(30) },
			[]string{"interval 60s → 30s", "watch 10m → 5m"}, true},
		"something of the plan": {func(s *config.Service) { s.Remediation.Settle = seconds(20) },
			[]string{"remediation.settle 10s → 20s"}, false},
		"the steps": {func(s *config.Service) { s.Remediation.Steps[0].Options = step{"restart another.service", time.Minute} },
			[]string{"remediation.steps"}, false},
		"a runbook that is gone": {func(s *config.Service) { s.Runbook = "" },
			[]string{"runbook https://runbooks.example/clickhouse → none"}, false},
		"a receiver": {func(s *config.Service) { s.Alerts = []string{"ops", "log"} },
			[]string{`alerts ["ops"] → ["ops","log"]`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := clickhouse(), clickhouse()
			test.change(&after)
			diff := compare(existing(t, CheckOf(before)), CheckOf(after), "paramedic")
			require.Equal(t, test.want, diff.fields)
			require.Equal(t, test.moved, diff.moved)
		})
	}
}

func TestCompareSeesEditsByHand(t *testing.T) {
	check := CheckOf(clickhouse())
	for name, test := range map[string]struct {
		edit func(*client.Schedule)
		want string
	}{
		"another interval":  {func(s *client.Schedule) { s.Spec.Intervals[0].Every = time.Hour }, "schedule spec"},
		"a cron expression": {func(s *client.Schedule) { s.Spec.Calendars = make([]client.ScheduleCalendarSpec, 1) }, "schedule spec"},
		"another overlap":   {func(s *client.Schedule) { s.Policy.Overlap = enumspb.SCHEDULE_OVERLAP_POLICY_SKIP }, "schedule policy"},
		"a shorter timeout": {func(s *client.Schedule) { monitorOf(s).WorkflowRunTimeout = time.Second }, "workflow options"},
		"unreadable input":  {func(s *client.Schedule) { monitorOf(s).Args = []any{&commonpb.Payload{}} }, "check"},
	} {
		t.Run(name, func(t *testing.T) {
			schedule := existing(t, check)
			test.edit(&schedule)
			require.Equal(t, test.want, compare(schedule, check, "paramedic").String())
		})
	}
}

func monitorOf(schedule *client.Schedule) *client.ScheduleWorkflowAction {
	return schedule.Action.(*client.ScheduleWorkflowAction)
}

func TestScheduleFiresOnWholeSecondsWithinTheWatch(t *testing.T) {
	check := CheckOf(clickhouse())
	interval := spec(check).Intervals[0]
	require.Equal(t, 10*time.Minute, interval.Every)
	require.Zero(t, interval.Offset%time.Second)
	require.Less(t, interval.Offset, interval.Every)
	require.Greater(t, action(check, "q").WorkflowRunTimeout, interval.Every)
}

func TestMissingAttributes(t *testing.T) {
	all := SearchAttributes()
	missing, err := missingAttributes(all)
	require.NoError(t, err)
	require.Empty(t, missing)

	missing, err = missingAttributes(nil)
	require.NoError(t, err)
	require.Equal(t, all, missing)

	all["Severity"] = enumspb.INDEXED_VALUE_TYPE_INT
	_, err = missingAttributes(all)
	require.EqualError(t, err, "search attributes of this namespace have other types than paramedic needs: "+
		"Severity is Int and must be Keyword; use another namespace")
}

func TestForeignSchedulesAreNamed(t *testing.T) {
	require.ErrorContains(t, foreign("web", "other"), `schedule monitor/web belongs to the paramedic on task queue "other"`)
	require.ErrorContains(t, foreign("web", ""), "was not made by paramedic")
	require.Empty(t, ownerOf(nil))
}
