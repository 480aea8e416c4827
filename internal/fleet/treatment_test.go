package fleet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// page answers each request with the next of the statuses, the last one for
// ever; 0 never answers.
type page struct {
	*httptest.Server
	asked atomic.Int64
}

func newPage(t *testing.T, statuses ...int) *page {
	t.Helper()
	p := &page{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := statuses[min(int(p.asked.Add(1)), len(statuses))-1]
		if status == 0 {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *page) probe(t *testing.T) probe.Prober {
	t.Helper()
	prober, err := asking(p.URL).Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, prober.Close()) })
	return prober
}

// port is a tcp probe of an address.
func port(t *testing.T, address string) probe.Prober {
	t.Helper()
	prober, err := (&probe.TCP{Address: address}).Open()
	require.NoError(t, err)
	return prober
}

func script(t *testing.T, text string) remedy.Remedy {
	t.Helper()
	opened, err := (&remedy.Exec{Command: []string{"/bin/sh", "-c", text}, Timeout: health.Duration(time.Minute)}).Open()
	require.NoError(t, err)
	return opened
}

func treat(t *testing.T, s step, checkpoint remedy.Checkpoint) health.Treatment {
	t.Helper()
	treatment, err := s.carryOut(t.Context(), remedy.Request{Checkpoint: checkpoint})
	require.NoError(t, err)
	return treatment
}

func TestPreCheckThatFailsLeavesTheServiceAlone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	record, checkpoint := filepath.Join(t.TempDir(), "record"), fresh(t)
	s := step{remedy: recorder{record}, before: port(t, address), timeout: time.Second, evidence: 10}

	treatment := treat(t, s, checkpoint)
	require.Equal(t, health.Skipped, treatment.Effect)
	require.Contains(t, treatment.Detail, "pre-check failed: ")
	require.Contains(t, treatment.Detail, "refused")
	require.Empty(t, written(record), "neither looked nor acted")
	require.NoFileExists(t, checkpoint.path)
}

func TestEvidenceIsCollectedBetweenPreCheckAndRemedy(t *testing.T) {
	record, before, after := filepath.Join(t.TempDir(), "record"), newPage(t, 200), newPage(t, 200)
	treatment := treat(t, step{
		remedy: recorder{record}, before: before.probe(t), after: after.probe(t), timeout: time.Second, evidence: 7,
	}, fresh(t))
	require.Equal(t, health.Applied, treatment.Effect)
	require.Equal(t, "recorded", treatment.Detail)
	require.Equal(t, "the last 7 lines", treatment.Evidence)
	require.Equal(t, []string{"looked", "acted"}, written(record))
	require.Len(t, treatment.Notes, 2)
	require.Equal(t, "by the remedy", treatment.Notes[0])
	require.Regexp(t, `^post-check passed after [0-9.]+m?s$`, treatment.Notes[1])
	require.EqualValues(t, 1, before.asked.Load())
	require.EqualValues(t, 1, after.asked.Load())
}

func TestPostCheckIsTriedUntilItPasses(t *testing.T) {
	after := newPage(t, 503, 200)
	treatment := treat(t, step{remedy: script(t, "true"), after: after.probe(t), timeout: 10 * time.Second}, fresh(t))
	require.Equal(t, health.Applied, treatment.Effect)
	require.EqualValues(t, 2, after.asked.Load())
	require.Regexp(t, `^post-check passed after 1(\.[0-9]+)?s$`, treatment.Notes[0])
}

func TestPostCheckThatNeverPassesFailsTheStep(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int
		timeout  time.Duration
		asked    int64
	}{
		"one try":                     {[]int{503}, 50 * time.Millisecond, 1},
		"two tries":                   {[]int{500, 503}, 1500 * time.Millisecond, 2},
		"the last try gets no answer": {[]int{503, 0}, 1200 * time.Millisecond, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			after := newPage(t, c.statuses...)
			start := time.Now()
			treatment := treat(t, step{remedy: script(t, "true"), after: after.probe(t), timeout: c.timeout}, fresh(t))
			require.Less(t, time.Since(start), c.timeout+time.Second)
			require.Equal(t, health.Failed, treatment.Effect)
			require.Regexp(t, `^sh succeeded in [0-9.]+m?s; post-check failed: .*503`, treatment.Detail)
			require.Equal(t, c.asked, after.asked.Load())
		})
	}
}

func TestPostCheckFollowsOnlyWhatWasDone(t *testing.T) {
	after := newPage(t, 200)
	treatment := treat(t, step{remedy: script(t, "exit 3"), after: after.probe(t), timeout: time.Second}, fresh(t))
	require.Equal(t, health.Failed, treatment.Effect)
	require.NotContains(t, treatment.Detail, "post-check")
	require.Zero(t, after.asked.Load())
}

func TestPostCheckThatIsCutShortIsNoFailure(t *testing.T) {
	after := newPage(t, 503)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	stopping := errors.New("the worker is stopping")
	s := step{remedy: script(t, "true"), after: stopsAt{after.probe(t), func() { cancel(stopping) }}, timeout: time.Minute}
	treatment, err := s.carryOut(ctx, remedy.Request{Checkpoint: fresh(t)})
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect)
	require.Equal(t, []string{"post-check cut short, the attempt had to end: the worker is stopping"}, treatment.Notes)
}

