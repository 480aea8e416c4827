package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// escalate tells the next level of the escalation, and reminds those who know,
// for as long as nobody acknowledges. It runs beside the healing.
func (r *remediation) escalate(ctx workflow.Context) {
	for !r.done() {
		seen := r.changes
		changed := func() bool { return r.changes != seen || r.done() }
		due, summary := r.nextTelling()
		if due.IsZero() {
			_ = workflow.Await(ctx, changed)
			continue
		}
		if wait := due.Sub(workflow.Now(ctx)); wait > 0 {
			options := workflow.AwaitOptions{Timeout: wait, TimerOptions: workflow.TimerOptions{Summary: summary}}
			if early, err := workflow.AwaitWithOptions(ctx, options, changed); early || err != nil {
				continue
			}
		}
		r.tellDue(ctx)
	}
}

// done reports whether there is nothing more to tell in this run.
func (r *remediation) done() bool { return r.ending || r.Incident.State == health.Resolved }

// nextTelling is when the next level or reminder is due; zero if none is.
func (r *remediation) nextTelling() (due time.Time, summary string) {
	due, summary = r.Telling.AlsoAt, "until people hear what else is down"
	if r.Telling.DownAt.IsZero() || r.Incident.State != health.Triggered {
		return due, summary
	}
	if level := r.nextLevel(); level != nil {
		if at := r.Telling.DownAt.Add(level.After.Std()); due.IsZero() || at.Before(due) {
			due, summary = at, fmt.Sprintf("until level %d is told", r.Telling.Level+1)
		}
	}
	if next := r.Telling.NextReminder; !next.IsZero() && (due.IsZero() || next.Before(due)) {
		due, summary = next, "until people are reminded"
	}
	return due, summary
}

// nextLevel is the next level of the escalation, nil if all were told.
func (r *remediation) nextLevel() *Level {
	if r.Telling.Level >= len(r.check.Escalation) {
		return nil
	}
	return &r.check.Escalation[r.Telling.Level]
}

// tellDue tells what has come due. In a silence it comes due again at its end.
func (r *remediation) tellDue(ctx workflow.Context) {
	now := workflow.Now(ctx)
	down := health.Span(r.Incident.Downtime(now))
	if r.muted(ctx) {
		r.sleepMuted(ctx)
		return
	}
	if also := r.Telling.Also; len(also) > 0 && !r.Telling.AlsoAt.After(now) {
		r.Telling.Also, r.Telling.AlsoAt = nil, time.Time{}
		r.send(ctx, health.AlertUpdate, "also down because of this: "+strings.Join(also, ", "), r.everybody())
		return
	}
	level := r.nextLevel()
	if level != nil && !r.Telling.DownAt.Add(level.After.Std()).After(now) {
		r.Telling.Level++
		r.remindLater(ctx)
		news := fmt.Sprintf("escalated to level %d: down for %s, and nobody has acknowledged it", r.Telling.Level, down)
		r.note(ctx, health.EntryEscalated, news)
		r.send(ctx, health.AlertUpdate, news, level.Alerts)
		return
	}
	r.remindLater(ctx)
	r.send(ctx, health.AlertUpdate, fmt.Sprintf("reminder: down for %s, and nobody has acknowledged it", down), r.everybody())
}

// sleepMuted waits until people may be told again, or something has changed.
func (r *remediation) sleepMuted(ctx workflow.Context) {
	now := workflow.Now(ctx)
	until, _ := r.maintenance(now)
	if r.Orders.Silence.Open(now) && r.Orders.Silence.Until.After(until) {
		until = r.Orders.Silence.Until
	}
	seen := r.changes
	options := workflow.AwaitOptions{Timeout: until.Sub(now), TimerOptions: workflow.TimerOptions{Summary: "until people may be told again"}}
	_, _ = workflow.AwaitWithOptions(ctx, options, func() bool { return r.changes != seen || r.done() })
}

// remindLater sets the next reminder.
func (r *remediation) remindLater(ctx workflow.Context) {
	r.changes++
	r.Telling.NextReminder = time.Time{}
	if every := r.check.Reminder.Std(); every > 0 {
		r.Telling.NextReminder = workflow.Now(ctx).Add(every)
	}
}
