package health

import "time"

// EntryKind says what a line of the timeline is about.
type EntryKind string

// The kinds of timeline entries.
const (
	EntryFailure      EntryKind = "failure"
	EntryOpened       EntryKind = "opened"
	EntryDecision     EntryKind = "decision"
	EntryAttempt      EntryKind = "attempt"
	EntryObserved     EntryKind = "observed"
	EntryEvidence     EntryKind = "evidence"
	EntryVerification EntryKind = "verification"
	EntryAlert        EntryKind = "alert"
	EntryEscalated    EntryKind = "escalated"
	EntryAcknowledged EntryKind = "acknowledged"
	EntryResolved     EntryKind = "resolved"
	EntryNote         EntryKind = "note"
)

// Entry is one line of an incident's timeline.
type Entry struct {
	At   time.Time `json:"at"`
	Kind EntryKind `json:"kind"`
	Text string    `json:"text"`
}

// TimelineLimit is how many entries a timeline keeps.
const TimelineLimit = 200

// entryLimit bounds the text of one entry, in bytes.
const entryLimit = 600

// Timeline is the story of an incident, oldest first. It is bounded: when it
// is full, the oldest verification makes room, and Omitted counts it, so that a
// long outage never evicts how it began, what was done or how it ended.
type Timeline struct {
	Entries []Entry `json:"entries"`
	Omitted int     `json:"omitted,omitempty"`
}

// Add appends an entry.
func (t *Timeline) Add(at time.Time, kind EntryKind, text string) {
	if len(t.Entries) >= TimelineLimit {
		t.makeRoom()
	}
	t.Entries = append(t.Entries, Entry{At: at, Kind: kind, Text: Clip(text, entryLimit)})
}

// evictable are the kinds that make room, the least telling first. Evidence goes
// last of them: that of the first attempt stands nowhere else.
var evictable = [...]EntryKind{
	EntryVerification, EntryDecision, EntryAlert, EntryEscalated, EntryNote, EntryObserved, EntryEvidence,
}

// makeRoom removes the oldest entry of the least telling kind there is.
func (t *Timeline) makeRoom() {
	for _, kind := range evictable {
		for i, entry := range t.Entries {
			if entry.Kind == kind {
				t.Entries = append(t.Entries[:i:i], t.Entries[i+1:]...)
				t.Omitted++
				return
			}
		}
	}
	// Nothing but failures, attempts and human words: keep the first half of
	// the bound, how it began, and let the oldest of the rest go.
	half := TimelineLimit / 2
	t.Entries = append(t.Entries[:half:half], t.Entries[half+1:]...)
	t.Omitted++
}
