package health

import "time"

// Streak is the run of failed probes that a target is in, if it is in one.
// The zero value is a target that passes.
type Streak struct {
	// Failures counts the failed probes in a row.
	Failures int `json:"failures"`
	// FirstFailureAt is when the first of them began: the start of the downtime.
	FirstFailureAt time.Time `json:"first_failure_at,omitzero"`
	// FirstFailure is the message of the first of them.
	FirstFailure string `json:"first_failure,omitempty"`
}

// Observe returns the streak after one more result. A degraded result is up
// and ends the streak, as a healthy one does.
func (s Streak) Observe(result Result) Streak {
	if result.Status.Up() {
		return Streak{}
	}
	if s.Failures == 0 {
		s.FirstFailureAt = result.At
		s.FirstFailure = Clip(result.Message, firstFailureLimit)
	}
	s.Failures++
	return s
}

// firstFailureLimit bounds the message kept of a first failure, in bytes: the
// state that one watch hands to the next stays far below 1 kB.
const firstFailureLimit = 200

// Threshold is where a streak stands to its failure threshold.
type Threshold int

// A streak is below its threshold, reaches it with the latest failure, reaches
// a further multiple of it, or stands between two multiples.
const (
	BelowThreshold Threshold = iota
	ReachedThreshold
	ReachedAgain
	BeyondThreshold
)

// Against compares the streak with the threshold of failed probes. ReachedAgain
// comes at every further multiple: the moment to ask whether the incident that
// should be open still is.
func (s Streak) Against(failures int) Threshold {
	switch {
	case s.Failures < failures:
		return BelowThreshold
	case s.Failures == failures:
		return ReachedThreshold
	case s.Failures%failures == 0:
		return ReachedAgain
	default:
		return BeyondThreshold
	}
}
