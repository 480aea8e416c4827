package probe

import (
	"context"
	"time"
)

// reserve keeps a quarter of the remaining time, at most 2 s, for tidying up: a
// probe whose work hangs still removes what it wrote, within its time limit.
// The context tidy is also not cancelled by a shutdown. Call done after both.
func reserve(ctx context.Context) (work, tidy context.Context, done func()) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Minute)
	}
	kept := min(time.Until(deadline)/4, 2*time.Second)
	work, stopWork := context.WithDeadline(ctx, deadline.Add(-kept))
	tidy, stopTidy := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	return work, tidy, func() { stopWork(); stopTidy() }
}
