package store

import (
	"context"
	"time"
)

// feedPage is how many targets are read by one call.
const feedPage = 1000

// Feed reads the latest of every target and then what has changed: from Redis
// while it answers and is filled, else from the store. It is for one goroutine.
type Feed struct {
	store changes
	cache *Cache
	// place is how far Redis was read, since how far the store was.
	place place
	since time.Time
}

// place is a place in what has changed in Redis. It means nothing after Redis
// was filled again.
type place struct {
	filling string
	after   int64
}

// NewFeed returns a feed that begins with everything. The cache may be nil.
func NewFeed(store *Store, cache *Cache) *Feed { return &Feed{store: store, cache: cache} }

// Next returns what has changed since the last call, all of it the first time.
// A target may come again although it has not changed; never does a change go
// missing because Redis has come or gone.
func (f *Feed) Next(ctx context.Context) ([]Latest, error) {
	if f.cache != nil {
		if latest, next, ok := f.cache.changed(ctx, f.place); ok {
			f.place, f.since = next, time.Time{}
			return latest, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		f.cache.fellBack()
		f.place = place{}
	}
	latest, err := f.store.Changed(ctx, f.since)
	if err != nil {
		return nil, err
	}
	for _, l := range latest {
		if l.UpdatedAt.After(f.since) {
			f.since = l.UpdatedAt
		}
	}
	return latest, nil
}

// changed reads on from a place. It reports false if Redis does not answer, or
// does not know everything.
func (c *Cache) changed(ctx context.Context, from place) (latest []Latest, next place, ok bool) {
	for {
		answer, err := c.ask(ctx, readScript, from.filling, from.after, feedPage)
		if err != nil || len(answer) == 0 || answer[0] == "" {
			return nil, from, false
		}
		if answer[0] != from.filling {
			from, latest = place{filling: answer[0]}, nil
		}
		rows := answer[1:]
		for ; len(rows) >= rowSize; rows = rows[rowSize:] {
			l, stamp, err := latestFrom(rows[:rowSize])
			if err != nil {
				c.unanswered(err)
				return nil, from, false
			}
			latest, from.after = append(latest, l), stamp
		}
		if len(answer) < 1+rowSize*feedPage {
			return latest, from, true
		}
	}
}
