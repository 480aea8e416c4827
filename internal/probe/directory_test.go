package probe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// place writes a file of a size and an age.
func place(t *testing.T, path string, size int, age time.Duration) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
	then := time.Now().Add(-age)
	require.NoError(t, os.Chtimes(path, then, then))
}

// writeAheadLog is a directory as applications leave it.
func writeAheadLog(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	place(t, filepath.Join(dir, "1.wal"), 1000, time.Hour)
	place(t, filepath.Join(dir, "2.wal"), 500, 90*time.Second)
	place(t, filepath.Join(dir, "notes.txt"), 7, time.Second)
	place(t, filepath.Join(dir, "old", "0.wal"), 2_000_000, 48*time.Hour)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.wal"), 0o755))
	require.NoError(t, os.Symlink("1.wal", filepath.Join(dir, "link.wal")))
	require.NoError(t, os.Symlink(".", filepath.Join(dir, "round")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.wal"), 0o600))
	return dir
}

func TestDirectoryCountsFiles(t *testing.T) {
	dir := writeAheadLog(t)
	link := filepath.Join(t.TempDir(), "current")
	require.NoError(t, os.Symlink(dir, link))
	cases := map[string]struct {
		options              Directory
		files, bytes         float64
		newest, oldest       time.Duration
		message, alsoMessage string
	}{
		"all":       {Directory{Path: dir, Pattern: "*"}, 3, 1507, time.Second, time.Hour, "3 files, 1.5 kB, newest written 1s ago", "3 files, 1.5 kB, newest written 2s ago"},
		"pattern":   {Directory{Path: dir, Pattern: "*.wal"}, 2, 1500, 90 * time.Second, time.Hour, "2 files, 1.5 kB, newest written 1m 30s ago", "2 files, 1.5 kB, newest written 1m 31s ago"},
		"recursive": {Directory{Path: dir, Pattern: "*.wal", Recursive: true}, 3, 2_001_500, 90 * time.Second, 48 * time.Hour, "3 files, 2.0 MB, newest written 1m 30s ago", "3 files, 2.0 MB, newest written 1m 31s ago"},
		"one":       {Directory{Path: dir, Pattern: "notes*"}, 1, 7, time.Second, time.Second, "1 file, 7 B, newest written 1s ago", "1 file, 7 B, newest written 2s ago"},
		"link":      {Directory{Path: link, Pattern: "1.wal"}, 1, 1000, time.Hour, time.Hour, "1 file, 1.0 kB, newest written 1h 0m ago", ""},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			result := probe(t, open(t, &test.options), 5*time.Second)
			requireHealthy(t, result)
			require.Contains(t, []string{test.message, test.alsoMessage}, result.Message)
			require.Equal(t, test.files, result.Observations["files"])
			require.Equal(t, test.bytes, result.Observations["size_bytes"])
			require.InDelta(t, test.newest.Seconds(), result.Observations["newest_age_seconds"], 3)
			require.InDelta(t, test.oldest.Seconds(), result.Observations["oldest_age_seconds"], 3)
		})
	}
}

