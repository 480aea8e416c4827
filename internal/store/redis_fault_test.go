package store

import (
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
	"paramedic/internal/realtest"
)

// Redis is killed and comes back empty: readers fall back to the store, and are
// given everything when Redis is filled again.
func TestRedisIsKilledAndComesBack(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "prod")
	c.run(t)
	c.Put([]Latest{result("web", "", 1), result("api", "", 1)})
	within(t, filled(c))
	feed := c.feed()
	first, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, first, 2)

	server.Kill()
	stored := result("web", "", 2)
	stored.UpdatedAt = minute(2)
	c.store.set(nil, stored)
	fromStore, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]Latest{"web": result("web", "", 2)}, byName(fromStore))
	again, err := feed.Next(t.Context())
	require.NoError(t, err)
	require.Empty(t, again, "the store is read on as well")
	require.Equal(t, 2, c.Stats().Fallbacks)
	c.Put([]Latest{result("api", "", 3)})
	within(t, func() bool { return c.Stats().Failures > 2 })
	require.NotEmpty(t, c.Stats().LastError)

	server.Start()
	within(t, func() bool { return c.Stats().Filled == 2 && c.Stats().Buffered == 0 })
	within(t, func() bool {
		latest, err := feed.Next(t.Context())
		require.NoError(t, err)
		return len(latest) == 2 && byName(latest)["web"].Result.At.Equal(minute(2)) && byName(latest)["api"].Result.At.Equal(minute(3))
	})
	require.Empty(t, c.Stats().LastError)
	require.Equal(t, 1, strings.Count(c.log.String(), "Redis does not answer"), c.log)
	require.Equal(t, 1, strings.Count(c.log.String(), "Redis answers again"), c.log)
}

// A Redis that hangs costs a reader one second, and not every time.
func TestRedisThatHangs(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "prod")
	_, err := c.write(t.Context(), nil)
	require.NoError(t, err)
	server.Stop()
	begun := time.Now()
	for range 20 {
		_, err := c.All(t.Context())
		require.NoError(t, err)
	}
	require.Less(t, time.Since(begun), 10*cacheCall)
	require.Equal(t, 20, c.Stats().Fallbacks)
	begun = time.Now()
	c.Put([]Latest{result("web", "", 1)})
	require.Less(t, time.Since(begun), cacheCall)
	server.Cont()
	within(t, func() bool {
		_, err := c.write(t.Context(), nil)
		return err == nil
	})
}

// What is not filled, or was evicted in part, is not believed.
func TestRedisIsNotBelievedUntilItIsFilled(t *testing.T) {
	server := realtest.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	c := openCache(t, "redis://"+server.Addr, "prod")
	c.store.set(errors.New("the store is down"))
	_, err := c.write(t.Context(), []Latest{result("web", "", 1)})
	require.NoError(t, err)
	_, err = c.All(t.Context())
	require.EqualError(t, err, "the store is down")
	require.False(t, c.fill(t.Context()))

	c.store.set(nil, result("api", "", 1))
	for _, evicted := range append([]string{"nothing"}, c.keys...) {
		require.NoError(t, client.Del(t.Context(), evicted).Err())
		_, err := c.write(t.Context(), []Latest{result("web", "", 1)})
		require.NoError(t, err)
		fallbacks := c.Stats().Fallbacks
		if evicted != "nothing" {
			_, err = c.All(t.Context())
			require.NoError(t, err)
			require.Equal(t, fallbacks+1, c.Stats().Fallbacks, evicted)
		}
		require.True(t, c.fill(t.Context()))
		all, err := c.All(t.Context())
		require.NoError(t, err)
		require.Contains(t, byName(all), "api", evicted)
		require.Contains(t, byName(all), "web", evicted)
	}
}

// What is only listed again, after the list was evicted, is not overwritten.
func TestWhatIsOlderDoesNotReplaceWhatIsListedAgain(t *testing.T) {
	server := realtest.Redis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer client.Close()
	c := openCache(t, "redis://"+server.Addr, "prod")
	_, err := c.write(t.Context(), []Latest{result("web", "", 2)})
	require.NoError(t, err)
	require.NoError(t, client.Del(t.Context(), c.keys[1]).Err())
	_, err = c.write(t.Context(), []Latest{result("web", "", 1)})
	require.NoError(t, err)
	require.True(t, c.fill(t.Context()))
	all, err := c.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]Latest{"web": result("web", "", 2)}, byName(all))
}

// A place in another filling means nothing, even if it is later by the clock.
func TestPlacesBelongToTheirFilling(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "prod")
	c.store.set(nil, result("web", "", 1))
	require.True(t, c.fill(t.Context()))
	far := time.Now().Add(time.Hour).UnixMicro()
	latest, here, ok := c.changed(t.Context(), place{"another", far})
	require.True(t, ok)
	require.Len(t, latest, 1)
	latest, _, ok = c.changed(t.Context(), place{here.filling, far})
	require.True(t, ok)
	require.Empty(t, latest)
}

func TestCacheWithAPassword(t *testing.T) {
	const password = "s3cret-word"
	server := realtest.Redis(t, "--requirepass", password)
	right := openCache(t, "redis://:"+password+"@"+server.Addr+"/1", "prod")
	right.run(t)
	within(t, filled(right))
	wrong := openCache(t, "redis://:not-"+password+"@"+server.Addr, "prod")
	_, err := wrong.All(t.Context())
	require.NoError(t, err)
	require.Contains(t, wrong.Stats().LastError, "WRONGPASS")
	require.NotContains(t, wrong.log.String()+wrong.Stats().LastError, password)
}

func TestCacheAddress(t *testing.T) {
	for _, address := range []string{"", "localhost:6379", "http://me:hunter2@localhost", "redis://me:hunter2@localhost:six", "redis://localhost/hunter2"} {
		_, err := newCache(option.NewSecret(address), "prod", &fakeStore{}, slog.New(slog.DiscardHandler))
		require.Equal(t, errCacheAddress, err, address)
	}
	// Nobody needs to be there.
	c := openCache(t, "redis://"+realtest.FreeAddress(t), "prod")
	_, err := c.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, c.Stats().Fallbacks)
}

func TestCacheLeavesOutWhatJSONCannotHold(t *testing.T) {
	server := realtest.Redis(t)
	c := openCache(t, "redis://"+server.Addr, "prod")
	bad := result("bad", "", 1)
	bad.Result.Observations = map[string]float64{"x": math.NaN()}
	c.run(t)
	c.Put([]Latest{bad, result("web", "", 1)})
	within(t, filled(c))
	all, err := c.All(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]Latest{"web": result("web", "", 1)}, byName(all))
	require.Positive(t, c.Stats().Dropped)
}
