package board

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

// History is what the board reads of the store; *store.Store implements it.
type History interface {
	Recent(ctx context.Context, per int) (map[store.Key][]float32, error)
	Uptimes(ctx context.Context, now time.Time) (map[store.Key]store.Uptime, error)
	Incidents(ctx context.Context, filter store.IncidentFilter) (page []health.Incident, total int, err error)
	OpenIncidents(ctx context.Context) (entries map[string]int, err error)
	Incident(ctx context.Context, id string) (health.Incident, error)
	Outboxes(ctx context.Context) ([]health.Outbox, error)
}

// Feed tells what has changed in the store since it was last asked, at first all
// of it; *store.Feed implements it.
type Feed interface {
	Next(ctx context.Context) ([]store.Latest, error)
}

const (
	// followEvery is the time between two looks at what other workers have
	// stored.
	followEvery = 2 * time.Second
	// uptimeEvery is how old the shares of time that a service was up may be.
	uptimeEvery = time.Minute
	// openLimit is the most open incidents that are taken from the store, in
	// pages of openPage; singly is how many are read one by one.
	openLimit = 20_000
	openPage  = 500
	singly    = 20
)

// Load shows what the store knows: after the start, so that people see what was
// known before. The latest comes first: it is to be had even while the database
// is down, if there is a cache.
func (b *Board) Load(ctx context.Context, history History, feed Feed) error {
	if err := b.follow(ctx, history, feed); err != nil {
		return err
	}
	recent, err := history.Recent(ctx, RecentLimit)
	if err != nil {
		return fmt.Errorf("reading the latest results: %w", err)
	}
	b.mu.Lock()
	for key, latencies := range recent {
		if e := b.services[key.Service]; e != nil && key.Target == "" && len(e.recent) < len(latencies) {
			e.recent = latencies
		}
	}
	b.mu.Unlock()
	return b.refresh(ctx, history)
}

// Run keeps what is shown up to date until ctx ends: it follows what other
// workers store. A file may be shared too, by workers of one machine.
func (b *Board) Run(ctx context.Context, history History, feed Feed) {
	follow, uptimes := time.NewTicker(followEvery), time.NewTicker(uptimeEvery)
	defer follow.Stop()
	defer uptimes.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-follow.C:
			err = b.follow(ctx, history, feed)
		case <-uptimes.C:
			err = b.refresh(ctx, history)
		}
		if err != nil && !failing && ctx.Err() == nil {
			b.log.Warn("what is shown may be old: " + err.Error())
		}
		failing = err != nil
	}
}

// follow takes what other workers have stored.
func (b *Board) follow(ctx context.Context, history History, feed Feed) error {
	changed, err := feed.Next(ctx)
	if err != nil {
		return fmt.Errorf("reading what has changed: %w", err)
	}
	b.mergeAll(changed)
	if err := b.followIncidents(ctx, history); err != nil {
		return fmt.Errorf("reading the open incidents: %w", err)
	}
	outboxes, err := history.Outboxes(ctx)
	if err != nil {
		return fmt.Errorf("reading the outboxes: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, outbox := range outboxes {
		if outbox.At.After(b.outboxes[outbox.Receiver].At) {
			b.outboxes[outbox.Receiver] = outbox
		}
	}
	return nil
}

// followIncidents reads the records that are further than what is shown.
func (b *Board) followIncidents(ctx context.Context, history History) error {
	stored, err := history.OpenIncidents(ctx)
	if err != nil {
		return err
	}
	news := maps.Clone(stored)
	for _, shown := range b.OpenIncidents() {
		if _, open := stored[shown.ID]; !open {
			news[shown.ID] = 0 // it was closed elsewhere, or is so new that it is on its way
		} else if stored[shown.ID] <= entries(shown) {
			delete(news, shown.ID)
		}
	}
	if len(news) > singly {
		if err := b.learnOpen(ctx, history, news); err != nil {
			return err
		}
	}
	for id := range news {
		incident, err := history.Incident(ctx, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			b.learn(incident)
		}
	}
	return nil
}

// learnOpen takes all open incidents, page by page, and strikes them off the news.
func (b *Board) learnOpen(ctx context.Context, history History, news map[string]int) error {
	for offset := 0; offset < openLimit; offset += openPage {
		page, _, err := history.Incidents(ctx, store.IncidentFilter{Open: true, Limit: openPage, Offset: offset})
		if err != nil {
			return err
		}
		for _, incident := range page {
			b.learn(incident)
			delete(news, incident.ID)
		}
		if len(page) < openPage {
			break
		}
	}
	return nil
}

// mergeAll shows what is newer than what is shown.
func (b *Board) mergeAll(changed []store.Latest) {
	b.allTargets()
	b.mu.Lock()
	defer b.mu.Unlock()
	surveyed := map[*entry][]health.Finding{}
	for _, latest := range changed {
		e := b.services[latest.Service]
		if e == nil || latest.Target != "" && e.crowd == nil {
			continue
		}
		newer := e.learn(latest)
		if latest.Target != "" && e.isNews(latest) {
			surveyed[e] = append(surveyed[e], health.Finding{Target: latest.Target, Result: latest.Result})
			newer = true
		}
		if newer {
			b.wake(latest.Service)
		}
	}
	for e, findings := range surveyed {
		e.takeAll(findings)
	}
}

// learn takes what the store knows of a service, and the standing of a target,
// if it is newer. It reports whether it was.
func (e *entry) learn(latest store.Latest) (newer bool) {
	if latest.Target != "" {
		if m := e.crowd.member(latest.Target); m != nil && (m.standing == nil || latest.Standing.At.After(m.standing.At)) {
			return !latest.Standing.At.IsZero() && m.stand(latest.Standing)
		}
		return false
	}
	if latest.Standing.At.After(e.standing.At) {
		e.standing, newer = latest.Standing, true
	}
	if e.crowd != nil || !latest.Result.At.After(e.result.At) {
		return newer
	}
	if e.result.At.IsZero() && len(e.recent) > 0 {
		e.result = latest.Result // its latency is among the recent ones
	} else {
		e.take(latest.Result)
	}
	return true
}

// isNews reports whether the result of a target is later than what is shown.
func (e *entry) isNews(latest store.Latest) bool {
	m := e.crowd.member(latest.Target)
	return m != nil && !latest.Result.At.IsZero() && nanos(latest.Result.At) > m.at
}

// learn takes an incident from the store, unless a newer record of it is shown.
// One that is closed only takes the place of its own.
func (b *Board) learn(incident health.Incident) {
	b.mu.RLock()
	shown := b.incidents[subject(incident)]
	b.mu.RUnlock()
	same := shown != nil && shown.ID == incident.ID
	switch {
	case incident.State == health.Resolved && same,
		incident.State != health.Resolved && (!same || entries(incident) > entries(*shown)):
		b.show(incident)
	}
}

// entries is how far a record has come.
func entries(i health.Incident) int { return len(i.Timeline.Entries) + i.Timeline.Omitted }

// refresh takes the shares of time that services were up.
func (b *Board) refresh(ctx context.Context, history History) error {
	uptimes, err := history.Uptimes(ctx, b.now())
	if err != nil {
		return fmt.Errorf("reading how long services were up: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, uptime := range uptimes {
		if e := b.services[key.Service]; e != nil && key.Target == "" {
			e.uptime = uptime
		}
	}
	return nil
}
