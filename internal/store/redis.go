package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"paramedic/internal/option"
)

const (
	// cacheCall bounds one question to Redis; the store answers instead.
	cacheCall = time.Second
	// cacheKeys bounds the targets that a Cache knows.
	cacheKeys = 100_000
	// firstPause and longestPause are how long Redis is left alone after
	// failures in a row.
	firstPause   = 200 * time.Millisecond
	longestPause = 10 * time.Second
)

// The library also logs what it returns as errors. The logger is global, so it
// is set before any client exists.
func init() { redis.SetLogger(silence{}) }

type silence struct{}

// Printf implements the logger of go-redis.
func (silence) Printf(context.Context, string, ...any) {}

// changes is the store behind a Cache.
type changes interface {
	Changed(ctx context.Context, after time.Time) ([]Latest, error)
}

// Cache shares the latest status between workers and page servers through
// Redis. It is a convenience: whatever it cannot do, the store behind it does,
// and nobody waits for it. Its methods are safe for concurrent use.
type Cache struct {
	client *redis.Client
	behind changes
	log    *slog.Logger
	// keys are those of the two structures; see scripts.
	keys []string
	// some is sent when there is something to write.
	some chan struct{}
	// fillAfter and unfilled belong to Run: Redis is not filled again before,
	// and the store could not be read for it the last time.
	fillAfter time.Time
	unfilled  bool

	mu sync.Mutex
	// known is the newest that came in of each target, dirty what Redis has not
	// been told of yet.
	known map[Key]Latest
	dirty map[Key]struct{}
	stats CacheStats
	// streak counts failures in a row since downSince; until then Redis is left
	// alone.
	streak           int
	downSince, until time.Time
}

// CacheStats is what a Cache has done since it was made.
type CacheStats struct {
	// Buffered are the targets that wait to be written.
	Buffered int
	// Written counts what was written, Dropped what there was no room for or
	// could not be encoded, Filled how often an empty Redis was filled.
	Written, Dropped, Filled int
	// Failures counts failed questions to Redis, Fallbacks how often the store
	// answered instead, and LastError is why; empty while Redis answers.
	Failures, Fallbacks int
	LastError           string
}

var errCacheAddress = errors.New("store: the address of the cache is none of Redis; write it like redis://user:password@host:6379/0, or rediss:// for TLS")

// NewCache returns a cache at a redis:// or rediss:// address for all that call
// their deployment by the same name, with the store behind it. Redis need not
// be there yet; an error means that the address is wrong.
func NewCache(address option.Secret, deployment string, behind *Store, log *slog.Logger) (*Cache, error) {
	return newCache(address, deployment, behind, log)
}

func newCache(address option.Secret, deployment string, behind changes, log *slog.Logger) (*Cache, error) {
	options, err := redis.ParseURL(address.Reveal())
	if err != nil {
		return nil, errCacheAddress // err shows the address
	}
	// Nothing is sent that only some servers know.
	options.Protocol, options.DisableIdentity = 2, true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	// The context is the only time limit, and the next time the retry.
	options.MaxRetries, options.DialerRetries, options.ContextTimeoutEnabled = -1, 1, true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = cacheCall, -1, -1
	options.PoolSize = 8
	base := "paramedic:{" + deployment + "}:" // braces keep both keys on one node of a cluster
	return &Cache{
		client: redis.NewClient(options), behind: behind, log: log,
		keys: []string{base + "latest", base + "changed"},
		some: make(chan struct{}, 1), known: map[Key]Latest{}, dirty: map[Key]struct{}{},
	}, nil
}

// Close hangs up.
func (c *Cache) Close() error { return c.client.Close() }

// Put takes what is known of targets. Of each, the newest standing and the
// newest result win, here and in Redis. It never blocks.
func (c *Cache) Put(latest []Latest) {
	if len(latest) == 0 {
		return
	}
	c.mu.Lock()
	for _, l := range latest {
		known, found := c.known[l.Key]
		if !found && len(c.known) >= cacheKeys {
			c.stats.Dropped++
			continue
		}
		c.known[l.Key] = known.with(l)
		c.dirty[l.Key] = struct{}{}
	}
	c.mu.Unlock()
	signal(c.some)
}

// Stats returns what was done so far.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.stats
	stats.Buffered = len(c.dirty)
	return stats
}

// All returns the latest of every target, from Redis or else from the store.
func (c *Cache) All(ctx context.Context) ([]Latest, error) {
	return (&Feed{store: c.behind, cache: c}).Next(ctx)
}

// with returns l with what is newer in other.
func (l Latest) with(other Latest) Latest {
	l.Key = other.Key
	if !other.Standing.At.Before(l.Standing.At) {
		l.Standing = other.Standing
	}
	if !other.Result.At.Before(l.Result.At) {
		l.Result = other.Result
	}
	return l
}

// latestOf is what a batch says of targets.
func latestOf(batch Batch) []Latest {
	latest := make([]Latest, 0, len(batch.Results)+len(batch.Standings))
	for _, r := range batch.Results {
		latest = append(latest, Latest{Key: r.Key, Result: r.Result})
	}
	for _, s := range batch.Surveys {
		surveyed, err := s.latest(time.Time{}, nil)
		if err == nil { // it was made in this process
			latest = append(latest, surveyed...)
		}
	}
	for _, s := range batch.Standings {
		latest = append(latest, Latest{Key: Key{s.Service, s.Target}, Standing: s})
	}
	return latest
}

var errResting = errors.New("the cache is left alone for a while after it failed")

// ask runs a script, if Redis may be asked at the moment.
func (c *Cache) ask(ctx context.Context, script *redis.Script, args ...any) ([]string, error) {
	c.mu.Lock()
	resting := time.Now().Before(c.until)
	c.mu.Unlock()
	if resting {
		return nil, errResting
	}
	call, cancel := context.WithTimeout(ctx, cacheCall)
	defer cancel()
	reply, err := script.Run(call, c.client, c.keys, args...).StringSlice()
	if err == nil {
		c.answered()
	} else if ctx.Err() == nil { // it was not the caller who gave up
		c.unanswered(err)
	}
	return reply, err
}

func (c *Cache) answered() {
	c.mu.Lock()
	streak, since := c.streak, c.downSince
	c.streak, c.until, c.stats.LastError = 0, time.Time{}, ""
	c.mu.Unlock()
	if streak > 0 {
		c.log.Info("Redis answers again", "after", time.Since(since).Round(time.Millisecond))
	}
}

func (c *Cache) unanswered(err error) {
	now := time.Now()
	c.mu.Lock()
	streak := c.streak
	if streak == 0 {
		c.downSince = now
	}
	c.streak++
	c.until = now.Add(min(longestPause, firstPause<<min(streak, 10)))
	c.stats.Failures++
	c.stats.LastError = err.Error()
	c.mu.Unlock()
	if streak == 0 {
		c.log.Warn("Redis does not answer; the latest status comes from the store until it does", "error", err)
	}
}

// fellBack counts an answer of the store in the place of Redis.
func (c *Cache) fellBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Fallbacks++
}
