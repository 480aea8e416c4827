package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

func shop(name string) store.Key { return store.Key{Service: "shops", Target: name} }

func stampOf(t *testing.T, s *store.Store) int64 {
	t.Helper()
	stamp, err := s.TargetsStamp(t.Context())
	require.NoError(t, err)
	return stamp
}

func TestRegisteredTarget(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, key := t.Context(), shop("10.0.0.1:80")
		empty := stampOf(t, s)
		_, err := s.RegisteredTarget(ctx, key)
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorContains(t, err, `target "10.0.0.1:80" of shops`)

		made, err := s.CreateTarget(ctx, key, map[string]string{"zone": "a\x00ö"}, nil)
		require.NoError(t, err)
		require.Positive(t, made.Version)
		require.WithinDuration(t, time.Now(), made.CreatedAt, time.Minute)
		require.Equal(t, made.CreatedAt, made.UpdatedAt)
		found, err := s.RegisteredTarget(ctx, key)
		require.NoError(t, err)
		require.Equal(t, made, found)
		created := stampOf(t, s)
		require.NotEqual(t, empty, created)

		again, err := s.CreateTarget(ctx, key, nil, nil)
		require.ErrorIs(t, err, store.ErrExists)
		require.Equal(t, made, again)
		require.Equal(t, created, stampOf(t, s), "what was refused is no change")

		_, err = s.CreateTarget(ctx, store.Key{Service: "other", Target: key.Target}, nil, nil)
		require.NoError(t, err, "names are those of a service")
		_, err = s.CreateTarget(ctx, store.Key{Service: "shops"}, nil, nil)
		require.ErrorContains(t, err, `target "": a name is at least one character`)
		_, err = s.CreateTarget(ctx, shop("a\x00"), nil, nil)
		require.ErrorContains(t, err, "none is NUL")
	})
}

func TestReplacedTarget(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, key := t.Context(), shop("a")
		_, err := s.ReplaceTarget(ctx, key, nil, 0, nil)
		require.ErrorIs(t, err, store.ErrNotFound)
		made, err := s.CreateTarget(ctx, key, map[string]string{"zone": "a"}, nil)
		require.NoError(t, err)
		before := stampOf(t, s)

		same, err := s.ReplaceTarget(ctx, key, map[string]string{"zone": "a"}, made.Version, nil)
		require.NoError(t, err)
		require.Equal(t, made, same, "nothing has changed")
		require.Equal(t, before, stampOf(t, s))

		second, err := s.ReplaceTarget(ctx, key, map[string]string{"zone": "b"}, made.Version, nil)
		require.NoError(t, err)
		require.Greater(t, second.Version, made.Version)
		require.Equal(t, made.CreatedAt, second.CreatedAt)
		require.NotEqual(t, before, stampOf(t, s))

		now, err := s.ReplaceTarget(ctx, key, nil, made.Version, nil)
		require.ErrorIs(t, err, store.ErrChanged)
		require.ErrorContains(t, err, fmt.Sprintf("it is version %d now", second.Version))
		require.Equal(t, second, now)
		third, err := s.ReplaceTarget(ctx, key, nil, 0, nil)
		require.NoError(t, err, "0 is any version")
		require.Greater(t, third.Version, second.Version)
		found, err := s.RegisteredTarget(ctx, key)
		require.NoError(t, err)
		require.Empty(t, found.Labels)
	})
}

func TestDeletedTarget(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, key := t.Context(), shop("a")
		require.ErrorIs(t, s.DeleteTarget(ctx, key, 0, nil), store.ErrNotFound)
		first, err := s.CreateTarget(ctx, key, nil, nil)
		require.NoError(t, err)
		before := stampOf(t, s)
		require.ErrorIs(t, s.DeleteTarget(ctx, key, 7, nil), store.ErrChanged)
		require.Equal(t, before, stampOf(t, s))
		require.NoError(t, s.DeleteTarget(ctx, key, first.Version, nil))
		require.NotEqual(t, before, stampOf(t, s))
		targets, err := s.Targets(ctx, "shops")
		require.NoError(t, err)
		require.Empty(t, targets)
		again, err := s.CreateTarget(ctx, key, nil, nil)
		require.NoError(t, err)
		require.Greater(t, again.Version, first.Version, "who knew the first does not change the second")
	})
}

