package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"paramedic/activities"
	"paramedic/internal/health"
)

// failingLimit is how many failing targets a Monitor keeps by name. Beyond it
// there is one incident for the whole long since.
const failingLimit = 1000

// sighting is what was seen of a batch from one vantage point.
type sighting struct {
	vantage string
	result  activities.BatchResult
	err     error
}

// verdict is what all sightings of a batch come to.
type verdict struct {
	activities.BatchResult
	err error
}

// judge draws the consequences of what was found of a batch, which was asked
// what has become of some targets.
func (r *rounds) judge(ctx workflow.Context, s slot, asked []string, found []sighting) {
	v := conclude(found, r.check.Fleet.Quorum)
	switch {
	case v.err != nil:
		r.complain(ctx, s.String()+" could not be probed: "+v.err.Error())
		return
	case v.CutOff != "":
		r.cutOff(ctx, v.CutOff)
	default:
		r.forgetUnasked(s, asked, v.BatchResult)
		r.take(ctx, s, v.BatchResult)
		r.settle(ctx)
	}
	r.assess(ctx)
	if v.Broken != "" {
		r.complain(ctx, "not all targets could be probed: "+v.Broken)
		return
	}
	r.describe(ctx)
}

// conclude puts the sightings of a batch together. With several vantage points
// a target fails if a quorum of them says so; a point that is cut off or could
// not look says nothing, and too few points say nothing together.
func conclude(found []sighting, quorum int) verdict {
	if len(found) == 1 {
		return verdict{BatchResult: found[0].result, err: found[0].err}
	}
	var able []sighting
	var failures []error
	var cut []string
	for _, sighting := range found {
		switch {
		case sighting.err != nil:
			failures = append(failures, fmt.Errorf("%s: %w", sighting.vantage, sighting.err))
		case sighting.result.CutOff != "":
			cut = append(cut, sighting.vantage+": "+sighting.result.CutOff)
		default:
			able = append(able, sighting)
		}
	}
	switch {
	case len(able) >= quorum:
		return verdict{BatchResult: vote(able, quorum)}
	case len(cut) > 0:
		return verdict{BatchResult: activities.BatchResult{CutOff: strings.Join(cut, "; ")}}
	default:
		return verdict{err: fmt.Errorf("%d of %d vantage points looked, %d must: %w",
			len(able), len(found), quorum, errors.Join(failures...))}
	}
}

// vote lets vantage points vote on each target. One is gone once too few points
// know of it for a quorum.
func vote(able []sighting, quorum int) activities.BatchResult {
	votes, unknown := map[string][]string{}, map[string]int{}
	failed, passed := map[string]health.Finding{}, map[string]health.Finding{}
	sum := activities.BatchResult{Broken: discord(able)}
	for _, sighting := range able {
		sum.Class = max(sum.Class, sighting.result.Class)
		sum.Probed = max(sum.Probed, sighting.result.Probed)
		sum.Omitted = max(sum.Omitted, sighting.result.Omitted)
		for _, target := range sighting.result.Gone {
			if unknown[target]++; unknown[target] == len(able)-quorum+1 {
				sum.Gone = append(sum.Gone, target)
			}
		}
		sum.Broken = cmp.Or(sum.Broken, sighting.result.Broken)
		for _, finding := range sighting.result.Failed {
			votes[finding.Target] = append(votes[finding.Target], sighting.vantage+": "+finding.Message)
			failed[finding.Target] = finding
		}
		for _, finding := range sighting.result.Passed {
			passed[finding.Target] = finding
		}
	}
	for _, target := range workflow.DeterministicKeys(failed) {
		if said := votes[target]; len(said) >= quorum {
			finding := failed[target]
			finding.Message = health.Clip(strings.Join(said, "; "), health.MessageLimit)
			sum.Failed = append(sum.Failed, finding)
			delete(passed, target)
		}
	}
	for _, target := range workflow.DeterministicKeys(passed) {
		sum.Passed = append(sum.Passed, passed[target])
	}
	return sum
}

// discord says that vantage points do not have the same targets: what only some
// of them know may never come to a quorum.
func discord(able []sighting) string {
	for _, other := range able[1:] {
		if first := able[0]; other.result.Class != first.result.Class {
			return fmt.Sprintf("vantage point %s has %d targets, and %s has %d: give both the same list",
				first.vantage, first.result.Class, other.vantage, other.result.Class)
		}
	}
	return ""
}

