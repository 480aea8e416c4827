package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// rounds are how a Monitor looks after a service with targets: in batches, which
// are due one after the other, evenly over the interval. Each batch is one
// activity that probes its targets; what it found is judged when it comes back,
// while others are under way.
type rounds struct {
	*monitor
	// running counts the batches under way, busy names them.
	running int
	busy    map[place]underWay
	// judged is when the latest batch of each place was due that was judged.
	judged map[place]time.Time
	// judging lets one batch at a time draw its consequences.
	judging workflow.Mutex
	// uncounted is when the targets could not be counted last.
	uncounted time.Time
	// overtime is set while the watch goes on past its end; idle then hears that
	// no batch is under way any more.
	overtime bool
	idle     workflow.Channel
}

// underWay are the batches of one place that were begun and not judged yet.
type underWay struct {
	count int
	last  slot
}

const (
	// ticksAtOnce bounds the batches of one place under way.
	ticksAtOnce = 2
	// batchesAtOnce bounds the batches of one Monitor under way. They overlap
	// while targets hang: three tries of ten seconds each take half a minute, and
	// of 32 batches in a minute 18 are under way then. All are due at once after
	// the worker was away.
	batchesAtOnce = 20
	// longestLead bounds how long before it is due a batch is begun; its worker
	// waits until then. Temporal's timers may be a second late if they are shorter
	// than that, as batches of a fleet that is probed often are apart (the queue of
	// timers reads history.timerProcessorMaxTimeShift ahead).
	longestLead = time.Second
	// countLimit bounds the counting of targets, countPause is the pause before
	// it is tried again.
	countLimit = 10 * time.Second
	countPause = 5 * time.Second
)

func newRounds(ctx workflow.Context, m *monitor) *rounds {
	if m.state.Fleet == nil {
		m.state.Fleet = &FleetState{}
	}
	return &rounds{monitor: m, busy: map[place]underWay{}, judged: map[place]time.Time{},
		judging: workflow.NewMutex(ctx), idle: workflow.NewBufferedChannel(ctx, 1)}
}

