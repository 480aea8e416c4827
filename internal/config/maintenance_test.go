package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/calendar"
)

func TestEndlessWindows(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, test := range []struct {
		cron   string
		length time.Duration
		want   bool
	}{
		{"* * * * *", 59 * time.Second, false},
		{"* * * * *", time.Minute, true},
		{"*/10 * * * *", 9 * time.Minute, false},
		{"*/7 * * * *", 5 * time.Minute, false}, // 56 to 00 is four minutes, the others are seven
		{"*/7 * * * *", 7 * time.Minute, true},
		{"0 2 * * *", 24*time.Hour - time.Second, false},
		{"0 2 * * *", 24 * time.Hour, true},
		{"* 0-22 * * *", 61 * time.Minute, true},
		{"* 0-22 * * *", 60 * time.Minute, false},
		{"0 2 * * MON-FRI", 25 * time.Hour, false}, // it ends each Saturday
		{"0 2 * * MON-FRI", 72 * time.Hour, true},
		{"0 2 * * SUN", week - time.Minute, false},
		{"0 2 * * SUN", week, true},
		{"0 2 1,8,15,22,29 * *", week, true},
		{"0 2 7,14,21,28 * *", week, false}, // ten days from the 28th to the 7th, but for February
		{"0 2 1,8,15,22 * *", week, false},
		{"0 2 29 2 *", week, false},
		{"0 2 29 2 1-6", 24 * time.Hour, false},
		{"30 23 * * *", time.Hour, false},
	} {
		schedule, err := calendar.ParseCron(test.cron, "")
		require.NoError(t, err)
		require.Equal(t, test.want, endless(schedule, test.length), "%s for %s", test.cron, test.length)
	}
}

// A window of the defaults is at another time in each zone, and services do
// not see each other's.
func TestWindowsOfTheDefaults(t *testing.T) {
	config, err := read("paramedic.yml", `
defaults: {maintenance: [{from: 2026-07-01 02:00, for: 90m}, {from: 2026-07-01T02:00:00-03:00, until: 2026-07-03 00:00}]}
services:
  - {name: a, probe: {other: {}}}
  - {name: b, probe: {other: {}}, timezone: Europe/Madrid}
  - {name: c, probe: {other: {}}, maintenance: []}
`)
	require.NoError(t, err)
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 7, day, hour, minute, 0, 0, time.UTC) }
	a, b := config.Services[0].Maintenance, config.Services[1].Maintenance
	require.Equal(t, []time.Time{at(1, 2, 0), at(1, 3, 30)}, []time.Time{a[0].Starts, a[0].Ends})
	require.Equal(t, []time.Time{at(1, 0, 0), at(1, 1, 30)}, []time.Time{b[0].Starts, b[0].Ends})
	require.Equal(t, []time.Time{at(1, 5, 0), at(3, 0, 0)}, []time.Time{a[1].Starts, a[1].Ends})
	require.Equal(t, []time.Time{at(1, 5, 0), at(2, 22, 0)}, []time.Time{b[1].Starts, b[1].Ends})
	require.Empty(t, config.Services[2].Maintenance)
}
