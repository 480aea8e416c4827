package store

import "time"

// entry is a value and when it came in.
type entry[T any] struct {
	value T
	since time.Time
}

// queue is first in, first out, in a ring that grows as needed.
type queue[T any] struct {
	ring    []T
	head, n int
}

// roomKept is how large a ring may be and still be kept when it is empty.
const roomKept = 1 << 13

func (q *queue[T]) push(value T) {
	q.grow()
	q.ring[(q.head+q.n)%len(q.ring)] = value
	q.n++
}

// pushFront puts value before all others.
func (q *queue[T]) pushFront(value T) {
	q.grow()
	q.head = (q.head + len(q.ring) - 1) % len(q.ring)
	q.ring[q.head] = value
	q.n++
}

// pop removes the first value; there must be one.
func (q *queue[T]) pop() T {
	var none T
	value := q.ring[q.head]
	q.ring[q.head] = none
	q.head = (q.head + 1) % len(q.ring)
	if q.n--; q.n == 0 && len(q.ring) > roomKept {
		*q = queue[T]{}
	}
	return value
}

// first returns the first value; there must be one.
func (q *queue[T]) first() T { return q.ring[q.head] }

func (q *queue[T]) grow() {
	if q.n < len(q.ring) {
		return
	}
	ring := make([]T, max(16, 2*len(q.ring)))
	copied := copy(ring, q.ring[q.head:])
	copy(ring[copied:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// newest keeps one value a key, in the order in which the keys came in.
type newest[K comparable, V any] struct {
	key func(V) K
	// replaces reports whether the second value is at least as new.
	replaces func(old, new V) bool
	values   map[K]entry[V]
	order    queue[K]
	// mixed is set while a value may be older than one before it.
	mixed bool
}

func newNewest[K comparable, V any](key func(V) K, replaces func(old, new V) bool) newest[K, V] {
	return newest[K, V]{key: key, replaces: replaces, values: map[K]entry[V]{}}
}

// put adds a value, or replaces an older one in its place.
func (n *newest[K, V]) put(value V, now time.Time) {
	key := n.key(value)
	held, found := n.values[key]
	switch {
	case !found:
		n.order.push(key)
		n.values[key] = entry[V]{value, now}
	case n.replaces(held.value, value):
		n.values[key] = entry[V]{value, held.since}
	}
}

// putBack puts a value before all others, unless a newer one has come in since.
func (n *newest[K, V]) putBack(value V, since time.Time) {
	key := n.key(value)
	held, found := n.values[key]
	if !found {
		n.order.pushFront(key)
	} else {
		n.mixed = true
		if n.replaces(value, held.value) {
			value = held.value
		}
	}
	n.values[key] = entry[V]{value, since}
}

// pop removes the first value; there must be one.
func (n *newest[K, V]) pop() entry[V] {
	key := n.order.pop()
	first := n.values[key]
	delete(n.values, key)
	n.mixed = n.mixed && n.order.n > 0
	return first
}

// oldest is when the first value came in; there must be one.
func (n *newest[K, V]) oldest() time.Time {
	oldest := n.values[n.order.first()].since
	if n.mixed {
		for _, held := range n.values {
			oldest = earlier(oldest, held.since)
		}
	}
	return oldest
}