func TestDirectoryJudgesWhatItFinds(t *testing.T) {
	dir, empty := writeAheadLog(t), t.TempDir()
	cases := map[string]struct {
		path, expect, degraded string
		status                 health.Status
		want                   string
	}{
		"holds":         {path: dir, expect: "files < 1000 && newest_age_seconds < 300", status: health.Healthy, want: "3 files, "},
		"too many":      {path: dir, expect: "files < 3", status: health.Unhealthy, want: "files < 3: files is 3"},
		"too large":     {path: dir, degraded: "size_bytes < 1000", status: health.Degraded, want: "size_bytes < 1000: size_bytes is 1507"},
		"too old":       {path: dir, expect: "oldest_age_seconds < 60", status: health.Unhealthy, want: "oldest_age_seconds < 60: oldest_age_seconds is 36"},
		"empty":         {path: empty, expect: "files == 0 || oldest_age_seconds < 60", status: health.Healthy, want: "no file"},
		"nothing there": {path: empty, expect: "newest_age_seconds < 300", status: health.Unhealthy, want: "newest_age_seconds < 300: there is no file"},
		"missing":       {path: dir + "/nowhere", status: health.Unhealthy, want: "no such file or directory while looking at the files in " + dir + "/nowhere"},
		"a file":        {path: dir + "/1.wal", status: health.Unhealthy, want: "not a directory while looking at the files in " + dir + "/1.wal"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			options := &Directory{Path: test.path, Pattern: "*"}
			if test.expect != "" {
				options.Expect = []string{test.expect}
			}
			if test.degraded != "" {
				options.ExpectDegraded = []string{test.degraded}
			}
			result := probe(t, open(t, options), 5*time.Second)
			require.Equal(t, test.status, result.Status, result.Message)
			require.True(t, strings.HasPrefix(result.Message, test.want), result.Message)
		})
	}
}

func TestDirectoryLooksAtNoMoreThanItsLimit(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		place(t, filepath.Join(dir, fmt.Sprint(i%3), fmt.Sprint(i)), 1, time.Minute)
	}
	prober := open(t, &Directory{Path: dir, Pattern: "*", Recursive: true, Expect: []string{"files < 25"}}).(*directoryProber)
	prober.limit = 33
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "files < 25: files is 30")
	prober.limit = 32
	requireUnhealthy(t, probe(t, prober, 5*time.Second), "files < 25: files is 29")
	prober.limit = 20
	result := probe(t, prober, 5*time.Second)
	require.Equal(t, health.Degraded, result.Status)
	require.Equal(t, "there are more than 20 entries; the rest was not looked at", result.Message)
	require.Less(t, result.Observations["files"], 20.0)
}

func TestDirectoryEndsWithTheProbe(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 * entryBatch {
		require.NoError(t, os.Symlink("x", filepath.Join(dir, fmt.Sprint(i))))
	}
	prober := open(t, &Directory{Path: dir, Pattern: "*"}).(*directoryProber)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := prober.look(ctx)
	require.ErrorIs(t, err, context.Canceled)

	// A look that hangs in the kernel keeps its turn, and others do not join it.
	require.NoError(t, prober.turn.take(context.Background()))
	requireNoLeak(t, func() {
		requireUnhealthy(t, probe(t, prober, 50*time.Millisecond), "timeout after 50ms while waiting for an earlier look at "+dir)
	})
	prober.turn.give()
	requireHealthy(t, probe(t, prober, 5*time.Second))
}

func TestDirectoryOptions(t *testing.T) {
	for _, test := range []struct {
		options Directory
		want    option.Problem
	}{
		{Directory{Path: "wal", Pattern: "*"}, option.Problem{Path: "path", Text: `"wal" depends on where the worker was started; write it from the root, like /var/lib/app/wal`}},
		{Directory{Path: "/wal"}, option.Problem{Path: "pattern", Text: "is empty; * stands for every file"}},
		{Directory{Path: "/wal", Pattern: "[a"}, option.Problem{Path: "pattern", Text: `"[a" is not a pattern: a [ has no ], or a \ nothing after it`}},
		{Directory{Path: "/wal", Pattern: "a/*"}, option.Problem{Path: "pattern", Text: `"a/*" names more than a file; put directories into path, or use recursive`}},
		{Directory{Path: "/wal", Pattern: "*", Expect: []string{"filez < 3"}}, option.Problem{Path: "expect[0]", Text: "unknown name filez (line 1, column 1); known are files, latency, newest_age_seconds, oldest_age_seconds, size_bytes"}},
		{Directory{Path: "/wal", Pattern: "*", ExpectDegraded: []string{"files"}}, option.Problem{Path: "expect_degraded[0]", Text: "expected bool, but got float64"}},
	} {
		require.Equal(t, option.Problems{test.want}, test.options.Validate())
	}
}