func TestStopInThePreCheckIsNoReasonToSkip(t *testing.T) {
	before, record := newPage(t, 503), filepath.Join(t.TempDir(), "record")
	ctx, cancel := context.WithCancel(t.Context())
	s := step{remedy: recorder{record}, before: stopsAt{before.probe(t), cancel}, timeout: time.Minute}
	_, err := s.carryOut(ctx, remedy.Request{Checkpoint: fresh(t)})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, written(record))
}

// stopsAt calls stop while it probes.
type stopsAt struct {
	probe.Prober
	stop func()
}

func (s stopsAt) Probe(ctx context.Context) health.Result {
	defer s.stop()
	return s.Prober.Probe(ctx)
}

func TestEvidenceIsNoObstacle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		record := filepath.Join(t.TempDir(), "record")
		s := step{remedy: blind{recorder{record}}, kind: "blind", timeout: time.Second, evidence: 5}
		start := time.Now()
		treatment := treat(t, s, fresh(t))
		require.Equal(t, evidenceTime, time.Since(start))
		require.Equal(t, health.Applied, treatment.Effect)
		require.Equal(t, "half of it", treatment.Evidence)
		require.Equal(t, "the evidence is not complete: context deadline exceeded", treatment.Notes[0])
		require.Equal(t, []string{"acted"}, written(record))
	})
	treatment := treat(t, step{remedy: script(t, "true"), kind: "exec", evidence: 5}, fresh(t))
	require.Equal(t, health.Applied, treatment.Effect)
	require.Equal(t, []string{"no evidence: a step of kind exec collects none"}, treatment.Notes)
}

// blind never comes to an end of its evidence.
type blind struct{ recorder }

func (blind) Evidence(ctx context.Context, _ int) (string, error) {
	<-ctx.Done()
	return "half of it", ctx.Err()
}

func TestNothingIsDoneWithACheckpointThatCannotBeRead(t *testing.T) {
	record, before := filepath.Join(t.TempDir(), "record"), newPage(t, 200)
	s := step{remedy: recorder{record}, before: before.probe(t), timeout: time.Second}
	_, err := s.carryOut(t.Context(), remedy.Request{Checkpoint: unreadable{}})
	require.ErrorIs(t, err, errUnreadable)
	require.Empty(t, written(record))
	require.Zero(t, before.asked.Load())
}

var errUnreadable = errors.New("the checkpoint cannot be read")

type unreadable struct{}

func (unreadable) Load(any) (bool, error)          { return true, errUnreadable }
func (unreadable) Save(context.Context, any) error { return nil }

// The worker is killed while the remedy acts, or later, in the post-check. The
// attempt is taken up again, and nothing happens twice.
func TestCrashedAttemptIsTakenUpWithoutDoingAnythingTwice(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		inCheck bool
		effect  health.Effect
		record  []string
		after   int64 // post-checks in all
	}{
		"while a command runs":            {"echo acted >> $0; exec sleep 2", false, health.Uncertain, []string{"acted"}, 0},
		"in the post-check of a command":  {"echo acted >> $0", true, health.Uncertain, []string{"acted"}, 1},
		"in the post-check of a recorder": {"", true, health.AlreadyApplied, []string{"looked", "acted"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after, directory := newPage(t, 200, 503), newPage(t, 0, 200), t.TempDir()
			a := attempt{
				Script: c.script, Before: before.URL, After: after.URL,
				Record: filepath.Join(directory, "record"), Checkpoint: filepath.Join(directory, "checkpoint"),
			}
			kill := a.start(t)
			require.Eventually(t, func() bool {
				return after.asked.Load() == 1 || !c.inCheck && len(written(a.Record)) > 0
			}, 20*time.Second, 5*time.Millisecond)
			kill()

			s, err := a.step()
			require.NoError(t, err)
			treatment := treat(t, s, fileCheckpoint{a.Checkpoint})
			require.Equal(t, c.effect, treatment.Effect, treatment.Detail)
			require.Equal(t, c.record, written(a.Record))
			require.EqualValues(t, 1, before.asked.Load(), "a second pre-check would have failed")
			require.Equal(t, c.after, after.asked.Load())
			require.Empty(t, treatment.Evidence)
		})
	}
}

func TestTreatmentIsBounded(t *testing.T) {
	long := strings.Repeat("ä", 1<<20)
	treatment := maskTreatment(health.Treatment{
		Detail: long, Output: long, Evidence: long, Notes: strings.Split(strings.Repeat(long[:1000]+"\n", 100), "\n"),
	}, nil)
	require.LessOrEqual(t, len(treatment.Detail), detailLimit)
	require.LessOrEqual(t, len(treatment.Output), outputLimit)
	require.LessOrEqual(t, len(treatment.Evidence), evidenceLimit)
	require.Len(t, treatment.Notes, notesLimit)
	for _, note := range treatment.Notes {
		require.LessOrEqual(t, len(note), noteLimit)
	}
}
