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
	o := &outbox{OutboxState: state, logger: workflow.GetLogger(ctx)}
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
			return o.hearOut(ctx)
		}
		if err := ctx.Err(); err != nil {
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
	// waitingLimit is how many alerts wait before updates are dropped, the
	// oldest first; evidenceWaiting how many before they lose their evidence.
	waitingLimit    = 2000
	evidenceWaiting = 50
)

// outbox is one run of an Outbox.
type outbox struct {
	// OutboxState is what goes from run to run.
	OutboxState
	logger log.Logger
	// external counts the reports to incidents that are on their way.
	external int
}

// listen takes alerts for as long as the run lasts.
func (o *outbox) listen(ctx workflow.Context) error {
	err := workflow.SetQueryHandler(ctx, QueryOutbox, func() (OutboxState, error) { return o.OutboxState, nil })
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

// take puts an alert at the end of those that wait, unless it is there already.
func (o *outbox) take(ctx workflow.Context, post activities.Post) {
	o.Receiver, o.Grouping = post.Receiver, post.Grouping
	if slices.Contains(o.Seen, post.Alert.DedupKey) {
		return
	}
	o.Seen = append(o.Seen, post.Alert.DedupKey)
	o.Seen = o.Seen[max(0, len(o.Seen)-seenLimit):]
	o.enqueue(ctx, post.Alert)
}

func (o *outbox) enqueue(ctx workflow.Context, alert health.Alert) {
	if len(o.Waiting) == 0 {
		o.WaitingSince = workflow.Now(ctx)
	}
	if len(o.Waiting) >= evidenceWaiting {
		alert.Evidence = ""
	}
	o.Waiting = append(o.Waiting, alert)
	if len(o.Waiting) > waitingLimit {
		o.makeRoom()
	}
}

// makeRoom drops the oldest update: it says less than the first word and the
// last, which are never dropped.
func (o *outbox) makeRoom() {
	oldest := slices.IndexFunc(o.Waiting, func(a health.Alert) bool { return a.Stage == health.AlertUpdate })
	if oldest < 0 {
		return
	}
	o.logger.Error(fmt.Sprintf("outbox of %s: more than %d alerts wait, an update of %s is dropped",
		o.Receiver, waitingLimit, o.Waiting[oldest].Incident))
	o.Waiting = slices.Delete(o.Waiting, oldest, oldest+1)
	o.Dropped++
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
	count := min(len(o.Waiting), o.batch())
	o.Sending = slices.Clone(o.Waiting[:count])
	o.Waiting = slices.Clone(o.Waiting[count:])
	o.WaitingSince = workflow.Now(ctx)
	o.Tries, o.Since, o.RetryAt = 0, time.Time{}, time.Time{}
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

// continueAsNew takes everything into a fresh history.
func (o *outbox) continueAsNew(ctx workflow.Context) error {
	if err := o.hearOut(ctx); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, OutboxType, o.OutboxState)
}

// hearOut takes every alert that has arrived, and lets every report arrive,
// before the run ends.
func (o *outbox) hearOut(ctx workflow.Context) error {
	heard := false
	workflow.Go(ctx, func(workflow.Context) { heard = true })
	// The listener was there first, and so has its turn before heard is set.
	err := workflow.Await(ctx, func() bool { return heard && o.external == 0 && workflow.AllHandlersFinished(ctx) })
	if err == nil && len(o.Waiting) > 0 && !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		// It was about to go home, and something has just come.
		return workflow.NewContinueAsNewError(ctx, OutboxType, o.OutboxState)
	}
	return err
}
