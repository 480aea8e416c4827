package survey

// rank says who goes first.
type rank int

// The order of probes: first tries, then those that are repeated, and last of
// all the targets that failed the last time.
const (
	first rank = iota
	again
	last
	ranks
)

// line is a queue of targets, by their numbers. Each stands in one line at
// most, so that one table holds the links of all lines.
type line struct{ head, tail int32 }

// none is the number of no target.
const none = int32(-1)

var empty = line{none, none}

// host is a machine that answers for some of the targets.
type host struct {
	busy    int32
	waiting [ranks]line
}

// queue holds the targets that wait to be probed. Those of a busy host step
// aside and let the others pass.
type queue struct {
	ready [ranks]line
	// granted are those that have waited for their host and have its place now.
	granted [ranks]line
	next    []int32
	hosts   []host
	hostOf  []int32
	perHost int32
	// size counts the targets in all lines.
	size int
}

func newQueue(g *Group, perHost int) queue {
	q := queue{next: make([]int32, g.Len())}
	for rank := range ranks {
		q.ready[rank], q.granted[rank] = empty, empty
	}
	if perHost > 0 && len(g.hosts) > 0 {
		q.perHost, q.hostOf = int32(perHost), g.hosts
		q.hosts = make([]host, g.hostCount)
		for i := range q.hosts {
			q.hosts[i].waiting = [ranks]line{empty, empty, empty}
		}
	}
	return q
}

// push adds a target behind those of its rank.
func (q *queue) push(rank rank, i int32) {
	q.append(&q.ready[rank], i)
	q.size++
}

// pop takes the target that is to be probed next, if there is one, and with it
// a place at its host.
func (q *queue) pop() (i int32, ok bool) {
	for rank := range ranks {
		if i := q.shift(&q.granted[rank]); i != none {
			q.size--
			return i, true
		}
		for i := q.shift(&q.ready[rank]); i != none; i = q.shift(&q.ready[rank]) {
			if q.enter(rank, i) {
				q.size--
				return i, true
			}
		}
	}
	return none, false
}

// enter takes a place at the target's host, or has the target wait for one.
func (q *queue) enter(rank rank, i int32) bool {
	if q.perHost == 0 || q.hostOf[i] < 0 {
		return true
	}
	host := &q.hosts[q.hostOf[i]]
	if host.busy < q.perHost {
		host.busy++
		return true
	}
	q.append(&host.waiting[rank], i)
	return false
}

// leave gives back the place at a target's host, which goes to who waits for it.
func (q *queue) leave(i int32) {
	if q.perHost == 0 || q.hostOf[i] < 0 {
		return
	}
	host := &q.hosts[q.hostOf[i]]
	for rank := range ranks {
		if waiting := q.shift(&host.waiting[rank]); waiting != none {
			q.append(&q.granted[rank], waiting)
			return
		}
	}
	host.busy--
}

func (q *queue) append(l *line, i int32) {
	q.next[i] = none
	if l.tail == none {
		l.head = i
	} else {
		q.next[l.tail] = i
	}
	l.tail = i
}

func (q *queue) shift(l *line) int32 {
	i := l.head
	if i == none {
		return none
	}
	l.head = q.next[i]
	if l.head == none {
		l.tail = none
	}
	return i
}
