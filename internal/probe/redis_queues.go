package probe

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"paramedic/internal/option"
)

// pendingName is the observation of what is pending in all queues together;
// each queue has one of its own that begins with it.
const pendingName = "pending"

// queue is a list or a stream whose length is observed.
type queue struct {
	path        string // of the option
	key, group  string
	stream      bool
	observation string
}

// queuesOf returns the queues of two options, in their order. A stream with a
// group is written stream/group; the group comes after the last slash.
func queuesOf(lists, streams []string) []queue {
	queues := make([]queue, 0, len(lists)+len(streams))
	for i, name := range lists {
		queues = append(queues, queue{path: fmt.Sprintf("lists[%d]", i), key: name, observation: pendingOf(name)})
	}
	for i, name := range streams {
		q := queue{path: fmt.Sprintf("streams[%d]", i), key: name, stream: true, observation: pendingOf(name)}
		if slash := strings.LastIndexByte(name, '/'); slash >= 0 {
			q.key, q.group = name[:slash], name[slash+1:]
		}
		queues = append(queues, q)
	}
	return queues
}

// pendingOf is the name of a queue's observation: small letters and digits,
// with one _ for whatever stands between them.
func pendingOf(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(append([]string{pendingName}, words...), "_")
}

// checkQueues reports queues that cannot be told from one another.
func checkQueues(problems *option.Problems, lists, streams []string) {
	queues := queuesOf(lists, streams)
	if len(queues) > readingsLimit {
		problems.Add("", "lists and streams hold %d names; at most %d fit into one probe", len(queues), readingsLimit)
	}
	seen := map[string]string{}
	for _, q := range queues {
		switch other := seen[q.observation]; {
		case q.key == "":
			problems.Add(q.path, "is empty; write the name of a key")
		case q.observation == pendingName:
			problems.Add(q.path, "%q has no letter or digit that an observation could be named by", q.key)
		case len(q.observation) > nameLimit:
			problems.Add(q.path, "%s would be observed as %s, which is longer than %d bytes", q.key, q.observation, nameLimit)
		case other != "":
			problems.Add(q.path, "would be observed as %s, as %s is already", q.observation, other)
		}
		seen[q.observation] = q.path
	}
}

// pending adds the length of each queue to values and returns the total.
func (p *redisProber) pending(ctx context.Context, a *attempt, values readings) (total int64, err error) {
	for _, q := range p.queues {
		length, err := q.length(ctx, a, p.client)
		if err != nil {
			return 0, err
		}
		total += length
		values.numbers[q.observation] = float64(length)
	}
	values.numbers[pendingName] = float64(total)
	return total, nil
}

// length asks how long a queue is; one that does not exist is empty.
func (q queue) length(ctx context.Context, a *attempt, client *redis.Client) (int64, error) {
	switch {
	case q.group != "":
		a.doing("counting what group %s has not acknowledged of stream %s", q.group, q.key)
		pending, err := client.XPending(ctx, q.key, q.group).Result()
		if err != nil {
			return 0, err
		}
		return pending.Count, nil
	case q.stream:
		a.doing("counting the entries of stream %s", q.key)
		return client.XLen(ctx, q.key).Result()
	default:
		a.doing("counting the entries of list %s", q.key)
		return client.LLen(ctx, q.key).Result()
	}
}