// next is when the next batch is to be begun: now or earlier if one is due that
// was not.
func (r *rounds) next(now time.Time) time.Time {
	if r.state.Fleet.Classes == nil {
		return latest(now, r.uncounted.Add(countPause))
	}
	if len(r.state.Fleet.Unfinished) > 0 {
		return now
	}
	var next time.Time
	for _, s := range r.slots(latest(now, r.state.Fleet.Through)) {
		due := s.due
		if !due.After(r.state.Fleet.Through) {
			due = due.Add(s.interval)
		}
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	if next = r.cadence.nextActive(next); next.After(r.end) {
		return next // which is the next watch's
	}
	return next.Add(-r.lead())
}

// lead is how long before it is due a batch is begun.
func (r *rounds) lead() time.Duration {
	lead := longestLead
	for _, class := range r.classes() {
		lead = min(lead, class.Interval.Std()/4)
	}
	return lead
}

// tick begins every batch that is due by now, or so soon that it is better begun
// now, and waits for none.
func (r *rounds) tick(ctx workflow.Context) {
	r.state.LastTick = workflow.Now(ctx)
	r.state.Orders = r.state.Orders.Prune(r.state.LastTick)
	if r.state.Fleet.Classes == nil && !r.count(ctx) {
		return
	}
	now := workflow.Now(ctx)
	r.forgetStale(now)
	through := now.Add(r.lead())
	if through.After(r.end) {
		through = latest(now, r.end)
	}
	due := r.due(now, through)
	r.state.Fleet.Through = through
	for _, s := range due {
		if err := workflow.Await(ctx, func() bool { return r.running < batchesAtOnce }); err != nil {
			return
		}
		r.begin(ctx, s)
	}
}

// begin has a batch probed and judged. One that is still under way since its
// last time begins no probes any more. It gets company once: that its worker has
// died, or that nobody serves a vantage point, is known only a while later. More
// is left out: it never piles up, and is late instead.
func (r *rounds) begin(ctx workflow.Context, s slot) {
	now := r.busy[s.place()]
	if now.count >= ticksAtOnce || now.count > 0 && s.due.Before(now.last.until()) {
		r.logger.Warn(fmt.Sprintf("%s: %s takes longer than its interval: left out once", r.check.Service, s))
		return
	}
	r.busy[s.place()] = underWay{count: now.count + 1, last: s}
	r.running++
	begun := workflow.Now(ctx)
	workflow.GoNamed(ctx, s.String(), func(ctx workflow.Context) {
		defer r.leave(s.place())
		r.awaitLast(ctx, s)
		asked := r.failingIn(s)
		found := r.survey(ctx, s, asked)
		if ctx.Err() != nil || r.judging.Lock(ctx) != nil {
			return
		}
		defer r.judging.Unlock()
		if r.judged[s.place()].After(s.due) {
			return // what the next tick has found is newer
		}
		r.judged[s.place()] = s.due
		r.state.LastProbeAt = latest(r.state.LastProbeAt, latest(begun, s.due))
		r.judge(ctx, s, asked, found)
	})
}

// awaitLast waits, until a batch is due, for what its last tick has found: that
// says which targets it is to ask about.
func (r *rounds) awaitLast(ctx workflow.Context, s slot) {
	early := s.due.Sub(workflow.Now(ctx))
	isLast := func() bool { return r.busy[s.place()].count == 1 }
	if early > 0 && !isLast() {
		// Cancelled with the watch, which then asks nobody.
		_, _ = workflow.AwaitWithTimeout(ctx, early, isLast)
	}
}

// leave takes a batch off those under way.
func (r *rounds) leave(p place) {
	if r.running--; r.running == 0 {
		r.idle.SendAsync(nil)
	}
	left := r.busy[p]
	if left.count--; left.count > 0 {
		r.busy[p] = left
		return
	}
	delete(r.busy, p)
}

// count counts the targets, which says how many batches there are. It is done
// once; after that, each batch says how many targets its class has.
func (r *rounds) count(ctx workflow.Context) bool {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: countLimit,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                "count the targets of " + r.check.Service,
	})
	var batches *activities.Batches
	var roll activities.Roll
	if err := workflow.ExecuteLocalActivity(ctx, batches.Roll, r.check.Service).Get(ctx, &roll); err != nil {
		r.uncounted = workflow.Now(ctx)
		r.complain(ctx, "the targets cannot be counted: "+cause(err).Error())
		return false
	}
	classes := map[string]ClassState{}
	for _, class := range r.classes() {
		classes[class.Name] = ClassState{Size: roll.Classes[class.Name]}
	}
	r.state.Fleet.Classes = classes
	return true
}

// forgetStale drops what nobody has looked at for long; see forgetStaleStreak.
func (r *rounds) forgetStale(now time.Time) {
	through := r.state.Fleet.Through
	if !through.IsZero() && now.Sub(through) > staleAfter*r.check.Interval.Std()+r.check.Timeout.Std() {
		r.forget()
	}
}

// forget drops the failures of targets without an incident of their own.
func (r *rounds) forget() {
	r.state.Fleet.Failing = slices.DeleteFunc(r.state.Fleet.Failing, func(f FailingTarget) bool { return !f.Open })
}

// reconfigured takes new classes on, whose targets the first batch counts. Those
// that fail and whose class is gone are looked for in the one without a name.
func (r *rounds) reconfigured() {
	before := r.state.Fleet.Classes
	if before == nil {
		return
	}
	r.state.Fleet.Classes = map[string]ClassState{}
	for _, class := range r.classes() {
		r.state.Fleet.Classes[class.Name] = before[class.Name]
	}
	for i, failing := range r.state.Fleet.Failing {
		if !slices.ContainsFunc(r.classes(), func(c Class) bool { return c.Name == failing.Class }) {
			r.state.Fleet.Failing[i].Class = ""
		}
	}
}

// complain writes down why nothing is known of targets.
func (r *rounds) complain(ctx workflow.Context, text string) {
	r.state.Message = health.Clip(text, stateMessageLimit)
	r.logger.Error(r.check.Service + ": " + text)
	r.describe(ctx)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
