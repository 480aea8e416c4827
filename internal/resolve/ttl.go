package resolve

import (
	"net"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// ttl learns for how long the answers to one question are good. Go's resolver
// may ask it on several connections at the same time.
type ttl struct {
	mu      sync.Mutex
	asked   bool
	learned bool
	least   time.Duration
}

// kept is how long to keep the answer that came with err.
func (t *ttl) kept(err error) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err != nil:
		return leastKept
	case !t.asked:
		return hostsKept
	case !t.learned:
		return leastKept
	}
	return min(max(t.least, leastKept), mostKept)
}

// listen returns a connection to a server of names that has its answers heard.
func (t *ttl) listen(conn net.Conn) net.Conn {
	t.mu.Lock()
	t.asked = true
	t.mu.Unlock()
	switch conn := conn.(type) {
	case *net.UDPConn:
		return &packets{UDPConn: conn, hear: t.hear}
	case *net.TCPConn:
		return &stream{TCPConn: conn, hear: t.hear}
	}
	return conn
}

// hear takes the TTLs of all records that an answer consists of: aliases on
// the way to an address count too. What it cannot read, Go's resolver refuses.
func (t *ttl) hear(message []byte) {
	var parser dnsmessage.Parser
	if _, err := parser.Start(message); err != nil || parser.SkipAllQuestions() != nil {
		return
	}
	for {
		record, err := parser.AnswerHeader()
		if err != nil || parser.SkipAnswer() != nil {
			return
		}
		t.learn(time.Duration(record.TTL) * time.Second)
	}
}

func (t *ttl) learn(one time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.learned || one < t.least {
		t.learned, t.least = true, one
	}
}

// packets is a connection on which each read is one message. It is a
// net.PacketConn, by which Go's resolver knows it from a stream.
type packets struct {
	*net.UDPConn
	hear func(message []byte)
}

// Read implements net.Conn.
func (p *packets) Read(b []byte) (int, error) {
	count, err := p.UDPConn.Read(b)
	if err == nil {
		p.hear(b[:count])
	}
	return count, err
}

// stream is a connection on which two bytes say how long the message is that
// follows (RFC 1035, section 4.2.2). Each connection carries one answer.
type stream struct {
	*net.TCPConn
	hear func(message []byte)
	read []byte
}

// Read implements net.Conn.
func (s *stream) Read(b []byte) (int, error) {
	count, err := s.TCPConn.Read(b)
	before := len(s.read)
	s.read = append(s.read, b[:count]...)
	if len(s.read) < 2 {
		return count, err
	}
	if end := 2 + int(s.read[0])<<8 + int(s.read[1]); before < end && len(s.read) >= end {
		s.hear(s.read[2:end])
	}
	return count, err
}
