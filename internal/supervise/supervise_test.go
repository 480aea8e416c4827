package supervise

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The tests run in synctest bubbles: time passes only when everything waits,
// so delays are exact and cost nothing.

const stopLimit = 10 * time.Second

// journal notes events in their order.
type journal struct {
	mu     sync.Mutex
	events []string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.events...)
}

// steady is a part that works until it is asked to stop.
func (j *journal) steady(name string) Part {
	return Part{Name: name, Run: func(ctx context.Context, ready func()) error {
		j.note("%s starts", name)
		ready()
		<-ctx.Done()
		j.note("%s stops", name)
		return ctx.Err()
	}}
}

func supervisor(t *testing.T, parts ...Part) *Supervisor {
	t.Helper()
	s := New(slog.New(slog.DiscardHandler))
	for _, part := range parts {
		require.NoError(t, s.Add(part))
	}
	return s
}

// running runs s in the background. The returned function stops it and gives
// the error of Run.
func running(t *testing.T, s *Supervisor) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, stopLimit) }()
	return func() error { cancel(); return <-done }
}

func status(s *Supervisor, name string) Status { return s.Health().Parts[name].Status }

func TestPartsStartInOrderAndStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		slow := Part{Name: "slow", Run: func(ctx context.Context, ready func()) error {
			j.note("slow starts")
			time.Sleep(3 * time.Second)
			j.note("slow is ready")
			ready()
			<-ctx.Done()
			j.note("slow stops")
			return nil
		}}
		s := supervisor(t, j.steady("first"), slow, j.steady("last"))
		require.Equal(t, Starting, s.Health().Status)
		stop := running(t, s)

		time.Sleep(2 * time.Second)
		require.Equal(t, []Status{Healthy, Starting, Starting}, []Status{status(s, "first"), status(s, "slow"), status(s, "last")})
		require.Equal(t, Starting, s.Health().Status)
		time.Sleep(2 * time.Second)
		require.Equal(t, Healthy, s.Health().Status)

		require.NoError(t, stop())
		require.Equal(t, Stopped, s.Health().Status)
		require.Equal(t, []string{"first starts", "slow starts", "slow is ready", "last starts",
			"last stops", "slow stops", "first stops"}, j.all())
	})
}

func TestOneFailingPartLeavesTheOthersAlone(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error":     func() error { return errors.New("disk full") },
		"panic":     func() error { panic("disk full") },
		"no reason": func() error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var j journal
				var runs int
				flaky := Part{Name: "flaky", Essential: true, Run: func(ctx context.Context, ready func()) error {
					runs++
					ready()
					if runs == 1 {
						time.Sleep(5 * time.Second)
						return fail()
					}
					<-ctx.Done()
					return nil
				}}
				s := supervisor(t, j.steady("other"), flaky)
				stop := running(t, s)
				begin := time.Now()

				time.Sleep(4 * time.Second)
				require.Equal(t, Healthy, s.Health().Status)
				time.Sleep(1500 * time.Millisecond)
				require.Equal(t, Mark{Failed, begin.Add(5 * time.Second)}, s.Health().Parts["flaky"])
				require.Equal(t, Mark{Healthy, begin.Add(settle)}, s.Health().Parts["other"])
				require.Equal(t, Failed, s.Health().Status)
				time.Sleep(time.Second)
				require.Equal(t, Mark{Healthy, begin.Add(5*time.Second + firstDelay + settle)}, s.Health().Parts["flaky"])

				require.NoError(t, stop(), "a healed failure is no error of the process")
				require.Equal(t, []string{"other starts", "other stops"}, j.all())
			})
		})
	}
}

// A part that says it is ready and fails at once never shows healthy, its
// mark keeps the time of the first failure, and its restarts slow down.
func TestPartThatFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		begin := time.Now()
		s := supervisor(t, Part{Name: "broken", Run: func(_ context.Context, ready func()) error {
			j.note("%s", time.Since(begin))
			ready()
			return fmt.Errorf("bad file, run %d", min(len(j.all()), 2))
		}}, j.steady("next"))
		stop := running(t, s)
		for range 1000 {
			require.NotEqual(t, Healthy, status(s, "broken"))
			time.Sleep(99 * time.Millisecond)
		}
		require.Equal(t, Mark{Failed, begin}, s.Health().Parts["broken"])
		require.EqualError(t, stop(), "broken: bad file, run 1\nbroken: bad file, run 2")
		require.Equal(t, []string{"0s", "next starts", "1s", "3s", "7s", "15s", "31s", "1m1s", "1m31s", "next stops"}, j.all())
	})
}

func TestBackoffStartsAnewAfterAGoodRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		begin := time.Now()
		lengths := []time.Duration{0, 0, 2 * time.Minute, 0}
		s := supervisor(t, Part{Name: "p", Run: func(ctx context.Context, ready func()) error {
			run := len(j.all())
			j.note("%s", time.Since(begin))
			ready()
			if run == len(lengths) {
				<-ctx.Done()
				return nil
			}
			time.Sleep(lengths[run])
			return errors.New("no")
		}})
		stop := running(t, s)
		time.Sleep(5 * time.Minute)
		require.NoError(t, stop())
		require.Equal(t, []string{"0s", "1s", "3s", "2m4s", "2m6s"}, j.all())
	})
}

func TestEssentialPartThatCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		taken := errors.New("port 8080 is taken")
		var log bytes.Buffer
		s := New(slog.New(slog.NewTextHandler(&log, nil)))
		require.NoError(t, s.Add(j.steady("first")))
		require.NoError(t, s.Add(Part{Name: "http-server", Essential: true, Run: func(context.Context, func()) error { return taken }}))
		require.NoError(t, s.Add(j.steady("never")))
		err := s.Run(t.Context(), stopLimit)
		require.ErrorIs(t, err, taken)
		require.EqualError(t, err, "http-server: port 8080 is taken")
		require.Equal(t, []string{"first starts", "first stops"}, j.all())
		require.Equal(t, Failed, status(s, "http-server"))
		require.Empty(t, log.String(), "the error is returned, not logged as well")
	})
}

func TestEssentialPartThatFailsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := supervisor(t, Part{Name: "slow", Essential: true, Run: func(context.Context, func()) error {
			time.Sleep(startLimit + time.Second)
			return errors.New("no cluster")
		}}, j.steady("next"))
		require.EqualError(t, s.Run(t.Context(), stopLimit), "slow: no cluster")
		require.Equal(t, []string{"next starts", "next stops"}, j.all())
	})
}

func TestStoppingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		release := make(chan struct{})
		defer close(release)
		s := supervisor(t, j.steady("first"), Part{Name: "stuck", Run: func(_ context.Context, ready func()) error {
			ready()
			<-release
			return nil
		}}, j.steady("last"))
		stop := running(t, s)
		time.Sleep(time.Second)
		begin := time.Now()
		require.EqualError(t, stop(), "stuck: did not stop within 9.667s")
		require.LessOrEqual(t, time.Since(begin), stopLimit)
		require.Equal(t, []string{"first starts", "last starts", "last stops", "first stops"}, j.all())
	})
}

func TestErrorsWhileStoppingAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ending := func(name string, end func(context.Context) error) Part {
			return Part{Name: name, Run: func(ctx context.Context, ready func()) error {
				ready()
				<-ctx.Done()
				return end(ctx)
			}}
		}
		s := supervisor(t,
			ending("a", func(context.Context) error { return errors.New("flush failed") }),
			ending("b", func(context.Context) error { panic("late") }),
			ending("c", func(ctx context.Context) error { return fmt.Errorf("poll: %w", ctx.Err()) }),
			ending("d", func(ctx context.Context) error { return errors.Join(ctx.Err(), errors.New("close failed")) }),
		)
		stop := running(t, s)
		time.Sleep(time.Second)
		require.EqualError(t, stop(), "a: stopping: flush failed\nb: stopping: panic: late\nd: stopping: context canceled\nclose failed")
		require.Equal(t, Stopped, status(s, "c"))
	})
}

// A part that works again has not failed, if it was stopped a moment later too.
func TestStoppedAsItWorksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s := supervisor(t, Part{Name: "store", Run: func(ctx context.Context, ready func()) error {
			if runs++; runs == 1 {
				return errors.New("connection refused")
			}
			ready()
			<-ctx.Done()
			return nil
		}})
		stop := running(t, s)
		time.Sleep(firstDelay + settle/2)
		require.Equal(t, Failed, status(s, "store"), "it might fail at once")
		require.NoError(t, stop())
		require.Equal(t, Stopped, status(s, "store"))
	})
}

func TestStoppedWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		s := supervisor(t, j.steady("first"), Part{Name: "slow", Run: func(ctx context.Context, _ func()) error {
			<-ctx.Done()
			return ctx.Err()
		}}, j.steady("never"))
		stop := running(t, s)
		time.Sleep(time.Second)
		require.NoError(t, stop())
		require.Equal(t, []string{"first starts", "first stops"}, j.all())
	})
}

func TestMisuseIsRefused(t *testing.T) {
	var j journal
	s := supervisor(t, j.steady("web"))
	require.Equal(t, Starting, New(nil).Health().Status)
	require.EqualError(t, s.Add(j.steady("web")), "supervise: there are two parts named web")
	require.EqualError(t, s.Add(Part{Name: "x"}), `supervise: part "x" needs a name and a Run`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Run(ctx, stopLimit))
	require.Empty(t, j.all())
	require.EqualError(t, s.Run(ctx, stopLimit), "supervise: Run was called twice")
	require.EqualError(t, s.Add(j.steady("late")), "supervise: part late comes too late: the parts are running")
}
