package workflows_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/workflows"
)

// TestRandomOutboxes: whatever a receiver answers and whenever runs go on in a
// fresh history, every alert is delivered, once, or is a dead letter; those of an
// incident come in order, and no message is larger than a batch.
func TestRandomOutboxes(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 11))
		batch := 1 + random.IntN(6)
		wait := time.Duration(random.IntN(40)) * time.Second
		posts := randomPosts(random)
		var state workflows.OutboxState
		var taken []string
		start := time.Duration(0)
		for last := false; !last; {
			p := newPostbox(t, wait, batch)
			p.SetStartTime(noon.Add(start))
			p.deliver = func(_ int, in activities.DeliverInput) error {
				require.NotEmpty(t, in.Alerts)
				require.LessOrEqual(t, len(in.Alerts), batch, "seed %d", seed)
				switch random.IntN(5) {
				case 0:
					return errAway
				case 1:
					return errNever
				}
				for _, alert := range in.Alerts {
					taken = append(taken, alert.DedupKey)
				}
				return nil
			}
			end := start + time.Duration(1+random.IntN(300))*time.Second
			if last = end > 20*time.Minute; last {
				end = 24 * time.Hour
			}
			for n := range posts {
				if post := &posts[n]; !post.handed {
					times := 1 + random.IntN(2)
					p.at(max(0, post.at-start), func() {
						post.handed = true
						p.post(slices.Repeat([]health.Alert{post.alert}, times)...)
					})
				}
			}
			if last {
				p.at(end-start-time.Second, func() { state = p.state() })
				p.at(end-start, p.CancelWorkflow)
				p.ExecuteWorkflow(workflows.Outbox, state)
				break
			}
			// One that comes right after has it look up, if it rests.
			late := randomPost{end, down("late at " + end.String()), false}
			p.at(end-start+time.Millisecond, func() { late.handed = true; p.post(late.alert) })
			state = p.rotate(end-start, state)
			if late.handed {
				posts = append(posts, late)
			}
			start = p.since()
		}
		requireOutbox(t, seed, posts, taken, state)
	}
}

// randomPost is an alert and when it is handed over.
type randomPost struct {
	at     time.Duration
	alert  health.Alert
	handed bool
}

// randomPosts are the alerts of some incidents within twenty minutes, those of
// each in order.
func randomPosts(random *rand.Rand) []randomPost {
	var posts []randomPost
	for _, service := range []string{"a", "b", "c", "d", "e", "f"} {
		at := time.Duration(1+random.IntN(400_000)) * time.Millisecond
		posts = append(posts, randomPost{at, down(service), false})
		for n := range random.IntN(4) {
			at += time.Duration(1+random.IntN(100_000)) * time.Millisecond
			posts = append(posts, randomPost{at, say(service, health.AlertUpdate, n), false})
		}
		at += time.Duration(1+random.IntN(100_000)) * time.Millisecond
		posts = append(posts, randomPost{at, recovered(service), false})
	}
	slices.SortStableFunc(posts, func(a, b randomPost) int { return int(a.at - b.at) })
	return posts
}

func requireOutbox(t *testing.T, seed uint64, posts []randomPost, taken []string, state workflows.OutboxState) {
	t.Helper()
	place := map[string]int{}
	for n, key := range taken {
		require.NotContains(t, place, key, "seed %d: delivered twice", seed)
		place[key] = n
	}
	dead := map[string]bool{}
	for _, letter := range state.Dead {
		dead[letter.Alert.DedupKey] = true
	}
	latest := map[string]int{}
	for _, post := range posts {
		key, incident := post.alert.DedupKey, post.alert.Incident
		at, delivered := place[key]
		require.True(t, delivered != dead[key], "seed %d: %s delivered %t, dead %t", seed, key, delivered, dead[key])
		if !delivered {
			continue
		}
		require.GreaterOrEqual(t, at, latest[incident], "seed %d: %s overtook", seed, key)
		latest[incident] = at
	}
	require.Equal(t, len(posts), len(taken)+len(dead), "seed %d", seed)
	require.Equal(t, []int{len(taken), len(dead), 0}, []int{state.Delivered, state.Lost, state.Dropped}, "seed %d", seed)
}
