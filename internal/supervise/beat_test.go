package supervise

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// beating is a part that beats every interval, but not while it is hung.
func beating(interval time.Duration, hung *bool) Part {
	return Part{Name: "beating", Beats: true, Run: func(ctx context.Context, ready func()) error {
		ready()
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if !*hung {
					Beat(ctx)
				}
			case <-ctx.Done():
				return nil
			}
		}
	}}
}

func TestPartsThatDoNotBeatAreBeatenFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var j journal
		begin := time.Now()
		s := supervisor(t, j.steady("first"))
		require.Zero(t, s.Health().Vitals["first"].Beat)
		stop := running(t, s)
		time.Sleep(time.Second)
		require.Equal(t, begin, s.Health().Vitals["first"].Beat, "being ready is a sign of life")
		time.Sleep(95 * time.Second)
		require.Equal(t, begin.Add(3*BeatInterval), s.Health().Vitals["first"].Beat)
		require.NoError(t, stop())
		require.Equal(t, map[Status]int{Healthy: 1, Stopped: 1}, s.Health().Vitals["first"].Entered)
	})
}

// A part that hangs does not stay healthy, and is healthy again with its next beat.
func TestPartThatFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hung bool
		s := supervisor(t, beating(20*time.Second, &hung))
		stop := running(t, s)
		time.Sleep(10*time.Minute + time.Second)
		require.Equal(t, Healthy, status(s, "beating"))
		hung = true
		time.Sleep(silence - time.Second)
		require.Equal(t, Healthy, status(s, "beating"), "one beat late is not dead")
		time.Sleep(BeatInterval + time.Second)
		require.Equal(t, Failed, status(s, "beating"))
		require.Equal(t, Failed, s.Health().Status)
		hung = false
		time.Sleep(20 * time.Second)
		require.Equal(t, Healthy, status(s, "beating"))
		require.Equal(t, map[Status]int{Healthy: 2, Failed: 1}, s.Health().Vitals["beating"].Entered)
		require.NoError(t, stop())
	})
}

func TestSilentPartThatStopsIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := true
		s := supervisor(t, beating(20*time.Second, &hung))
		stop := running(t, s)
		time.Sleep(5 * time.Minute)
		require.Equal(t, Failed, status(s, "beating"))
		require.NoError(t, stop())
		require.Equal(t, Stopped, status(s, "beating"))
	})
}

func TestBeatsOfAnEarlierRunDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first context.Context
		s := supervisor(t, Part{Name: "p", Beats: true, Run: func(ctx context.Context, ready func()) error {
			ready()
			if first == nil {
				first = ctx
				time.Sleep(time.Second)
				return errors.New("no")
			}
			<-ctx.Done()
			return nil
		}})
		stop := running(t, s)
		time.Sleep(10 * time.Second)
		before := s.Health().Vitals["p"].Beat
		Beat(first)
		require.Equal(t, before, s.Health().Vitals["p"].Beat)
		require.Equal(t, map[Status]int{Healthy: 2, Failed: 1}, s.Health().Vitals["p"].Entered)
		require.NoError(t, stop())
	})
}

func TestBeatOutsideOfAPartDoesNothing(t *testing.T) { Beat(t.Context()) }
