package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// foldPatience is how long a service whose dependency is down waits for the
// incident of that dependency before it speaks for itself.
const foldPatience = 5 * time.Minute

// tellFailed tells people of a failed verification, unless the service is known
// to be down because of another or waits for its turn.
func (r *remediation) tellFailed(ctx workflow.Context) {
	if r.Telling.Folded == "" && r.Held != string(health.RuleConcurrent) && r.Incident.Attempts > 0 {
		r.tellDown(ctx, "")
	}
}

// tellDown tells people, once in an incident, that the service is down and not
// yet healed: after the first attempt that did not help, or at once when there
// is none to make. News is why, if that is worth a word.
func (r *remediation) tellDown(ctx workflow.Context, news string) {
	if !r.Telling.DownAt.IsZero() || r.muted(ctx) {
		return
	}
	r.Telling.DownAt = workflow.Now(ctx)
	r.Telling.Folded = ""
	r.remindLater(ctx)
	receivers := slices.Clone(r.check.Alerts)
	for r.Telling.Level < len(r.check.Escalation) && r.check.Escalation[r.Telling.Level].After <= 0 {
		receivers = append(receivers, r.check.Escalation[r.Telling.Level].Alerts...)
		r.Telling.Level++
	}
	r.send(ctx, health.AlertInitial, news, receivers)
}

// tellNews tells those who know of the incident, or would be told first, that
// something about it has changed.
func (r *remediation) tellNews(ctx workflow.Context, news string) {
	switch {
	case r.Telling.DownAt.IsZero():
		r.tellDown(ctx, news)
	case !r.muted(ctx):
		r.send(ctx, health.AlertUpdate, news, r.everybody())
	}
}

// tellExhausted tells that only people can help now, and does not wait for the
// next level of the escalation to come due.
func (r *remediation) tellExhausted(ctx workflow.Context, reason string) {
	if r.muted(ctx) {
		return
	}
	news := "healing has stopped: " + reason
	r.tellNews(ctx, news)
	if level := r.nextLevel(); level != nil && r.Incident.State == health.Triggered {
		r.Telling.Level++
		r.note(ctx, health.EntryEscalated, fmt.Sprintf("escalated to level %d: %s", r.Telling.Level, news))
		r.send(ctx, health.AlertUpdate, news, level.Alerts)
	}
}

// tellRecovered tells that it is over. Nobody hears of an outage that began and
// ended within a maintenance window; a silence never swallows it.
func (r *remediation) tellRecovered(ctx workflow.Context, text string) {
	until, _ := r.maintenance(r.Incident.ResolvedAt)
	if r.Telling.DownAt.IsZero() && !until.IsZero() {
		r.tellLog(text)
		r.add(ctx, health.EntryAlert, "nobody was told: maintenance")
		return
	}
	if !slices.Contains(r.everybody(), logReceiver) {
		r.tellLog(text) // else the recovery notice says so in the same log
	}
	r.send(ctx, health.AlertResolution, "", r.everybody())
}

// logReceiver is the built-in receiver, which writes alerts to the log.
const logReceiver = "log"

// fold hands the alert of a service whose dependency is down to the incident of
// that dependency, so that one outage wakes people once.
func (r *remediation) fold(ctx workflow.Context, dependencies []string) {
	if r.Telling.Folded != "" || !r.Telling.DownAt.IsZero() {
		return
	}
	for _, name := range dependencies {
		sent := workflow.SignalExternalWorkflow(ctx, RemediationID(name, ""), "", SignalAffected, Affected{Service: r.name()})
		if sent.Get(ctx, nil) == nil {
			r.Telling.Folded = name
			r.note(ctx, health.EntryAlert, "told with the alert of "+name+", which this depends on")
			return
		}
	}
	if workflow.Now(ctx).Sub(r.Incident.OpenedAt) >= foldPatience {
		r.tellDown(ctx, "")
	}
}

// affect takes up that another service is down because of this one.
func (r *remediation) affect(ctx workflow.Context, affected Affected) {
	name := health.Clip(affected.Service, nameLimit)
	if r.Incident.State == health.Resolved || slices.Contains(r.Incident.Affected, name) {
		return
	}
	if len(r.Incident.Affected) < affectedLimit {
		r.Incident.Affected = append(r.Incident.Affected, name)
	}
	r.note(ctx, health.EntryNote, "also down: "+name+", which depends on this")
	if r.Telling.DownAt.IsZero() {
		return // the alert to come names it
	}
	r.Telling.Also = append(r.Telling.Also, name)
	if r.Telling.AlsoAt.IsZero() {
		r.Telling.AlsoAt = workflow.Now(ctx).Add(alsoWait)
		r.changes++
	}
}

// alsoWait is how long an alert that names services that went down with this
// one waits for more of them.
const alsoWait = 30 * time.Second

// affectedLimit bounds the list of services that are down with this one.
const affectedLimit = 100

// muted reports whether people are to be left alone now, and writes it down the
// first time. What is still down when that ends is told then.
func (r *remediation) muted(ctx workflow.Context) bool {
	now := workflow.Now(ctx)
	until, why := r.maintenance(now)
	what := "maintenance"
	if until.IsZero() {
		if !r.Orders.Silence.Open(now) {
			return false
		}
		silence := r.Orders.Silence
		until, why, what = silence.Until, fmt.Sprintf("by %s: %s", silence.By, silence.Reason), "silence"
	}
	text := fmt.Sprintf("nobody is told: %s until %s", what, stamp(until))
	if why != "" {
		text += " (" + why + ")"
	}
	if r.Telling.Hush != text {
		r.Telling.Hush = text
		r.note(ctx, health.EntryAlert, text)
	}
	return true
}

// everybody are the receivers that know of the incident, and those of the
// service.
func (r *remediation) everybody() []string { return with(r.check.Alerts, r.Telling.Receivers) }

// with returns the names of both lists, each once, in order.
func with(names, more []string) []string {
	all := make([]string, 0, len(names)+len(more))
	for _, name := range slices.Concat(names, more) {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}
