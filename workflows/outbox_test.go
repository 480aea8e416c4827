package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// TestOutboxForty: forty services that go down within 30 s give one message
// with forty lines, 30 s after the first; then the Outbox goes home.
func TestOutboxForty(t *testing.T) {
	p := newPostbox(t, 30*time.Second, 200)
	for n := range 40 {
		p.at(time.Second+time.Duration(n)*700*time.Millisecond, func() { p.post(down(fmt.Sprintf("s%02d", n))) })
	}
	p.finish()
	require.Len(t, p.tries, 1)
	require.Equal(t, 31*time.Second, p.tries[0].at)
	require.Len(t, p.tries[0].keys, 40)
	for n, key := range p.tries[0].keys {
		require.Equal(t, fmt.Sprintf("s%02d/down", n), key, "oldest first")
	}
	require.Len(t, p.reports, 40)
	require.Equal(t, 31*time.Second+time.Hour, p.since(), "it goes home an hour after the last message")
}

// TestOutboxWait: with no wait an alert goes at once, and what came while a
// message was on its way goes together in the next.
func TestOutboxWait(t *testing.T) {
	p := newPostbox(t, 0, 10)
	p.takes = 5 * time.Second
	p.at(1*time.Second, func() { p.post(down("a")) })
	p.at(2*time.Second, func() { p.post(down("b")) })
	p.at(3*time.Second, func() { p.post(down("c")) })
	p.finish()
	require.Equal(t, [][]string{{"a/down"}, {"b/down", "c/down"}}, p.messages())
}

// TestOutboxBatch: a message holds no more than the receiver takes; a full one
// does not wait for more.
func TestOutboxBatch(t *testing.T) {
	p := newPostbox(t, 30*time.Second, 3)
	p.at(time.Second, func() { p.post(down("a"), down("b")) })
	p.at(2*time.Second, func() { p.post(down("c"), down("d"), down("e"), down("f"), down("g")) })
	p.at(50*time.Second, func() { p.post(down("h")) })
	p.finish()
	require.Equal(t, [][]string{{"a/down", "b/down", "c/down"}, {"d/down", "e/down", "f/down"}, {"g/down"}, {"h/down"}}, p.messages())
	require.Equal(t, []float64{2, 2, 32, 80}, p.times())
}

// TestOutboxLeftOver: who has waited behind a message goes right after it, also
// when the receiver does not take all at once.
func TestOutboxLeftOver(t *testing.T) {
	p := newPostbox(t, 30*time.Second, 3)
	p.takes = 40 * time.Second
	p.at(0, func() { p.post(down("a")) })
	p.at(35*time.Second, func() { p.post(down("b"), down("c"), down("d"), down("e")) })
	p.finish()
	require.Equal(t, [][]string{{"a/down"}, {"b/down", "c/down", "d/down"}, {"e/down"}}, p.messages())
	require.Equal(t, []float64{70, 110, 150}, p.times())
}

// TestOutboxOutageAndEnd: what waits of one incident goes in one message, in
// order, also when others came in between.
func TestOutboxOutageAndEnd(t *testing.T) {
	p := newPostbox(t, 0, 2)
	p.deliver = func(n int, _ activities.DeliverInput) error {
		if n < 3 {
			return errAway
		}
		return nil
	}
	p.at(time.Second, func() { p.post(down("x")) })
	p.at(2*time.Second, func() { p.post(down("a"), down("b"), down("c"), recovered("a"), recovered("b")) })
	p.finish()
	require.Equal(t, [][]string{
		{"x/down"}, {"x/down"}, {"x/down"}, {"a/down", "a/recovered"}, {"b/down", "b/recovered"}, {"c/down"},
	}, p.messages())
}

// TestOutboxBackoff: tries are 1, 2, 4 ... seconds apart, at most five minutes,
// and bring the same group; it is given up at the first failure after 24 hours.
// Who comes meanwhile waits.
func TestOutboxBackoff(t *testing.T) {
	p := newPostbox(t, 30*time.Second, 10)
	p.deliver = func(_ int, in activities.DeliverInput) error {
		if in.Alerts[0].Service == "a" {
			return errAway
		}
		return nil
	}
	p.at(time.Second, func() { p.post(down("a"), down("b")) })
	p.at(40*time.Second, func() { p.post(down("c")) })
	p.at(time.Hour, func() {
		state := p.state()
		require.Equal(t, "connection refused", state.Error)
		require.Equal(t, noon.Add(31*time.Second), state.Since.UTC())
		require.Equal(t, 20, state.Tries)
		require.Equal(t, noon.Add(31*time.Second+511*time.Second+11*5*time.Minute), state.RetryAt.UTC())
		require.Len(t, state.Waiting, 1)
	})
	p.run(25 * time.Hour)
	failed := p.tries[:len(p.tries)-1]
	for n, at := range []time.Duration{0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111} {
		require.Equal(t, 31*time.Second+at*time.Second, failed[n].at, "try %d", n+1)
	}
	for _, try := range failed {
		require.Equal(t, []string{"a/down", "b/down"}, try.keys, "a group stays as it was first tried")
	}
	last := failed[len(failed)-1].at - failed[0].at
	require.GreaterOrEqual(t, last, 24*time.Hour)
	require.Less(t, last, 24*time.Hour+5*time.Minute)
	require.Equal(t, []string{"c/down"}, p.tries[len(failed)].keys)
	require.Equal(t, failed[len(failed)-1].at, p.tries[len(failed)].at, "who waited goes at once")
	require.Equal(t, []string{"connection refused", "connection refused", ""},
		[]string{p.reported("a/down").Error, p.reported("b/down").Error, p.reported("c/down").Error})
}

