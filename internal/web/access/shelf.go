package access

import (
	"container/list"
	"sync"
	"time"
)

// shelf keeps values by key for a time, at most so many; the least recently
// used goes first. It is safe for concurrent use.
type shelf[V any] struct {
	mu    sync.Mutex
	size  int
	now   func() time.Time
	order *list.List // of *kept[V], the most recently used first
	items map[string]*list.Element
}

type kept[V any] struct {
	key   string
	value V
	until time.Time
}

func newShelf[V any](size int, now func() time.Time) *shelf[V] {
	return &shelf[V]{size: size, now: now, order: list.New(), items: map[string]*list.Element{}}
}

// get returns what is kept under key, if its time is not over.
func (s *shelf[V]) get(key string) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(key)
}

// put keeps value until a time. It reports whether nothing was there before.
func (s *shelf[V]) put(key string, value V, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.find(key)
	s.insert(key, value, until)
	return !known
}

// change replaces what is kept under key, the zero value if nothing is, by what
// f makes of it.
func (s *shelf[V]) change(key string, until time.Time, f func(V) V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, _ := s.find(key)
	s.insert(key, f(value), until)
}

func (s *shelf[V]) find(key string) (V, bool) {
	var none V
	element, ok := s.items[key]
	if !ok {
		return none, false
	}
	item, _ := element.Value.(*kept[V])
	if !s.now().Before(item.until) {
		s.remove(element, key)
		return none, false
	}
	s.order.MoveToFront(element)
	return item.value, true
}

func (s *shelf[V]) insert(key string, value V, until time.Time) {
	if element, ok := s.items[key]; ok {
		s.remove(element, key)
	}
	for s.order.Len() >= s.size {
		oldest := s.order.Back()
		item, _ := oldest.Value.(*kept[V])
		s.remove(oldest, item.key)
	}
	s.items[key] = s.order.PushFront(&kept[V]{key: key, value: value, until: until})
}

func (s *shelf[V]) remove(element *list.Element, key string) {
	s.order.Remove(element)
	delete(s.items, key)
}