func TestImportedTargets(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		_, err := s.CreateTarget(ctx, shop("Z"), map[string]string{"zone": "a"}, nil)
		require.NoError(t, err)
		imported := func(targets ...health.Target) [3]int {
			t.Helper()
			created, changed, unchanged, err := s.ImportTargets(ctx, "shops", targets)
			require.NoError(t, err)
			return [3]int{created, changed, unchanged}
		}
		zone := func(name, zone string) health.Target {
			return health.Target{Name: name, Labels: map[string]string{"zone": zone}}
		}
		wanted := []health.Target{zone("b", "a"), zone("ä", "a"), zone("Z", "b"), zone("B", "a"), zone("b", "c")}
		require.Equal(t, [3]int{3, 1, 0}, imported(wanted...), "of two of one name the last counts")
		after := stampOf(t, s)
		require.Equal(t, [3]int{0, 0, 4}, imported(wanted...), "the same again changes nothing")
		require.Equal(t, [3]int{}, imported())
		require.Equal(t, after, stampOf(t, s))

		targets, err := s.Targets(ctx, "shops")
		require.NoError(t, err)
		require.Equal(t, []health.Target{zone("B", "a"), zone("Z", "b"), zone("b", "c"), zone("ä", "a")}, targets)
		found, err := s.RegisteredTarget(ctx, shop("Z"))
		require.NoError(t, err)
		require.Greater(t, found.Version, found.CreatedAt.UnixMicro())

		_, _, _, err = s.ImportTargets(ctx, "shops", []health.Target{{Name: "new"}, {Name: "bad\xff"}})
		require.ErrorContains(t, err, `target "bad\xff"`)
		_, err = s.RegisteredTarget(ctx, shop("new"))
		require.ErrorIs(t, err, store.ErrNotFound, "all or none")
	})
}

func TestManyImportedTargets(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		many := make([]health.Target, 20_000)
		for n := range many {
			many[n] = health.Target{Name: fmt.Sprintf("10.0.%d.%d:80", n/256, n%256), Labels: map[string]string{"zone": fmt.Sprint(n % 7)}}
		}
		created, _, _, err := s.ImportTargets(t.Context(), "shops", many)
		require.NoError(t, err)
		require.Equal(t, len(many), created)
		_, _, unchanged, err := s.ImportTargets(t.Context(), "shops", many)
		require.NoError(t, err)
		require.Equal(t, len(many), unchanged)
	})
}

// TestOneOfManyCreates: of those who register the same target at once, by
// whatever process, one does.
func TestOneOfManyCreates(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		stores := []*store.Store{open(t, location), open(t, location)}
		var wait sync.WaitGroup
		failures := make([]error, 8)
		for n := range failures {
			wait.Go(func() { _, failures[n] = stores[n%2].CreateTarget(context.Background(), shop("a"), nil, nil) })
		}
		wait.Wait()
		created := 0
		for _, err := range failures {
			if err == nil {
				created++
			} else {
				require.ErrorIs(t, err, store.ErrExists)
			}
		}
		require.Equal(t, 1, created)
	})
}

func TestRememberedAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		_, err := s.Recall(ctx, "k")
		require.ErrorIs(t, err, store.ErrNotFound)
		answer := store.Remembered{
			Request: "abc", Status: 201, Header: map[string]string{"ETag": `"1"`}, Body: []byte("{\x00\xff}"),
			At: time.Now().UTC().Truncate(time.Millisecond),
		}
		require.NoError(t, s.Remember(ctx, "k", answer))
		found, err := s.Recall(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, answer, found)
		err = s.Remember(ctx, "k", store.Remembered{Status: 500})
		require.ErrorIs(t, err, store.ErrTaken)
		require.EqualError(t, err, `idempotency key "k": another request has taken it first`)
	})
}