// TestOutboxBusy: a receiver that asks for time gets it, if it is longer than
// the wait would be anyway, and at most an hour.
func TestOutboxBusy(t *testing.T) {
	p := newPostbox(t, 0, 10)
	asked := []time.Duration{17 * time.Second, time.Second, 3 * time.Hour}
	p.deliver = func(n int, _ activities.DeliverInput) error {
		if n > len(asked) {
			return nil
		}
		return temporal.NewApplicationErrorWithOptions("slow down", "Busy",
			temporal.ApplicationErrorOptions{NextRetryDelay: asked[n-1]})
	}
	p.at(0, func() { p.post(down("a")) })
	p.finish()
	require.Equal(t, []float64{0, 17, 19, 3619}, p.times())
}

// TestOutboxWorkerDies: a try that nobody finished is made again.
func TestOutboxWorkerDies(t *testing.T) {
	p := newPostbox(t, 0, 10)
	p.deliver = func(n int, _ activities.DeliverInput) error {
		if n == 1 {
			return temporal.NewTimeoutError(enums.TIMEOUT_TYPE_START_TO_CLOSE, nil)
		}
		return nil
	}
	p.at(0, func() { p.post(down("a")) })
	p.finish()
	require.Equal(t, []float64{0, 1}, p.times())
	require.Empty(t, p.reported("a/down").Error)
}

// TestOutboxFinal: what is refused is not tried again, and holds up nobody.
func TestOutboxFinal(t *testing.T) {
	for _, kind := range []string{activities.TypeRefused, activities.TypeNotConfigured} {
		p := newPostbox(t, 0, 1)
		p.deliver = func(_ int, in activities.DeliverInput) error {
			if in.Alerts[0].Service == "a" {
				return temporal.NewNonRetryableApplicationError("bad token", kind, nil)
			}
			return nil
		}
		p.at(0, func() { p.post(down("a"), down("b")) })
		p.at(time.Second, func() {
			state := p.state()
			require.Equal(t, []int{1, 1, 0}, []int{state.Delivered, state.Lost, state.Dropped})
			letter := state.Dead[0]
			require.Equal(t, noon, letter.At.UTC())
			letter.At, letter.Alert = time.Time{}, health.Alert{}
			require.Equal(t, health.DeadLetter{ID: "d1", Receiver: "ops", Error: "bad token", Tries: 1}, letter)
		})
		p.run(3 * time.Hour) // it stays while there is a dead letter
		require.Equal(t, []float64{0, 0}, p.times())
		require.Equal(t, "bad token", p.reported("a/down").Error)
		require.Equal(t, report{"remediation/b", workflows.Delivered{
			Receiver: "ops", Status: health.AlertDown, DedupKey: "b/down",
		}}, p.reported("b/down"))
		require.Contains(t, fmt.Sprint(p.logged), "level=ERROR msg=\"ALERT LOST: ops could not be told that a is down: bad token; dead letter ops/d1\"")
	}
}

// TestOutboxDuplicates: an alert that is handed over twice is sent once, while
// it waits, while it is tried and afterwards.
func TestOutboxDuplicates(t *testing.T) {
	p := newPostbox(t, 0, 10)
	p.takes = 10 * time.Second
	for _, at := range []time.Duration{0, 1, 2, 3, 20, 30} {
		p.at(at*time.Second, func() { p.post(down("a")) })
	}
	p.at(2*time.Second, func() { p.post(down("b"), down("b")) })
	p.finish()
	require.Equal(t, [][]string{{"a/down"}, {"b/down"}}, p.messages())
}

// TestOutboxDuplicatesInACrowd: also when more than are remembered came between.
func TestOutboxDuplicatesInACrowd(t *testing.T) {
	p := newPostbox(t, time.Minute, 1000)
	var crowd []health.Alert
	for n := range 600 {
		crowd = append(crowd, down(fmt.Sprint("s", n)))
	}
	p.crowd(0, crowd...)
	p.crowd(time.Second, crowd...)
	p.at(2*time.Second, func() { require.Len(t, p.state().Seen, 500) })
	p.finish()
	require.Len(t, p.tries, 1)
	require.Len(t, p.tries[0].keys, 600)
}

// TestOutboxClosedIncident: an incident that is over hears nothing, which
// disturbs nobody; an alert without one is not reported.
func TestOutboxClosedIncident(t *testing.T) {
	p := newPostbox(t, 0, 10)
	p.closed = map[string]bool{"remediation/a": true}
	p.at(0, func() {
		nobody := down("n")
		nobody.Workflow = ""
		p.post(recovered("a"), nobody, recovered("b"))
	})
	p.finish()
	require.Len(t, p.reports, 1)
	require.Equal(t, "remediation/b", p.reports[0].workflow)
}

// TestOutboxCancelled: a human who cancels an Outbox learns what is lost with
// it, and so do the incidents.
func TestOutboxCancelled(t *testing.T) {
	p := newPostbox(t, 0, 1)
	p.deliver = func(int, activities.DeliverInput) error { return errAway }
	p.at(time.Second, func() { p.post(down("a"), down("b")) })
	p.at(10*time.Second, p.CancelWorkflow)
	p.ExecuteWorkflow(workflows.Outbox, workflows.OutboxState{})
	require.True(t, temporal.IsCanceledError(p.GetWorkflowError()), "%v", p.GetWorkflowError())
	lost := 0
	for _, report := range p.reports {
		require.Equal(t, "its outbox was cancelled", report.Error)
		lost++
	}
	require.Equal(t, 2, lost)
	require.Contains(t, strings.Join(p.logged, ""), "ALERT LOST: ops could not be told that b is down: its outbox was cancelled")
}
