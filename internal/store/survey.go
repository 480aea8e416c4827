package store

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"paramedic/internal/health"
)

// Survey is what the probes of many targets of a service found in one hour: one
// record of a few bytes for each, in place of a row. It does not change.
//
// A survey is known by its id, so that it may be written again whenever the
// outcome of a write is in doubt.
type Survey struct {
	id      int64
	service string
	// hour is the beginning of the hour, in milliseconds; sums are those of its
	// minutes.
	hour  int64
	count int
	sums  []sum
	// failed are the results that were not healthy; they stand in data too.
	failed []Result
	data   []byte
}

// NewSurveys puts what was found of the targets of a service into records, one
// for each hour in which a probe began. It leaves out what has no name or no
// time, and keeps nothing of the slice.
func NewSurveys(service string, findings []health.Finding) []Survey {
	service = cleanText(service)
	sound := make([]health.Finding, 0, len(findings))
	for _, found := range findings {
		found.Target = cleanText(found.Target)
		if service != "" && found.Target != "" && hasTime(found.At) {
			found.Result = cleanResult(found.Result)
			sound = append(sound, found)
		}
	}
	slices.SortFunc(sound, func(a, b health.Finding) int {
		return cmp.Or(cmp.Compare(hourOf(a.At), hourOf(b.At)), cmp.Compare(a.Target, b.Target), a.At.Compare(b.At))
	})
	var surveys []Survey
	for len(sound) > 0 {
		hour, n := hourOf(sound[0].At), 1
		for n < len(sound) && hourOf(sound[n].At) == hour {
			n++
		}
		surveys = append(surveys, newSurvey(service, hour, sound[:n]))
		sound = sound[n:]
	}
	return surveys
}

func hourOf(at time.Time) int64 { return floor(at.UnixMilli(), hourMS) }

func newSurvey(service string, hour int64, findings []health.Finding) Survey {
	s := Survey{id: rand.Int64N(math.MaxInt64) + 1, service: service, hour: hour, count: len(findings)}
	minutes := map[int64]*sum{}
	for _, found := range findings {
		r := rowOf(0, found.Result)
		at := floor(r.at, minuteMS)
		if minutes[at] == nil {
			minutes[at] = &sum{at: at}
		}
		minutes[at].add(r)
		if found.Status != health.Healthy {
			s.failed = append(s.failed, Result{Key{service, found.Target}, found.Result})
		}
	}
	for _, minute := range minutes {
		s.sums = append(s.sums, *minute)
	}
	slices.SortFunc(s.sums, func(a, b sum) int { return cmp.Compare(a.at, b.at) })
	s.data = encodeSurvey(hour, findings)
	return s
}

// rowOf is a result as the database keeps it.
func rowOf(target int64, r health.Result) row {
	return row{
		target: target, at: r.At.UnixMilli(), status: statusNumber(r.Status),
		latency: int64(min(r.LatencyMS, 1e12) * 1000), message: r.Message,
	}
}

// latest is what it says of the targets that are wanted, of all if wanted is nil.
func (s Survey) latest(updated time.Time, wanted func(glance) bool) ([]Latest, error) {
	findings, err := decodeSurvey(s.hour, s.data, wanted)
	if err != nil {
		return nil, err
	}
	latest := make([]Latest, len(findings))
	for n, found := range findings {
		latest[n] = Latest{Key: Key{s.service, found.Target}, Result: found.Result, UpdatedAt: updated}
	}
	return latest, nil
}

// newestOf remembers how new the results of targets are, by service and target.
type newestOf map[string]map[string]int64

// wanted asks for results of a service that are newer than all before.
func (n newestOf) wanted(service string) func(glance) bool {
	if n[service] == nil {
		n[service] = map[string]int64{}
	}
	known := n[service]
	return func(g glance) bool {
		if at, found := known[string(g.target)]; found && at >= g.at {
			return false
		}
		known[string(g.target)] = g.at
		return true
	}
}
