package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeasureLooks(t *testing.T) {
	for name, test := range map[string]struct {
		kinds func(looking) func(*shop) map[string]*visitors
		rows  func(map[string]values) []row
		named []string
	}{
		"overview": {func(l looking) func(*shop) map[string]*visitors { return l.lookers }, overviewRows, []string{"overview", "service", "incidents"}},
		"metrics":  {func(looking) func(*shop) map[string]*visitors { return scrapers }, metricsRows, []string{"packed", "plain"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			l := looking{services: 60, days: 1, outages: 10, results: time.Hour, window: 3 * time.Second, warmUp: 100 * time.Millisecond}
			measured, err := l.measure(t.Context(), t.Logf, test.kinds(l))
			require.NoError(t, err)
			for _, kind := range test.named {
				require.GreaterOrEqual(t, measured[kind+"_requests"], 3.0)
				require.Positive(t, measured[kind+"_first_p99"])
				require.GreaterOrEqual(t, measured[kind+"_whole_p99"], measured[kind+"_whole_p50"])
				require.Greater(t, measured[kind+"_kb"], 1.0)
			}
			require.Positive(t, measured["rss_mb"])
			require.Positive(t, measured["cores"])
			require.GreaterOrEqual(t, len(test.rows(map[string]values{name: measured})), 6)
			left, err := filepath.Glob(filepath.Join(os.TempDir(), "paramedic-bench-*"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// TestSlowAnswersMakeThoseBehindLate: a server that answers one request at a
// time is not asked less often for it, and what waits is counted as waiting.
func TestSlowAnswersMakeThoseBehindLate(t *testing.T) {
	const slow = 30 * time.Millisecond
	var one sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		one.Lock()
		defer one.Unlock()
		time.Sleep(slow)
		_, _ = w.Write([]byte("late"))
	}))
	defer server.Close()
	v := &visitors{rate: 100, request: gets(server.URL, []string{"/"}, nil)}
	require.NoError(t, v.come(t.Context(), browser(), 200*time.Millisecond))
	require.Len(t, v.whole, 20)
	found := values{}
	v.note(found, "page")
	// The last is asked for after 190 ms and answered after 600 ms at the earliest.
	require.GreaterOrEqual(t, found["page_whole_max"], milliseconds(20*slow)-190)
}

func TestAnswersThatAreNoneFail(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	v := &visitors{rate: 100, request: gets(server.URL, []string{"/nowhere"}, nil)}
	require.ErrorContains(t, v.come(t.Context(), browser(), 20*time.Millisecond), "/nowhere: 404 Not Found")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, v.come(ctx, browser(), time.Hour), context.Canceled)
}
