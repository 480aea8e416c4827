package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// Outbox sends the alerts of one receiver: first in, first out, several in one
// message where they come together, each again and again until it is taken or
// has failed for good. It outlives the incidents that it speaks of, and is one
// for all of them, so that forty outages give one mail. Its input is the state
// of an earlier run.
func Outbox(ctx workflow.Context, state OutboxState) error {
	state, err := state.unpacked()
	if err != nil {
		return err
	}
	o := &outbox{OutboxState: state, logger: workflow.GetLogger(ctx), recorder: recorderOf(ctx)}
	if err := o.listen(ctx); err != nil {
		return err
	}
	for {
		o.describe(ctx)
		switch {
		case workflow.GetInfo(ctx).GetContinueAsNewSuggested():
			return o.continueAsNew(ctx)
		case len(o.Sending) > 0:
			o.send(ctx)
		case len(o.Waiting) > 0:
			o.gather(ctx)
		case o.rest(ctx):
			// What came while it was about to go home is sent before it goes.
			if err := o.hearOut(ctx); err != nil || len(o.Waiting) == 0 {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			o.abandon(ctx)
			return err
		}
	}
}

const (
	// outboxIdle is how long an Outbox with nothing to do stays.
	outboxIdle = time.Hour
	// seenLimit is how many dedup keys are remembered, against alerts that are
	// handed over twice.
	seenLimit = 500
)

// outbox is one run of an Outbox.
type outbox struct {
	// OutboxState is what goes from run to run.
	OutboxState
	logger log.Logger
	// recorder shows to people what waits and what is lost.
	recorder Recorder
	// external counts the reports to incidents that are on their way.
	external int
}

// listen takes alerts for as long as the run lasts.
func (o *outbox) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, QueryOutbox, func() (OutboxState, error) { return o.shown(), nil })
	if err != nil {
		return fmt.Errorf("registering the %s query: %w", QueryOutbox, err)
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, UpdateResend, o.resend,
		workflow.UpdateHandlerOptions{Validator: o.validateResend})
	if err != nil {
		return fmt.Errorf("registering the %s update: %w", UpdateResend, err)
	}
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	posts := workflow.NewNamedSelector(ctx, "posts")
	receive(ctx, posts, activities.SignalPost, func(post activities.Post) { o.take(ctx, post) })
	workflow.GoNamed(ctx, "posts", func(ctx workflow.Context) {
		for {
			posts.Select(ctx)
		}
	})
	return nil
}

// take puts an alert at the end of those that wait, unless it was there before.
func (o *outbox) take(ctx workflow.Context, post activities.Post) {
	o.Receiver, o.Grouping = post.Receiver, post.Grouping
	if o.knows(post.Alert.DedupKey) {
		return
	}
	o.Seen = append(o.Seen, post.Alert.DedupKey)
	o.Seen = o.Seen[max(0, len(o.Seen)-seenLimit):]
	o.enqueue(ctx, post.Alert)
	o.describe(ctx)
}

// knows reports whether the alert with a key was taken already. In a crowd,
// what still waits may be older than what is remembered.
func (o *outbox) knows(key string) bool {
	has := func(alert health.Alert) bool { return alert.DedupKey == key }
	return key != "" && (slices.Contains(o.Seen, key) ||
		slices.ContainsFunc(o.Sending, has) || slices.ContainsFunc(o.Waiting, has))
}

func (o *outbox) enqueue(ctx workflow.Context, alert health.Alert) {
	if len(o.Waiting) == 0 {
		o.WaitingSince = workflow.Now(ctx)
	}
	o.Waiting = append(o.Waiting, alert)
	o.bound(ctx)
}

// gather waits for what comes within the time of a group, and makes a group of
// it. From then on its composition stays, over all tries.
func (o *outbox) gather(ctx workflow.Context) {
	full := func() bool { return len(o.Waiting) >= o.batch() }
	if left := o.Grouping.Wait.Std() - workflow.Now(ctx).Sub(o.WaitingSince); left > 0 && !full() {
		options := workflow.AwaitOptions{
			Timeout: left, TimerOptions: workflow.TimerOptions{Summary: "wait for alerts to send together"},
		}
		if _, err := workflow.AwaitWithOptions(ctx, options, full); err != nil {
			return
		}
	}
	// What is left over has waited as long, and goes next without a pause.
	o.Sending, o.Waiting = compose(o.Waiting, o.batch())
	o.Tries, o.Since, o.RetryAt = 0, time.Time{}, time.Time{}
}

// compose splits off the next group: the oldest alerts, and before others what
// else waits of their incidents, so that people read of an outage and of its
// end at the same time. Both parts keep their order, and so does each incident.
func compose(waiting []health.Alert, batch int) (group, left []health.Alert) {
	chosen, places := make([]bool, len(waiting)), batch
	for i := 0; i < len(waiting) && places > 0; i++ {
		for j := i; j < len(waiting) && places > 0; j++ {
			if !chosen[j] && (i == j || waiting[i].Incident != "" && waiting[i].Incident == waiting[j].Incident) {
				chosen[j] = true
				places--
			}
		}
	}
	for i, alert := range waiting {
		if chosen[i] {
			group = append(group, alert)
		} else {
			left = append(left, alert)
		}
	}
	return group, left
}

// batch is the most alerts in one message.
func (o *outbox) batch() int { return max(1, o.Grouping.Batch) }

// rest waits for something to do, and reports whether nothing came. With dead
// letters it stays, however long.
func (o *outbox) rest(ctx workflow.Context) (idle bool) {
	busy := func() bool { return len(o.Waiting) > 0 }
	if len(o.Dead) > 0 {
		_ = workflow.Await(ctx, busy)
		return false
	}
	options := workflow.AwaitOptions{Timeout: outboxIdle, TimerOptions: workflow.TimerOptions{Summary: "go home if there is nothing to send"}}
	came, err := workflow.AwaitWithOptions(ctx, options, func() bool { return busy() || len(o.Dead) > 0 })
	return !came && err == nil
}

// abandon tells the log and the incidents what is lost with an Outbox that a
// human cancels.
func (o *outbox) abandon(ctx workflow.Context) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	const why = "its outbox was cancelled"
	for _, alert := range slices.Concat(o.Sending, o.Waiting) {
		o.logger.Error(fmt.Sprintf("ALERT LOST: %s could not be told that %s is %s: %s", o.Receiver, alert.Service, alert.Status, why))
		o.report(ctx, alert, why)
	}
	_ = workflow.Await(ctx, func() bool { return o.external == 0 })
}

// continueAsNew takes everything into a fresh history. If something has to make
// room for that, the incidents hear of it before the run ends.
func (o *outbox) continueAsNew(ctx workflow.Context) error {
	for {
		if err := o.hearOut(ctx); err != nil {
			return err
		}
		state, fits, err := o.packed(ctx)
		if err != nil {
			return err
		}
		if fits {
			return workflow.NewContinueAsNewError(ctx, OutboxType, state)
		}
	}
}

// hearOut takes every message that has arrived, and lets every report arrive,
// before the run ends.
func (o *outbox) hearOut(ctx workflow.Context) error {
	heard := false
	workflow.Go(ctx, func(workflow.Context) { heard = true })
	// The listener was there first, and so has its turn before heard is set.
	return workflow.Await(ctx, func() bool { return heard && o.external == 0 && workflow.AllHandlersFinished(ctx) })
}
