package resolve

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// leastKept is how long an answer is kept at least, failures included: a
	// name without a TTL worth the word is asked for once a second, not once
	// for each of a thousand targets.
	leastKept = time.Second
	// mostKept is how long an answer is kept at most, whatever its TTL.
	mostKept = 5 * time.Minute
	// hostsKept is how long a name that no server was asked for is kept: as
	// long as Go keeps /etc/hosts.
	hostsKept = 5 * time.Second
	// namesLimit is how many names are kept.
	namesLimit = 32768
)

// answer is what is known of a name. It does not change, but for whose turn it is.
type answer struct {
	addresses    []netip.Addr
	asked, until time.Time
	err          error
	turn         atomic.Uint32
}

// names keeps the answers to questions for names.
type names struct {
	// dialServer connects to a server of names.
	dialServer func(ctx context.Context, network, address string) (net.Conn, error)
	now        func() time.Time
	limit      int

	mu      sync.Mutex
	answers map[string]*answer
	asking  map[string]*question
}

// question is one that is being asked. Its answer is set before done is
// closed; nil if whoever asked it had no time left.
type question struct {
	done   chan struct{}
	answer *answer
}

func newNames() *names {
	return &names{
		dialServer: (&net.Dialer{}).DialContext, now: time.Now, limit: namesLimit,
		answers: map[string]*answer{}, asking: map[string]*question{},
	}
}

// find returns the addresses of a name. Those who want the same name at the
// same time wait for the first of them to ask, and for the next one if its time
// is up before there is an answer: no question outlives all who want it.
func (n *names) find(ctx context.Context, host string) (*answer, error) {
	for {
		known, asked, isMine := n.join(host)
		if known != nil {
			return known, known.err
		}
		if isMine {
			return n.ask(ctx, host, asked)
		}
		select {
		case <-asked.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if asked.answer != nil {
			return asked.answer, asked.answer.err
		}
	}
}

// join returns what is known of a name or the question that will tell, and
// whether it is the caller's to ask.
func (n *names) join(host string) (known *answer, asked *question, isMine bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known = n.answers[host]; known != nil && n.now().Before(known.until) {
		return known, nil, false
	}
	if asked = n.asking[host]; asked != nil {
		return nil, asked, false
	}
	asked = &question{done: make(chan struct{})}
	n.asking[host] = asked
	return nil, asked, true
}

// ask asks for a name and keeps the answer.
func (n *names) ask(ctx context.Context, host string, asked *question) (*answer, error) {
	found := n.lookup(ctx, host)
	isAnswer := found.err == nil || ctx.Err() == nil
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.asking, host)
	if isAnswer {
		asked.answer = found
		n.keep(host, found)
	}
	close(asked.done)
	return found, found.err
}

// lookup asks Go's resolver, and learns from the answers on their way for how
// long they are good.
func (n *names) lookup(ctx context.Context, host string) *answer {
	var heard ttl
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := n.dialServer(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return heard.listen(conn), nil
	}}
	found := &answer{asked: n.now()}
	addresses, err := resolver.LookupNetIP(ctx, "ip", host)
	for _, address := range addresses {
		found.addresses = append(found.addresses, address.Unmap())
	}
	found.err = err
	found.until = n.now().Add(heard.kept(err))
	return found
}

// keep stores an answer, in the place of an old one if there are too many. It
// is called with the lock held.
func (n *names) keep(host string, found *answer) {
	if _, isKnown := n.answers[host]; !isKnown && len(n.answers) >= n.limit {
		n.makeRoom()
	}
	n.answers[host] = found
}

// makeRoom drops what is out of date, or any answers if none is: a tenth, so
// that the next names do not look through all of them again.
func (n *names) makeRoom() {
	now := n.now()
	for host, old := range n.answers {
		if !now.Before(old.until) {
			delete(n.answers, host)
		}
	}
	for host := range n.answers {
		if len(n.answers) < n.limit-n.limit/10 {
			return
		}
		delete(n.answers, host)
	}
}

// forget drops an answer that has proved wrong, unless a newer one is there.
func (n *names) forget(host string, known *answer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.answers[host] == known {
		delete(n.answers, host)
	}
}
