package workflows_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// letters are the ids of the dead letters.
func letters(state workflows.OutboxState) []string {
	var ids []string
	for _, letter := range state.Dead {
		ids = append(ids, letter.ID)
	}
	return ids
}

// TestOutboxResend: dead letters are sent again, one or all, with the keys that
// they had; nonsense is refused with a sentence.
func TestOutboxResend(t *testing.T) {
	p := newPostbox(t, 0, 2)
	mended := false
	p.deliver = func(int, activities.DeliverInput) error {
		if mended {
			return nil
		}
		return errNever
	}
	second := time.Second
	p.at(0, func() { p.resend("", "ann", 0, "there are no dead letters") })
	p.at(1*second, func() { p.post(down("a")); p.post(down("b"), down("c"), recovered("b")) })
	p.at(2*second, func() { require.Equal(t, []string{"d1", "d2", "d3", "d4"}, letters(p.state())) })
	p.at(3*second, func() {
		p.resend("d9", "ann", 0, `there is no dead letter "d9"; there are d1, d2, d3, d4`)
		p.resend("d1", " ", 0, "to send dead letters again needs a name: who says so?")
		p.resend("d1", "ann", 1, "") // and is refused again
	})
	p.at(4*second, func() {
		require.Equal(t, []string{"d2", "d3", "d4", "d5"}, letters(p.state()))
		mended = true
		p.resend("d5", "bob", 1, "")
	})
	p.at(5*second, func() {
		require.Equal(t, []string{"d2", "d3", "d4"}, letters(p.state()))
		p.post(down("c")) // it was seen
		p.resend("", "ann", 3, "")
	})
	p.at(6*second, func() {
		state := p.state()
		require.Empty(t, state.Dead)
		require.Equal(t, []int{4, 5, 0}, []int{state.Delivered, state.Lost, state.Dropped})
	})
	p.finish()
	require.Equal(t, [][]string{{"b/down", "b/recovered"}, {"c/down"}}, p.messages()[5:])
	require.Contains(t, fmt.Sprint(p.logged), "outbox of ops: 3 dead letters are sent again, says ann")
	require.Equal(t, 5*second+time.Hour, p.since(), "with no dead letter left it goes home")
}

// TestOutboxManyDeadLetters: the oldest make room, and are counted; a refusal
// names some.
func TestOutboxManyDeadLetters(t *testing.T) {
	p := newPostbox(t, time.Second, 200)
	p.deliver = func(int, activities.DeliverInput) error { return errNever }
	var crowd []health.Alert
	for n := range 510 {
		alert := down(fmt.Sprint("s", n))
		alert.Evidence = "the last lines"
		crowd = append(crowd, alert)
	}
	p.crowd(0, crowd...)
	p.at(time.Minute, func() {
		state := p.state()
		require.Len(t, state.Dead, 500)
		require.Equal(t, "d11", state.Dead[0].ID)
		require.Empty(t, state.Dead[0].Alert.Evidence)
		require.Equal(t, []int{0, 510, 10}, []int{state.Delivered, state.Lost, state.Dropped})
		p.resend("d1", "ann", 0, `there is no dead letter "d1"; there are d11, d12, d13, d14, d15, d16, d17, d18, `+
			"d19, d20, d21, d22, d23, d24, d25, d26, d27, d28, d29, d30 and 480 more")
	})
	p.run(2 * time.Minute)
}

// TestOutboxCrowd: when too many wait, they lose their evidence, and updates
// make room: never the first word, never the last. Incidents hear of it.
func TestOutboxCrowd(t *testing.T) {
	p := newPostbox(t, 0, 200)
	p.deliver = func(_ int, in activities.DeliverInput) error {
		if p.since() < time.Hour {
			return errAway
		}
		return nil
	}
	detailed := func(alert health.Alert) health.Alert {
		alert.Evidence = "the last lines"
		return alert
	}
	p.at(0, func() { p.post(detailed(down("first"))) })
	p.at(time.Second, func() {
		for n := range 50 {
			p.post(detailed(down(fmt.Sprint("s", n))))
		}
	})
	p.at(2*time.Second, func() { require.NotEmpty(t, p.state().Waiting[49].Evidence) })
	var crowd []health.Alert
	for n := range 10 {
		crowd = append(crowd, detailed(say("s1", health.AlertUpdate, n)))
	}
	for n := range 2000 {
		crowd = append(crowd, detailed(recovered(fmt.Sprint("s", n))))
	}
	p.crowd(3*time.Second, crowd...)
	p.at(time.Minute, func() {
		state := p.state()
		require.Len(t, state.Waiting, 2050)
		require.Equal(t, 10, state.Dropped)
		require.Equal(t, "s0/recovered", state.Waiting[50].DedupKey)
	})
	p.finish()
	require.Equal(t, 1, p.tries[0].with, "a group that was tried stays as it is")
	delivered := 0
	for _, try := range p.tries {
		if try.at >= time.Hour {
			delivered += len(try.keys)
			require.LessOrEqual(t, len(try.keys), 200)
			require.LessOrEqual(t, try.with, 1)
		}
	}
	require.Equal(t, 2051, delivered)
	require.Equal(t, "an update, dropped because too many alerts wait for this receiver", p.reported("s1/update-0").Error)
}

