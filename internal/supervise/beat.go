package supervise

import (
	"context"
	"time"
)

// BeatInterval is the time between two heartbeats of a part.
const BeatInterval = 30 * time.Second

// silence is how long a part that beats itself may be silent before it counts
// as failed: it hangs.
const silence = 3 * BeatInterval

// Vitals are the signs of life of one part.
type Vitals struct {
	// Beat is when its last heartbeat was; zero before the first.
	Beat time.Time
	// Entered counts how often its status became each of these.
	Entered map[Status]int
}

// beatKey is the key of a run's beat function in its context.
type beatKey struct{}

// Beat is the heartbeat of the part whose Run got ctx, or a context made from
// it. In any other context it does nothing.
func Beat(ctx context.Context) {
	if beat, ok := ctx.Value(beatKey{}).(func()); ok {
		beat()
	}
}

// watch beats for the parts that do not beat themselves, as long as they work,
// and marks those that do and have gone silent, until ctx ends.
func watch(ctx context.Context, units []*unit) {
	ticker := time.NewTicker(BeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			for _, u := range units {
				u.look()
			}
		case <-ctx.Done():
			return
		}
	}
}

// look beats for the part, or sees whether it has.
func (u *unit) look() {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.mark.Status != Healthy:
	case !u.Beats:
		u.beatAt = time.Now()
	case time.Since(u.beatAt) > silence:
		u.silent = true
		u.set(Failed)
		u.log.Error("part is silent: it has given no sign of life", "for", time.Since(u.beatAt).Round(time.Second))
	}
}

// beat notes a sign of life of a run; those of earlier runs are ignored.
func (u *unit) beat(run int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.run != run || u.readyAt.IsZero() {
		return
	}
	u.beatAt = time.Now()
	if u.silent {
		u.log.Info("part works again", "after", time.Since(u.mark.Since).Round(time.Millisecond))
		u.silent = false
		u.set(Healthy)
	}
}
