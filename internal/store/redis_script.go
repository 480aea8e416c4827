package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// In Redis a deployment has two structures. The hash ...:latest holds under
// "s:SERVICE" or "s:SERVICE/TARGET" the newest standing, and under "r:" the
// newest result: when it was, in twenty digits of nanoseconds, and then JSON. The
// sorted set ...:changed holds each SERVICE or SERVICE/TARGET with the time of
// its last change, in microseconds by the clock of Redis and never twice the
// same. Both hold a mark once everything that the store knows has been put in,
// the hash with a name that tells this time from others: an emptied, evicted or
// restarted Redis has no mark, and is not believed until it is filled again.

// cacheLife is how long Redis remembers a deployment or a target that nobody
// writes any more.
const cacheLife = 7 * 24 * time.Hour

// atDigits is how many digits stand before the JSON.
const atDigits = 20

// writeScript puts in what is newer than what is there, and forgets what is too
// old. Arguments: the life in seconds, then field, time and JSON of each item.
// It answers with the name of the filling, if Redis is filled.
var writeScript = redis.NewScript(`
local latest, changed, life = KEYS[1], KEYS[2], tonumber(ARGV[1])
local now = redis.call('TIME')
local stamp = now[1] * 1000000 + now[2]
local last = redis.call('ZREVRANGE', changed, 0, 0, 'WITHSCORES')
if last[2] and tonumber(last[2]) > stamp then stamp = tonumber(last[2]) end
for i = 2, #ARGV, 3 do
  local held, name = redis.call('HGET', latest, ARGV[i]), string.sub(ARGV[i], 3)
  local newer = not held or string.sub(held, 1, 20) < ARGV[i + 1]
  if newer then redis.call('HSET', latest, ARGV[i], ARGV[i + 1] .. ARGV[i + 2]) end
  if newer or not redis.call('ZSCORE', changed, name) then
    stamp = stamp + 1
    redis.call('ZADD', changed, string.format('%.0f', stamp), name)
  end
end
local old = string.format('%.0f', stamp - life * 1000000)
for _, name in ipairs(redis.call('ZRANGEBYSCORE', changed, 1, old, 'LIMIT', 0, 100)) do
  redis.call('HDEL', latest, 's:' .. name, 'r:' .. name)
  redis.call('ZREM', changed, name)
end
redis.call('EXPIRE', latest, life)
redis.call('EXPIRE', changed, life)
local filling = redis.call('HGET', latest, 'filling')
if filling and redis.call('ZSCORE', changed, '') then return {filling} end
return {''}
`)

// markScript sets the mark that Redis is filled. Arguments: the name of the
// filling, the life in seconds.
var markScript = redis.NewScript(`
redis.call('HSET', KEYS[1], 'filling', ARGV[1])
redis.call('ZADD', KEYS[2], 0, '')
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return {ARGV[1]}
`)

// readScript answers with the name of the filling, or an empty one, and with
// name, time, standing and result of what has changed, the oldest first.
// Arguments: the filling that the caller has read from, the time that it has
// read up to, and how many to answer with.
var readScript = redis.NewScript(`
local latest, changed, after = KEYS[1], KEYS[2], ARGV[2]
local filling = redis.call('HGET', latest, 'filling')
if not filling or not redis.call('ZSCORE', changed, '') then return {''} end
if filling ~= ARGV[1] then after = '0' end
local answer = {filling}
local rows = redis.call('ZRANGEBYSCORE', changed, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[3]))
for i = 1, #rows, 2 do
  local values = redis.call('HMGET', latest, 's:' .. rows[i], 'r:' .. rows[i])
  answer[#answer + 1] = rows[i]
  answer[#answer + 1] = string.format('%.0f', tonumber(rows[i + 1]))
  answer[#answer + 1] = values[1] or ''
  answer[#answer + 1] = values[2] or ''
end
return answer
`)

// itemsOf are the arguments of writeScript for what is known of a target.
func itemsOf(l Latest) ([]any, error) {
	var items []any
	name := l.Service
	if l.Target != "" {
		name += "/" + l.Target
	}
	add := func(prefix string, at time.Time, value any) error {
		if at.IsZero() {
			return nil
		}
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("encode the latest of %s: %w", l.name(), err)
		}
		items = append(items, prefix+name, fmt.Sprintf("%0*d", atDigits, at.UnixNano()), text)
		return nil
	}
	err := errors.Join(add("s:", l.Standing.At, l.Standing), add("r:", l.Result.At, l.Result))
	return items, err
}

// rowSize is how many texts of an answer of readScript belong to one target.
const rowSize = 4

// latestFrom reads one row of an answer of readScript.
func latestFrom(row []string) (Latest, int64, error) {
	var l Latest
	l.Service, l.Target, _ = strings.Cut(row[0], "/")
	stamp, err := strconv.ParseInt(row[1], 10, 64)
	if err != nil {
		return Latest{}, 0, fmt.Errorf("decode the latest of %s: %w", l.name(), err)
	}
	l.UpdatedAt = time.UnixMicro(stamp).UTC()
	for i, value := range []any{&l.Standing, &l.Result} {
		text := row[2+i]
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text[min(atDigits, len(text)):]), value); err != nil {
			return Latest{}, 0, fmt.Errorf("decode the latest of %s: %w", l.name(), err)
		}
	}
	return l, stamp, nil
}