// TestOutboxContinues: a run hands over what waits, what is being tried and what
// failed, with every alert that has arrived, and the next one goes on with it.
func TestOutboxContinues(t *testing.T) {
	first := newPostbox(t, 0, 2)
	first.deliver = func(_ int, in activities.DeliverInput) error {
		if in.Alerts[0].Service == "d" {
			return errNever
		}
		return errAway
	}
	first.at(0, func() { first.post(down("d")) })
	first.at(time.Second, func() { first.post(down("a")) })
	first.at(5*time.Second, func() { first.post(down("b")) })
	first.at(9*time.Second, func() { first.post(down("c"), recovered("a")) })
	in := first.rotate(10*time.Second, workflows.OutboxState{})
	require.Equal(t, 10*time.Second, first.since(), "also while it backs off")
	require.Equal(t, []string{"d1"}, letters(in))
	require.Len(t, in.Sending, 1)
	require.Len(t, in.Waiting, 3)
	require.Equal(t, 4, in.Tries)
	require.Equal(t, 1, in.LastID)
	require.Len(t, in.Seen, 5)

	second := newPostbox(t, 0, 2)
	second.SetStartTime(noon.Add(first.since()))
	second.deliver = func(n int, _ activities.DeliverInput) error {
		if n == 1 {
			return errNever
		}
		return nil
	}
	second.at(0, func() { second.post(down("b")) }) // handed over twice
	second.at(time.Minute, func() {
		require.Equal(t, []string{"d1", "d2"}, letters(second.state()), "ids go on")
		second.CancelWorkflow()
	})
	second.ExecuteWorkflow(workflows.Outbox, in)
	require.Equal(t, [][]string{{"a/down"}, {"b/down", "c/down"}, {"a/recovered"}}, second.messages())
	require.Equal(t, []float64{16, 16, 16}, second.times(), "the back-off goes on")
}

// TestOutboxContinuesInACrowd: however much waits, the next run gets it, in less
// than a megabyte.
func TestOutboxContinuesInACrowd(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := newPostbox(t, 0, 200)
	p.deliver = func(n int, _ activities.DeliverInput) error {
		if n < 3 {
			return errNever
		}
		return errAway
	}
	wordy := func(alert health.Alert) health.Alert {
		alert.Run = fmt.Sprintf("%016x-%016x", random.Uint64(), random.Uint64())
		alert.Impact = fmt.Sprintf("orders %d cannot be placed by anybody <at all> & nobody is paid", random.IntN(1e6))
		alert.Evidence = fmt.Sprintf("%4000d", random.Uint64())
		return alert
	}
	var crowd []health.Alert
	for n := range 3000 {
		crowd = append(crowd, wordy(down(fmt.Sprint("s", n))))
	}
	p.crowd(0, crowd...)
	p.at(30*time.Second, func() { require.Less(t, jsonSize(t, p.state()), 2_000_000, "an answer has a limit, too") })
	in := p.rotate(time.Minute, workflows.OutboxState{})
	require.Less(t, jsonSize(t, in), 1_000_000)
	require.NotEmpty(t, in.Packed)
	require.Zero(t, in.Dropped)

	next := newPostbox(t, 0, 200)
	next.SetStartTime(noon.Add(p.since()))
	next.at(time.Hour, next.CancelWorkflow)
	next.ExecuteWorkflow(workflows.Outbox, in)
	delivered := 0
	for _, keys := range next.messages() {
		delivered += len(keys)
	}
	require.Equal(t, 3000, delivered+in.Lost)
}

// TestOutboxContinuesAtTheLimit: what cannot be carried on is buried and counted,
// and the incidents hear of it before the run ends.
func TestOutboxContinuesAtTheLimit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	p := newPostbox(t, 0, 1)
	p.deliver = func(int, activities.DeliverInput) error { return errAway }
	noise := func(alert health.Alert) health.Alert {
		text := make([]byte, 2000)
		for i := range text {
			text[i] = byte('!' + random.IntN(90))
		}
		alert.Impact = string(text)
		return alert
	}
	var crowd []health.Alert
	for n := range 600 {
		crowd = append(crowd, noise(down(fmt.Sprint("s", n))))
	}
	p.crowd(0, crowd...)
	in := p.rotate(time.Minute, workflows.OutboxState{})
	require.Less(t, jsonSize(t, in), 1_000_000)
	require.Positive(t, in.Lost)
	require.Len(t, p.reports, in.Lost)
	require.Equal(t, "too many alerts wait for this receiver", p.reported("s1/down").Error, "the oldest that waits goes first")
}

func jsonSize(t *testing.T, value any) int {
	t.Helper()
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return len(data)
}
