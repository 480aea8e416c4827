package store

import (
	"context"
	"crypto/rand"
	"time"
)

const (
	// cacheBatch is how many targets are written by one call.
	cacheBatch = 500
	// lookEvery is how often Redis is looked after when there is nothing to
	// write: it may have come back empty.
	lookEvery = 10 * time.Second
	// fillPause is how long the store is left alone after it could not fill Redis.
	fillPause = 5 * time.Second
)

// Run writes what comes in to Redis, and fills a Redis that is empty, until ctx
// ends; then it writes what is left, for at most a second.
func (c *Cache) Run(ctx context.Context) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	defer c.drain(ctx)
	signal(c.some)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-c.some:
		}
		if !pause(ctx, gatherTime) {
			return nil
		}
		left := c.flush(ctx)
		c.mu.Lock()
		wait := time.Until(c.until)
		c.mu.Unlock()
		if wait > 0 && !pause(ctx, wait) {
			return nil
		}
		if left {
			signal(c.some)
		}
	}
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// drain writes what is left once ctx has ended, unless Redis does not answer.
func (c *Cache) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cacheCall)
	defer cancel()
	for {
		batch, more := c.take()
		if len(batch) == 0 {
			return
		}
		if _, err := c.write(ctx, batch); err != nil {
			c.again(batch)
			return
		}
		if !more {
			return
		}
	}
}

// flush writes what Redis has not been told of yet, or looks whether it is
// filled if there is nothing. It reports whether there is something left.
func (c *Cache) flush(ctx context.Context) (left bool) {
	batch, left := c.take()
	filling, err := c.write(ctx, batch)
	if err != nil {
		c.again(batch)
		return true
	}
	if filling == "" && !time.Now().Before(c.fillAfter) && !c.fill(ctx) {
		c.fillAfter = time.Now().Add(fillPause)
	}
	return left
}

// take removes some targets from those to be written, and reports whether there
// are more.
func (c *Cache) take() (batch []Latest, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.dirty {
		if len(batch) == cacheBatch {
			return batch, true
		}
		batch = append(batch, c.known[key])
		delete(c.dirty, key)
	}
	return batch, false
}

// again has targets written once more.
func (c *Cache) again(batch []Latest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range batch {
		c.dirty[l.Key] = struct{}{}
	}
}

// write puts targets into Redis and returns the name of the filling, empty if
// Redis has to be filled.
func (c *Cache) write(ctx context.Context, batch []Latest) (filling string, err error) {
	args := []any{int(cacheLife / time.Second)}
	dropped := 0
	for _, l := range batch {
		items, err := itemsOf(l)
		if err != nil {
			dropped++
		}
		args = append(args, items...)
	}
	answer, err := c.ask(ctx, writeScript, args...)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Written += len(batch) - dropped
	c.stats.Dropped += dropped
	if len(answer) == 0 {
		return "", nil
	}
	return answer[0], nil
}

// fill puts all into an empty Redis that the store knows, and what this Cache
// knows, for that may not be in the store yet. It reports whether it did.
func (c *Cache) fill(ctx context.Context) bool {
	all, err := c.behind.Changed(ctx, time.Time{})
	if err != nil {
		if !c.unfilled && ctx.Err() == nil {
			c.log.Warn("Redis cannot be filled from the store; it is tried again, and not read until then", "error", err, "every", fillPause)
		}
		c.unfilled = true
		return false
	}
	c.unfilled = false
	c.mu.Lock()
	for _, l := range c.known {
		all = append(all, l)
	}
	c.mu.Unlock()
	for len(all) > 0 {
		n := min(len(all), cacheBatch)
		if _, err := c.write(ctx, all[:n]); err != nil {
			return false
		}
		all = all[n:]
	}
	if _, err := c.ask(ctx, markScript, rand.Text(), int(cacheLife/time.Second)); err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Filled++
	return true
}
