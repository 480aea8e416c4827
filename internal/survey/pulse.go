package survey

import (
	"sync"
	"time"
)

const (
	// pulseEvery is the time between two beats of a Pulse.
	pulseEvery = 100 * time.Millisecond
	// pulseMemory is for how many seconds a Pulse remembers.
	pulseMemory = 600
)

// Pulse measures how late a process runs what is due: a goroutine that wants to
// run every 100 ms notes by how much it was late. It beats only while somebody
// probes. It implements Lag and is safe for concurrent use.
type Pulse struct {
	wake chan struct{}
	stop func()
	ends <-chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	users int
	epoch time.Time
	// next is when the next beat is due; zero while nobody measures.
	next time.Time
	// worst is the longest delay of each second, in a ring.
	worst [pulseMemory]delay
}

type delay struct {
	second int64
	by     time.Duration
}

// NewPulse starts a pulse. It beats until Close.
func NewPulse() *Pulse {
	ends := make(chan struct{})
	p := &Pulse{
		wake: make(chan struct{}, 1), epoch: time.Now(),
		ends: ends, stop: sync.OnceFunc(func() { close(ends) }),
	}
	p.done.Go(p.run)
	return p
}

// Close ends the pulse and waits for it.
func (p *Pulse) Close() {
	p.stop()
	p.done.Wait()
}

// Enter has the pulse beat until Leave.
func (p *Pulse) Enter() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
	if p.next.IsZero() {
		p.next = time.Now()
		select {
		case p.wake <- struct{}{}:
		default: // it has not yet seen the last one
		}
	}
}

// Leave undoes one Enter.
func (p *Pulse) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
}

// Worst implements Lag. It knows the last ten minutes, to the second, and counts
// a beat that is overdue now.
func (p *Pulse) Worst(since time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.worstSince(since, time.Now())
}

func (p *Pulse) worstSince(since, now time.Time) time.Duration {
	var worst time.Duration
	if !p.next.IsZero() {
		worst = max(0, now.Sub(p.next))
	}
	to := p.second(now)
	for second := max(p.second(since), to-pulseMemory+1); second <= to; second++ {
		if noted := p.worst[second%pulseMemory]; noted.second == second {
			worst = max(worst, noted.by)
		}
	}
	return worst
}

func (p *Pulse) second(at time.Time) int64 { return max(0, int64(at.Sub(p.epoch)/time.Second)) }

func (p *Pulse) run() {
	timer := time.NewTimer(pulseEvery)
	defer timer.Stop()
	for {
		select {
		case <-p.ends:
			return
		case <-p.wake:
		case <-timer.C:
		}
		if p.beat(time.Now()) {
			timer.Reset(pulseEvery)
		}
	}
}

// beat notes how late it is, and reports whether there is to be another.
func (p *Pulse) beat(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.IsZero() {
		return false
	}
	if late := now.Sub(p.next); late > 0 {
		second := p.second(now)
		noted := &p.worst[second%pulseMemory]
		if noted.second != second {
			*noted = delay{second: second}
		}
		noted.by = max(noted.by, late)
	}
	if p.users == 0 {
		p.next = time.Time{}
		return false
	}
	p.next = now.Add(pulseEvery)
	return true
}