// take counts the failures of a batch, target by target, and tells the
// incidents of those that are back.
func (r *rounds) take(ctx workflow.Context, s slot, found activities.BatchResult) {
	aloud := len(found.Failed) <= aloudLimit
	if !aloud {
		r.logger.Warn(fmt.Sprintf("%s: %d of %d targets of %s failed, among them %s: %s", r.check.Service,
			len(found.Failed)+found.Omitted, found.Probed, s, found.Failed[0].Target, found.Failed[0].Message))
	}
	unkept := found.Omitted
	for _, finding := range found.Failed {
		if !r.fail(ctx, s, finding, aloud) {
			unkept++
		}
	}
	r.size(s, found.Class, unkept)
	for _, finding := range found.Passed {
		if failing, known := r.drop(finding.Target); known {
			r.standTarget(ctx, FailingTarget{Target: finding.Target}, finding.Result)
			if failing.Open {
				r.signal(ctx, finding.Target, SignalPassed, finding.Result)
			}
		}
	}
	for _, target := range found.Gone {
		if failing, known := r.drop(target); known && failing.Open {
			r.abandon(ctx, target)
		}
	}
}

// forgetUnasked lets the streaks end of targets that were found to fail while
// this batch was under way already, and that did not fail in it: nobody asked
// whether they pass, and failures are to be in a row. The next batch asks.
func (r *rounds) forgetUnasked(s slot, asked []string, found activities.BatchResult) {
	if found.Omitted > 0 { // they may be among those
		return
	}
	for i, failing := range r.state.Fleet.Failing {
		if !failing.Open && s.has(failing) && !slices.Contains(asked, failing.Target) &&
			!slices.ContainsFunc(found.Failed, func(f health.Finding) bool { return f.Target == failing.Target }) {
			r.state.Fleet.Failing[i].Streak = health.Streak{}
		}
	}
}

// size takes how many targets there are, and how many of them fail that are
// not kept by name.
func (r *rounds) size(s slot, class, unkept int) {
	state, known := r.state.Fleet.Classes[s.class]
	if !known { // the class went with a new configuration
		return
	}
	state.Size = class
	if state.Batches == s.of {
		omitted := maps.Clone(state.Omitted)
		delete(omitted, s.batch)
		if unkept > 0 {
			if omitted == nil {
				omitted = map[int]int{}
			}
			omitted[s.batch] = unkept
		}
		state.Omitted = omitted
	}
	r.state.Fleet.Classes[s.class] = state
}

// aloudLimit is up to how many failed targets of a batch the log names each.
const aloudLimit = 20

// fail counts one more failed probe of a target, and reports whether there is
// room to keep it by name.
func (r *rounds) fail(ctx workflow.Context, s slot, finding health.Finding, aloud bool) bool {
	fleet := r.state.Fleet
	at, known := find(fleet.Failing, finding.Target)
	if !known {
		if len(fleet.Failing) >= failingLimit {
			return false
		}
		fleet.Failing = slices.Insert(fleet.Failing, at, FailingTarget{Target: finding.Target})
	}
	failing := &fleet.Failing[at]
	failing.Class = s.class
	failing.Streak = failing.Streak.Observe(finding.Result)
	failing.Streak.FirstFailure = health.Clip(failing.Streak.FirstFailure, stateMessageLimit)
	failing.Last = health.Result{
		Status: finding.Status, At: finding.At, LatencyMS: finding.LatencyMS,
		Message: health.Clip(finding.Message, stateMessageLimit),
	}
	failures, threshold := failing.Streak.Failures, r.check.FailureThreshold
	if failures > threshold {
		return true
	}
	r.standTarget(ctx, *failing, finding.Result)
	if aloud {
		r.logger.Warn(fmt.Sprintf("%s: failure %d/%d: %s",
			health.TargetID(r.check.Service, finding.Target), failures, threshold, finding.Message))
	}
	return true
}

// drop takes a target out of those that fail.
func (r *rounds) drop(target string) (FailingTarget, bool) {
	fleet := r.state.Fleet
	at, known := find(fleet.Failing, target)
	if !known {
		return FailingTarget{}, false
	}
	failing := fleet.Failing[at]
	fleet.Failing = slices.Delete(fleet.Failing, at, at+1)
	if failing.Streak.Failures >= r.check.FailureThreshold {
		r.logger.Info(fmt.Sprintf("%s: passes again after %d failed probes",
			health.TargetID(r.check.Service, target), failing.Streak.Failures))
	}
	return failing, true
}

// find looks a target up among those that fail.
func find(failing []FailingTarget, target string) (at int, known bool) {
	return slices.BinarySearchFunc(failing, target, func(f FailingTarget, name string) int {
		return strings.Compare(f.Target, name)
	})
}

// standTarget shows to people where a target stands now.
func (r *rounds) standTarget(ctx workflow.Context, failing FailingTarget, result health.Result) {
	if workflow.IsReplaying(ctx) {
		return
	}
	standing := health.Standing{
		Service: r.check.Service, Target: failing.Target, Failures: failing.Streak.Failures,
		State: health.StateOf(result, failing.Streak, r.check.FailureThreshold),
		Since: result.At, At: workflow.Now(ctx),
	}
	r.recorder.Stand(standing)
}
