package vigil

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// every is the time between two rounds.
const every = 10 * time.Second

// Keep makes rounds until ctx ends. heartbeat, which may be nil, gives the
// heartbeat in force and the time between its calls; it is called while no
// Monitor is late.
func (v *Vigil) Keep(ctx context.Context, heartbeat func() (*Heartbeat, time.Duration)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var beat time.Time
	late := ""
	for {
		now := time.Now()
		names := strings.Join(v.Round(ctx, now), ", ")
		if names != late {
			late = names
			v.tell(names)
		}
		if h, interval := heartbeat(); h != nil && names == "" && now.Sub(beat) >= interval-every/2 {
			beat = now
			h.Beat(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tell says which Monitors are late, whenever that changes.
func (v *Vigil) tell(names string) {
	if names == "" {
		v.Log.Info("all Monitors are on time again")
		return
	}
	v.Log.Error(fmt.Sprintf("Monitors that are late: %s; the heartbeat waits for them", names))
}
