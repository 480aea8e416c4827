package survey

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
)

// State is how far a survey has got, for who goes on with it.
type State struct {
	// List tells lists of targets apart: with another one, all starts over.
	List uint64 `json:"list,string"`
	// Done has a bit for each target, by name, the lowest first: it has its
	// verdict, and what passed is stored.
	Done []byte `json:"done"`
	// Failures counts those that failed at the first try.
	Failures int `json:"failures,omitempty"`
	// Failed are those that failed; of the first Told of them others know.
	Failed []health.Finding `json:"failed,omitempty"`
	Told   int              `json:"told,omitempty"`
	// Passed are those of Batch.Failing that passed.
	Passed []health.Finding `json:"passed,omitempty"`
}

// messageLimit bounds, in bytes, what a report says of each target: it goes
// into a history.
const messageLimit = 120

// progress is what is known so far.
type progress struct {
	done         []byte
	doneFailures int
	// passed and failed are in the order of their verdicts, each with how late
	// its first try began.
	passed, failed         []health.Finding
	passedLate, failedLate []time.Duration
	// toldPassed and toldFailed count those that the desk has heard of.
	toldPassed, toldFailed int
	// back are those that failed the last time and pass now.
	back []health.Finding

	saving bool
	saveAt time.Time
	// saved is what was saved last.
	saved State
}

func (p *progress) isDone(i int) bool { return p.done[i/8]&(1<<(i%8)) != 0 }
func (p *progress) setDone(i int32)   { p.done[i/8] |= 1 << (i % 8) }

func (p *progress) doneCount() int {
	count := 0
	for _, b := range p.done {
		count += bits.OnesCount8(b)
	}
	return count
}

func (r *round) keepPassed(i int32, finding health.Finding, late time.Duration) {
	r.setDone(i)
	r.passed = append(r.passed, finding)
	r.passedLate = append(r.passedLate, late)
	if r.failing[i] {
		r.back = append(r.back, brief(finding))
	}
}

func (r *round) keepFailed(i int32, finding health.Finding, late time.Duration) {
	r.setDone(i)
	r.failed = append(r.failed, finding)
	r.failedLate = append(r.failedLate, late)
}

// brief is a finding as it goes into histories.
func brief(finding health.Finding) health.Finding {
	finding.Message = health.Clip(finding.Message, messageLimit)
	finding.Observations, finding.Facts = nil, nil
	return finding
}

// save hands over what has its verdict and saves the progress if it is time
// for that, in a goroutine of its own: probes do not wait for a store. It
// returns when it is time again. Call it locked.
func (r *round) save(ctx context.Context, now time.Time) time.Time {
	if r.saveAt.IsZero() {
		r.saveAt = now.Add(beat)
	}
	if now.Before(r.saveAt) {
		return r.saveAt
	}
	r.saveAt = now.Add(beat)
	if r.saving {
		return r.saveAt
	}
	r.saving = true
	findings, late := r.news()
	state := r.state()
	r.workers.Go(func() {
		if r.hand(ctx, findings, late) == nil {
			r.saved = state
		}
		// It is also the sign that the worker lives, whatever the store does.
		r.desk.Save(r.saved)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.saving = false
	})
	return r.saveAt
}

// news is what the desk has not heard of yet. Failures are none before it is
// certain that they are not the prober's own. Call it locked.
func (r *round) news() ([]health.Finding, []time.Duration) {
	findings, late := r.passed[r.toldPassed:], r.passedLate[r.toldPassed:]
	r.toldPassed = len(r.passed)
	if r.judged() && r.cutOff == "" && r.toldFailed < len(r.failed) {
		findings = slices.Concat(findings, r.failed[r.toldFailed:])
		late = slices.Concat(late, r.failedLate[r.toldFailed:])
		r.toldFailed = len(r.failed)
	}
	return findings, late
}

// hand tells the desk, and waits for a while until it has stored it.
func (r *round) hand(ctx context.Context, findings []health.Finding, late []time.Duration) error {
	if len(findings) > 0 {
		r.desk.Tell(findings, late)
	}
	ctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	return r.desk.Settled(ctx)
}

// state is the progress as it may be saved once the news are stored. Failures
// that there is no room for are not done: they are tried again. Call it locked.
func (r *round) state() State {
	named := min(len(r.failed), r.Limits.Named)
	state := State{
		List: r.batch.Group.list, Done: slices.Clone(r.done), Failures: r.doneFailures,
		Failed: make([]health.Finding, named), Told: min(named, r.toldFailed), Passed: slices.Clone(r.back),
	}
	for k, finding := range r.failed[:named] {
		state.Failed[k] = brief(finding)
	}
	for _, finding := range r.failed[named:] {
		if i, found := r.batch.Group.Find(finding.Target); found {
			state.Done[i/8] &^= 1 << (i % 8)
			state.Failures--
		}
	}
	return state
}

// resume takes over what an earlier try of the batch has done.
func (r *round) resume(state State) {
	if state.List != r.batch.Group.list || len(state.Done) != len(r.done) || state.Told > len(state.Failed) {
		return
	}
	r.saved = state
	copy(r.done, state.Done)
	r.failed, r.back, r.toldFailed = state.Failed, state.Passed, state.Told
	for _, finding := range state.Failed {
		r.failedLate = append(r.failedLate, max(0, finding.At.Sub(r.batch.Due)))
	}
	count := r.doneCount()
	r.open -= count
	r.firsts, r.tried = count, count
	r.failures, r.doneFailures = state.Failures, state.Failures
}

// report hands over the rest, and returns all that came of the batch. Nobody
// else works at the round any more.
func (r *round) report(ctx context.Context) Report {
	if len(r.failed) == 0 {
		r.cutOff = "" // whatever it was, it is over
	}
	findings, late := r.news()
	_ = r.hand(ctx, findings, late) // a store that is down stops nothing
	if n := len(r.targets); r.missedFirst < n {
		r.batch.Group.start.Store(int64((r.start + r.missedFirst) % n))
	}
	report := Report{
		Probed: r.doneCount(), Passed: r.back, CutOff: r.cutOff, Overloaded: r.overloaded, Missed: r.missed,
	}
	report.Broken, _ = r.broken.Load().(error)
	if r.cutOff != "" || len(r.failed) == 0 {
		return report
	}
	named := r.named()
	report.Omitted = len(r.failed) - len(named)
	for _, finding := range named {
		report.Failed = append(report.Failed, brief(finding))
	}
	return report
}

// named are the failures that a report names, by name.
func (r *round) named() []health.Finding {
	byName(r.failed)
	limit := r.Limits.Named
	if r.batch.Named > 0 {
		limit = min(limit, r.batch.Named)
	}
	if len(r.failed) <= limit {
		return r.failed
	}
	known := func(f health.Finding) int {
		if i, found := r.batch.Group.Find(f.Target); found && r.failing[i] {
			return 0
		}
		return 1
	}
	chosen := slices.Clone(r.failed)
	slices.SortStableFunc(chosen, func(a, b health.Finding) int { return cmp.Compare(known(a), known(b)) })
	chosen = chosen[:limit]
	byName(chosen)
	return chosen
}

// byName sorts findings.
func byName(findings []health.Finding) {
	slices.SortFunc(findings, func(a, b health.Finding) int { return strings.Compare(a.Target, b.Target) })
}
