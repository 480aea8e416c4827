package health_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func TestTimelineKeepsOrder(t *testing.T) {
	var timeline health.Timeline
	timeline.Add(noon, health.EntryFailure, "failure 1/3")
	timeline.Add(noon.Add(time.Minute), health.EntryOpened, "opened")
	require.Equal(t, []health.Entry{
		{At: noon, Kind: health.EntryFailure, Text: "failure 1/3"},
		{At: noon.Add(time.Minute), Kind: health.EntryOpened, Text: "opened"},
	}, timeline.Entries)
	require.Zero(t, timeline.Omitted)
}

func TestTimelineBoundsText(t *testing.T) {
	var timeline health.Timeline
	timeline.Add(noon, health.EntryAttempt, strings.Repeat("x", 10_000))
	require.Len(t, timeline.Entries[0].Text, 600)
}

// TestTimelineOfALongOutage: three days of failed verifications evict neither
// how it began, nor what was done, nor how it ended.
func TestTimelineOfALongOutage(t *testing.T) {
	var timeline health.Timeline
	told := []health.EntryKind{
		health.EntryFailure, health.EntryOpened, health.EntryDecision, health.EntryAttempt, health.EntryAlert, health.EntryAcknowledged,
	}
	for _, kind := range told {
		timeline.Add(noon, kind, string(kind))
	}
	const verifications = 3 * 24 * 60
	for i := range verifications {
		timeline.Add(noon.Add(time.Duration(i)*time.Minute), health.EntryVerification, fmt.Sprintf("verification %d failed", i))
	}
	timeline.Add(noon, health.EntryResolved, "resolved")

	require.Len(t, timeline.Entries, health.TimelineLimit)
	require.Equal(t, len(told)+verifications+1-health.TimelineLimit, timeline.Omitted)
	for i, kind := range told {
		require.Equal(t, kind, timeline.Entries[i].Kind)
	}
	require.Equal(t, health.EntryResolved, timeline.Entries[health.TimelineLimit-1].Kind)
	require.Equal(t, fmt.Sprintf("verification %d failed", verifications-1), timeline.Entries[health.TimelineLimit-2].Text,
		"the latest verifications are kept")
}

// TestTimelineEvictsTheLeastTelling: one of each kind that may go, in a
// timeline that fills with what may not, goes in the order of what it tells.
func TestTimelineEvictsTheLeastTelling(t *testing.T) {
	evictable := []health.EntryKind{
		health.EntryVerification, health.EntryDecision, health.EntryAlert, health.EntryEscalated,
		health.EntryNote, health.EntryObserved, health.EntryEvidence,
	}
	var timeline health.Timeline
	for i := range evictable { // the most telling first
		timeline.Add(noon, evictable[len(evictable)-1-i], "one")
	}
	for len(timeline.Entries) < health.TimelineLimit {
		timeline.Add(noon, health.EntryAttempt, "attempt")
	}
	left := func() (kinds []health.EntryKind) {
		for _, entry := range timeline.Entries {
			if entry.Kind != health.EntryAttempt {
				kinds = append(kinds, entry.Kind)
			}
		}
		slices.Reverse(kinds)
		return kinds
	}
	for i := range evictable {
		require.Equal(t, evictable[i:], left())
		timeline.Add(noon, health.EntryAttempt, "attempt")
	}
	require.Empty(t, left())
	require.Equal(t, len(evictable), timeline.Omitted)
}

// TestTimelineProperties: whatever is written, the bound holds, nothing is
// lost uncounted, the first lines and the last stay, and the order is kept.
func TestTimelineProperties(t *testing.T) {
	kinds := []health.EntryKind{
		health.EntryFailure, health.EntryOpened, health.EntryDecision, health.EntryAttempt, health.EntryObserved,
		health.EntryEvidence, health.EntryVerification, health.EntryAlert, health.EntryEscalated,
		health.EntryAcknowledged, health.EntryResolved, health.EntryNote,
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		some := kinds[random.IntN(len(kinds)):]
		var timeline health.Timeline
		timeline.Add(noon, health.EntryFailure, "failure 1/3")
		timeline.Add(noon, health.EntryOpened, "opened")
		total := 2 + random.IntN(5*health.TimelineLimit)
		for i := 2; i < total; i++ {
			timeline.Add(noon.Add(time.Duration(i)*time.Second), some[random.IntN(len(some))], fmt.Sprint(i))
			require.LessOrEqual(t, len(timeline.Entries), health.TimelineLimit)
			require.Equal(t, i+1, len(timeline.Entries)+timeline.Omitted)
			require.Equal(t, fmt.Sprint(i), timeline.Entries[len(timeline.Entries)-1].Text)
		}
		require.Equal(t, "failure 1/3", timeline.Entries[0].Text)
		require.Equal(t, "opened", timeline.Entries[1].Text)
		for i := 1; i < len(timeline.Entries); i++ {
			require.False(t, timeline.Entries[i].At.Before(timeline.Entries[i-1].At))
		}
	}
}

// TestTimelineLeavesCopiesAlone: an answer to a query must not change while it
// is being encoded.
func TestTimelineLeavesCopiesAlone(t *testing.T) {
	var timeline health.Timeline
	for range health.TimelineLimit {
		timeline.Add(noon, health.EntryVerification, "failed")
	}
	answer := timeline
	before := append([]health.Entry(nil), answer.Entries...)
	timeline.Add(noon, health.EntryNote, "one more")
	require.Equal(t, before, answer.Entries)
}
