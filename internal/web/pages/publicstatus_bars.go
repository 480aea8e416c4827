package pages

import (
	"context"
	"sync"
	"time"

	"paramedic/internal/store"
)

const (
	// barDays is how many days the bars go back, today included.
	barDays = 90
	// barStep is the room of one bar in the picture.
	barStep = 4
	// barsFor is how long bars are shown before the store is asked again: who
	// loads the public page often must not load the store.
	barsFor = 5 * time.Minute
	// barsAgain is how long a store that could not answer is left alone.
	barsAgain = 30 * time.Second
	// barsLimit is how many services are remembered.
	barsLimit = 5000
	// badDay is the share of failed probes that makes a day a bad one.
	badDay = 0.05
)

// bar is one day of a service. Kind is "up", "degraded", "partly", "down", or
// "none" where no probe was made.
type bar struct {
	X    int
	Kind string
	At   time.Time
	// Up is the share of probes that passed, -1 where none was made.
	Up float64
}

// barCache remembers the bars of services. The zero value is empty.
type barCache struct {
	mu   sync.Mutex
	kept map[string]barsAt
}

type barsAt struct {
	at   time.Time
	bars []bar
}

// of returns the bars of a service, oldest first; none if the store cannot say.
func (c *barCache) of(ctx context.Context, p *Pages, service string) []bar {
	now := p.Now()
	c.mu.Lock()
	found, known := c.kept[service]
	c.mu.Unlock()
	if known && now.Sub(found.at) < barsFor {
		return found.bars
	}
	bars, err := p.readBars(ctx, service, now)
	if err != nil {
		if ctx.Err() != nil {
			return found.bars // the reader has gone
		}
		p.Log.Error("days could not be read", "service", service, "error", err)
		bars, now = found.bars, now.Add(barsAgain-barsFor)
	}
	c.keep(service, barsAt{now, bars})
	return bars
}

func (c *barCache) keep(service string, bars barsAt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) >= barsLimit || c.kept == nil {
		c.kept = map[string]barsAt{}
	}
	c.kept[service] = bars
}

func (p *Pages) readBars(ctx context.Context, service string, now time.Time) ([]bar, error) {
	today := now.UTC().Truncate(day)
	from := today.AddDate(0, 0, 1-barDays)
	days, err := p.Store.Days(ctx, store.Key{Service: service}, from, today.Add(day))
	if err != nil {
		return nil, err
	}
	return newBars(days, from), nil
}

// newBars gives every day from a midnight on a bar.
func newBars(days []store.Day, from time.Time) []bar {
	bars := make([]bar, barDays)
	for n := range bars {
		bars[n] = bar{X: n * barStep, Kind: "none", At: from.AddDate(0, 0, n), Up: -1}
	}
	for _, of := range days {
		n := int(of.At.Sub(from) / day)
		if n < 0 || n >= barDays || of.At.Before(from) || of.Probes <= 0 {
			continue
		}
		bars[n].Up = 1 - float64(of.Failed)/float64(of.Probes)
		bars[n].Kind = kindOfDay(of)
	}
	return bars
}

func kindOfDay(of store.Day) string {
	switch {
	case float64(of.Failed) >= badDay*float64(of.Probes):
		return "down"
	case of.Failed > 0:
		return "partly"
	case float64(of.Degraded) >= badDay*float64(of.Probes):
		return "degraded"
	default:
		return "up"
	}
}
