package probe

import "context"

// turn admits one probe at a time to what a prober keeps between probes. It is
// made with a capacity of one.
type turn chan struct{}

// take waits for the turn; it fails when ctx ends first.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// give passes the turn on.
func (t turn) give() { <-t }
