package survey

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPulseOfAnIdleProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPulse()
		defer p.Close()
		begun := time.Now()
		for range 3 { // it can be started and stopped
			p.Enter()
			p.Enter()
			p.Leave()
			time.Sleep(10 * time.Second)
			require.Zero(t, p.Worst(begun))
			p.Leave()
			time.Sleep(time.Minute)
			require.Zero(t, p.Worst(begun), "nobody wanted it to beat")
		}
	})
}

func TestPulseRemembersDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pulse{wake: make(chan struct{}, 1), epoch: time.Now()} // nobody beats but the test
		at := func(seconds float64) time.Time { return p.epoch.Add(time.Duration(seconds * float64(time.Second))) }
		p.Enter()
		p.beat(at(0))
		require.Equal(t, 2900*time.Millisecond, p.worstSince(at(0), at(3)), "a beat is overdue")
		p.beat(at(3))
		p.beat(at(3.1))
		p.beat(at(3.3))
		require.Equal(t, 2900*time.Millisecond, p.worstSince(at(3), at(3.3)))
		require.Equal(t, 2900*time.Millisecond, p.worstSince(at(1), at(3.3)))
		for second := 3.4; second < 6; second += 0.1 {
			p.beat(at(second))
		}
		require.Less(t, p.worstSince(at(4.5), at(5.9)), time.Millisecond, "that was before")
		p.beat(at(700))
		require.Greater(t, p.worstSince(at(0), at(700)), 10*time.Minute, "long ago is forgotten, now is not")
	})
}

// A process that has too little of a processor shows it.
func TestPulseOfAnOverloadedProcess(t *testing.T) {
	p := NewPulse()
	defer p.Close()
	p.Enter()
	defer p.Leave()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	begun, stop := time.Now(), new(atomic.Bool)
	for range 20 {
		go func() {
			for !stop.Load() { // spins
			}
		}()
	}
	defer stop.Store(true)
	require.Eventually(t, func() bool { return p.Worst(begun) > 20*time.Millisecond }, 20*time.Second, time.Millisecond)
}
