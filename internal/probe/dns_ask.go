package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

const (
	// resolvConf names the system's resolvers.
	resolvConf = "/etc/resolv.conf"
	// dnsRounds is how often each server is asked before the probe fails: a
	// single lost datagram says nothing about a server.
	dnsRounds = 3
	// dnsPatience is how long one try waits before the next, if there is one.
	dnsPatience = 2 * time.Second
)

// servers are the addresses to ask, one after the other. The system's are read
// anew each time, as they change while the worker runs.
func (p *dnsProber) servers() ([]string, error) {
	if p.options.Server != "" {
		return []string{p.options.Server}, nil
	}
	system, err := dns.ClientConfigFromFile(p.resolvers)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no %s", p.resolvers)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", p.resolvers, err)
	case len(system.Servers) == 0:
		return nil, fmt.Errorf("%s names no resolver", p.resolvers)
	}
	addresses := make([]string, 0, len(system.Servers))
	for _, server := range system.Servers {
		addresses = append(addresses, net.JoinHostPort(server, system.Port))
	}
	return addresses, nil
}

// ask asks the servers in turn until one answers.
func (p *dnsProber) ask(ctx context.Context, a *attempt, servers []string) (reply *dns.Msg, err error) {
	question := new(dns.Msg)
	question.SetQuestion(p.asked, dns.StringToType[p.options.Type])
	for left := dnsRounds * len(servers); left > 0; left-- {
		server := servers[(dnsRounds*len(servers)-left)%len(servers)]
		a.doing("waiting for the answer of %s", server)
		reply, err = askWithin(ctx, patience(ctx, left), question, server)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return reply, err
}

// patience is the time for the next of the tries that are left: what remains is
// shared, and the last has all of it.
func patience(ctx context.Context, left int) time.Duration {
	remaining := dnsPatience
	if deadline, ok := ctx.Deadline(); ok {
		remaining = time.Until(deadline)
	}
	if left == 1 {
		return remaining
	}
	return min(remaining/time.Duration(left), dnsPatience)
}

// askWithin asks one server by UDP, and again by TCP if the answer was cut.
func askWithin(ctx context.Context, limit time.Duration, question *dns.Msg, server string) (*dns.Msg, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	reply, err := askBy(limited, "udp", question, server)
	if err != nil || !reply.Truncated {
		return reply, err
	}
	// The server is there: it may take the time of the whole probe.
	return askBy(ctx, "tcp", question, server)
}

// askBy makes one exchange. Closing the connection is what ends it early.
func askBy(ctx context.Context, network string, question *dns.Msg, server string) (*dns.Msg, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	limit := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline)
	}
	reply, _, err := (&dns.Client{Timeout: limit}).ExchangeWithConn(question, &dns.Conn{Conn: conn})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, malformed(err)
	case len(reply.Question) > 0 && reply.Question[0] != question.Question[0]:
		return nil, errors.New("the server answered another question")
	}
	return reply, nil
}

// malformed says of an answer that is none what is wrong with it.
func malformed(err error) error {
	var bad *dns.Error
	if errors.As(err, &bad) {
		return fmt.Errorf("the answer is not DNS (%w)", err)
	}
	return err
}

// rcodeWord is the name of a response code.
func rcodeWord(rcode int) string {
	if word, known := dns.RcodeToString[rcode]; known {
		return word
	}
	return "RCODE" + strconv.Itoa(rcode)
}
