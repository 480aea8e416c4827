package probe

import (
	"container/list"
	"sync"
	"time"

	"paramedic/internal/resolve"
)

// idleRoom bounds the idle connections of all services together: a quarter of
// the files that the process may open.
var idleRoom = sync.OnceValue(func() *resolve.Slots { return resolve.NewSlots(resolve.Budget() / 2) })

// idle are connections that wait for the next request to their host. Those
// that waited longest are closed first.
type idle struct {
	most, perHost int
	keep          time.Duration  // how long one may wait
	room          *resolve.Slots // shared with others

	mu     sync.Mutex
	closed bool
	hosts  map[string][]*list.Element // of *link; the newest last
	all    list.List                  // of *link; the newest first
}

// take returns a connection, the one that was used last; nil if there is none.
func (i *idle) take(key string) *link {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.expire()
	same := i.hosts[key]
	if len(same) == 0 {
		return nil
	}
	i.setHost(key, same[:len(same)-1])
	return i.remove(same[len(same)-1])
}

// put keeps a connection for the next request, or closes it.
func (i *idle) put(l *link) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || len(i.hosts[l.key]) >= i.perHost || !i.room.Try() {
		_ = l.Close()
		return
	}
	l.since = time.Now()
	if i.hosts == nil {
		i.hosts = map[string][]*list.Element{}
	}
	i.hosts[l.key] = append(i.hosts[l.key], i.all.PushFront(l))
	i.expire()
}

// expire closes what has waited for too long, or is too much.
func (i *idle) expire() {
	for i.all.Len() > 0 {
		oldest, _ := i.all.Back().Value.(*link)
		if i.all.Len() <= i.most && time.Since(oldest.since) < i.keep {
			return
		}
		i.setHost(oldest.key, i.hosts[oldest.key][1:]) // the oldest of all is that of its host
		_ = i.remove(i.all.Back()).Close()
	}
}

// remove takes a connection off the list of all.
func (i *idle) remove(element *list.Element) *link {
	l, _ := i.all.Remove(element).(*link)
	i.room.Give()
	return l
}

func (i *idle) setHost(key string, same []*list.Element) {
	if len(same) == 0 {
		delete(i.hosts, key)
		return
	}
	i.hosts[key] = same
}

// close closes the connections that are idle, now and later.
func (i *idle) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed = true
	for i.all.Len() > 0 {
		_ = i.remove(i.all.Front()).Close()
	}
	i.hosts = nil
}