// onceAs keeps an answer that names the version which a change has made.
func onceAs(key string) *store.Once {
	return &store.Once{Key: key, Answer: func(after store.Registered) store.Remembered {
		return store.Remembered{Request: key, Body: fmt.Append(nil, after.Version)}
	}}
}

func TestChangeIsKeptWithItsAnswer(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx, key := t.Context(), shop("a")
		requireAnswer := func(of string, version int64) {
			t.Helper()
			answer, err := s.Recall(ctx, of)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(version), string(answer.Body))
		}
		made, err := s.CreateTarget(ctx, key, nil, onceAs("create"))
		require.NoError(t, err)
		requireAnswer("create", made.Version)
		changed, err := s.ReplaceTarget(ctx, key, map[string]string{"zone": "a"}, 0, onceAs("replace"))
		require.NoError(t, err)
		requireAnswer("replace", changed.Version)

		before := stampOf(t, s)
		_, err = s.ReplaceTarget(ctx, key, nil, 0, onceAs("replace"))
		require.ErrorIs(t, err, store.ErrTaken)
		require.ErrorIs(t, s.DeleteTarget(ctx, key, 0, onceAs("create")), store.ErrTaken)
		_, err = s.CreateTarget(ctx, shop("b"), nil, onceAs("create"))
		require.ErrorIs(t, err, store.ErrTaken)
		found, err := s.RegisteredTargets(ctx, "shops")
		require.NoError(t, err)
		require.Equal(t, []store.Registered{changed}, found, "a key that is taken changes nothing")
		require.Equal(t, before, stampOf(t, s))

		_, err = s.CreateTarget(ctx, key, nil, onceAs("refused"))
		require.ErrorIs(t, err, store.ErrExists)
		_, err = s.Recall(ctx, "refused")
		require.ErrorIs(t, err, store.ErrNotFound, "what changes nothing is for the caller to answer")
		require.NoError(t, s.DeleteTarget(ctx, key, 0, onceAs("delete")))
		requireAnswer("delete", changed.Version)
	})
}

// TestOneOfManyWithAKey: of those who change something under one key at once, by
// whatever process, one does.
func TestOneOfManyWithAKey(t *testing.T) {
	eachLocation(t, func(t *testing.T, location string) {
		stores := []*store.Store{open(t, location), open(t, location)}
		var wait sync.WaitGroup
		failures := make([]error, 8)
		for n := range failures {
			wait.Go(func() {
				_, failures[n] = stores[n%2].CreateTarget(context.Background(), shop(fmt.Sprint(n)), nil, onceAs("k"))
			})
		}
		wait.Wait()
		found, err := stores[0].RegisteredTargets(t.Context(), "shops")
		require.NoError(t, err)
		require.Len(t, found, 1)
		for n, err := range failures {
			if fmt.Sprint(n) == found[0].Target {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, store.ErrTaken)
			}
		}
	})
}

func TestAnswersAreForgotten(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		old := store.Remembered{Request: "old", At: time.Now().Add(-25 * time.Hour)}
		require.NoError(t, s.Remember(ctx, "k", old))
		_, err := s.Recall(ctx, "k")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.NoError(t, s.Remember(ctx, "k", store.Remembered{Request: "new"}), "the key is free again")
		require.NoError(t, s.Remember(ctx, strings.Repeat("x", 100), old))
		removed, err := s.Prune(ctx, time.Now(), store.DefaultRetention)
		require.NoError(t, err)
		require.Equal(t, 1, removed)
		found, err := s.Recall(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, "new", found.Request)
	})
}
