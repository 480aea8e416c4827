package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A worker that is asked to stop ends well and leaves nothing behind.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*run){
		"SIGTERM": func(r *run) { r.signal(syscall.SIGTERM) },
		"Ctrl-C":  func(r *run) { r.interrupt() },
	} {
		t.Run(name, func(t *testing.T) {
			configuration, patient := shipped(t)
			place := newPlace(t, configuration)
			worker := place.start(t)
			worker.saying("patient: healthy")
			stop(worker)
			require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
			place.requireNothingLeft(t)
			require.True(t, isFree(patient))
			require.NotContains(t, worker.stderr.String(), "ERR")

			// The lock is gone too: the next one starts on the same directory.
			next := place.start(t)
			next.signal(syscall.SIGTERM)
			require.Equal(t, 0, next.wait(stopLimit), next.stderr.String())
		})
	}
}

// broken is a service that nothing listens for, and whose remedy is a shell
// script that writes down its beginning and its end.
func broken(t testing.TB, script string) string {
	t.Helper()
	return fmt.Sprintf(`
services:
  - name: broken
    interval: 2s
    retry_interval: 1s
    timeout: 500ms
    failure_threshold: 1
    probe: {tcp: {address: %q}}
    remediation:
      settle: 1s
      backoff: [1h]
      steps:
        - exec: {command: [sh, -c, %q]}
`, freeAddress(t), "echo begin >> marks; "+script+"; echo end >> marks")
}

// marks are what the remedy of a broken service has written down.
func (p *place) marks(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "marks"))
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", " ")
}

func (p *place) acting(t testing.TB, worker *run) {
	t.Helper()
	worker.eventually("the remedy to begin", func() bool { return p.marks(t) == "begin" })
}

// What is being carried out when the worker is stopped finishes, and the next
// worker goes on behind it.
func TestStopLetsARemedyFinish(t *testing.T) {
	t.Parallel()
	place := newPlace(t, broken(t, "sleep 4"))
	worker := place.start(t)
	place.acting(t, worker)
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
	require.Equal(t, "begin end", place.marks(t))
	place.requireNothingLeft(t)

	next := place.start(t)
	place.requireTimeline(t, next, "applied: sh succeeded", "verification failed", "held: backing off")
	require.Equal(t, "begin end", place.marks(t), "it was run once")
}

// What takes too long is ended and handed on, and not run a second time.
func TestStopEndsARemedyThatTakesTooLong(t *testing.T) {
	t.Parallel()
	place := newPlace(t, broken(t, "sleep 50"))
	worker := place.start(t)
	place.acting(t, worker)
	began := time.Now()
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
	require.Greater(t, time.Since(began), 15*time.Second, "it had its time to finish")
	place.requireNothingLeft(t)

	next := place.start(t)
	place.requireTimeline(t, next, "uncertain: ", "verification failed", "held: backing off")
	require.Equal(t, "begin", place.marks(t), "it was begun once and never ended")
}

// Whoever presses Ctrl-C twice does not want to wait.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	place := newPlace(t, broken(t, "sleep 50"))
	worker := place.start(t)
	place.acting(t, worker)
	worker.interrupt()
	worker.saying("stopping")
	began := time.Now()
	worker.interrupt()
	require.Equal(t, -1, worker.wait(5*time.Second))
	require.Less(t, time.Since(began), 5*time.Second)
}

// A worker that is killed loses nothing: its patient dies with it, and the next
// one goes on with the watch and with the incident.
func TestKilledWorkerGoesOn(t *testing.T) {
	t.Parallel()
	configuration, patient := shipped(t)
	site := freeAddress(t)
	configuration = strings.Replace(configuration, "services:", fmt.Sprintf(`services:
  - name: gone
    interval: 1h
    retry_interval: 1s
    timeout: 500ms
    probe: {tcp: {address: %q}}
`, site), 1)
	place := newPlace(t, configuration)
	worker := place.start(t)
	worker.saying("patient: healthy")
	worker.saying("incident gone@")
	worker.signal(syscall.SIGKILL)
	require.Equal(t, -1, worker.wait(stopLimit))
	require.Eventually(t, func() bool { return isFree(patient) && len(processesOf(t, place.dir)) == 0 }, soon, poll,
		"the patient outlived its worker")

	next := place.start(t)
	var statuses []struct {
		Service, State string
	}
	next.eventually("the watch to go on", func() bool {
		place.read(t, &statuses, "status")
		return len(statuses) == 2 && statuses[1].State == "healthy"
	})
	listener := listen(t, site)
	next.saying("gone RECOVERED")
	require.NoError(t, listener.Close())
	var incidents []struct {
		Service, Outcome string
	}
	place.read(t, &incidents, "incidents", "--service", "gone")
	require.Len(t, incidents, 1, "it is the same incident")
	require.Equal(t, "recovered", incidents[0].Outcome)
}
