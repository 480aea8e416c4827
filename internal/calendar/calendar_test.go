package calendar_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/calendar"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return parsed
}

func TestNextAndMatches(t *testing.T) {
	for _, test := range []struct{ expr, zone, from, next string }{
		{"*/5 * * * *", "", "2026-03-19T14:31:10Z", "2026-03-19T14:35:00Z"},
		{"*/5 * * * *", "UTC", "2026-03-19T14:35:00Z", "2026-03-19T14:40:00Z"},
		{"0 8-17 * * MON-FRI", "Europe/Madrid", "2026-03-20T16:30:00Z", "2026-03-23T07:00:00Z"},
		{"30 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"}, // 02:30 does not exist on the 29th
		{"0 0 13 * FRI", "UTC", "2026-03-11T00:00:00Z", "2026-03-13T00:00:00Z"},
		{"0 0 29 2 *", "UTC", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
	} {
		schedule, err := calendar.ParseCron(test.expr, test.zone)
		require.NoError(t, err, test.expr)
		next := schedule.Next(at(t, test.from))
		require.Equal(t, test.next, next.Format(time.RFC3339), test.expr)
		require.True(t, schedule.Matches(next), test.expr)
	}
}

// Matches is computed without Next; both must agree on every minute of days
// on which clocks change.
func TestMatchesAgreesWithNext(t *testing.T) {
	for _, expr := range []string{"* 8-17 * * MON-FRI", "*/7 1-3 * * *", "0 0 1 * SUN", "15 4 */2 * *"} {
		schedule, err := calendar.ParseCron(expr, "Europe/Madrid")
		require.NoError(t, err)
		minute := at(t, "2026-10-24T00:00:00Z")
		for range 3 * 24 * 60 {
			due := schedule.Next(minute.Add(-time.Second)).Equal(minute)
			require.Equal(t, due, schedule.Matches(minute.Add(42*time.Second)), "%s at %s", expr, minute)
			minute = minute.Add(time.Minute)
		}
	}
}

func TestParseCronRefuses(t *testing.T) {
	for _, test := range []struct{ expr, zone, want string }{
		{"", "", "has 0;"},
		{"* * * *", "", "has 4;"},
		{"@hourly", "", "has 1;"},
		{"0 0 * * * *", "", "has 6;"},
		{"TZ=Asia/Tokyo", "", "set timezone"},
		{"61 * * * *", "", "is not a cron expression"},
		{"* * 30 2 *", "", "never comes due"},
		{"* * * * *", "Mars/Olympus", "is not a known time zone"},
		{"* * * * *", "Local", "is not a known time zone"},
		{"* * * * *", "../../etc/passwd", "is not a known time zone"},
	} {
		_, err := calendar.ParseCron(test.expr, test.zone)
		require.ErrorContains(t, err, test.want, test.expr)
	}
}

func TestZeroScheduleIsNeverDue(t *testing.T) {
	var schedule calendar.Schedule
	require.False(t, schedule.Matches(time.Now()))
	require.True(t, schedule.Next(time.Now()).IsZero())
}

func FuzzParseCron(f *testing.F) {
	for _, seed := range []string{"* * * * *", "*/5 8-17 * * MON-FRI", "TZ=x", "CRON_TZ=", "0/0 * * * *", "* * 30 2 *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if schedule, err := calendar.ParseCron(expr, "UTC"); err == nil {
			next := schedule.Next(time.Unix(1_700_000_000, 0))
			require.True(t, next.IsZero() || schedule.Matches(next))
		}
	})
}
