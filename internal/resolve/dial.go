package resolve

import (
	"context"
	"net"
	"net/netip"
	"time"
)

const (
	// fallbackDelay is how long the addresses of the family that comes first
	// have before those of the other are tried as well (RFC 8305).
	fallbackDelay = 300 * time.Millisecond
	// shareLeast is the least time that one of several addresses gets.
	shareLeast = 2 * time.Second
)

// route is what a connection needs besides an address.
type route struct{ network, port string }

// dial connects to one of the addresses of a name: those of the family that
// comes first, by turns, and if these are slow or fail, the others.
func (d *Dialer) dial(ctx context.Context, r route, known *answer) (net.Conn, error) {
	first, others := families(known.addresses, r.network)
	if len(first) == 0 {
		return nil, failed(r.network, &net.AddrError{Err: "no suitable address found"})
	}
	turn := int(known.turn.Add(1)-1) % len(first)
	first = append(first[turn:len(first):len(first)], first[:turn]...)
	if len(others) == 0 {
		return d.inTurn(ctx, r, first)
	}
	return d.race(ctx, r, first, others)
}

// families splits addresses by the family of the first. The network may leave
// only one: tcp4 or tcp6.
func families(addresses []netip.Addr, network string) (first, others []netip.Addr) {
	for _, address := range addresses {
		switch {
		case network[len(network)-1] == '4' && !address.Is4(), network[len(network)-1] == '6' && address.Is4():
		case len(first) == 0 || first[0].Is4() == address.Is4():
			first = append(first, address)
		default:
			others = append(others, address)
		}
	}
	return first, others
}

// inTurn tries addresses one after the other, each for its share of the time.
// The error is that of the first.
func (d *Dialer) inTurn(ctx context.Context, r route, addresses []netip.Addr) (net.Conn, error) {
	var failure error
	for i, address := range addresses {
		conn, err := d.forShare(ctx, r, address, len(addresses)-i)
		if err == nil {
			return conn, nil
		}
		if failure == nil {
			failure = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failure
}

// forShare tries one address for its share of the time that is left for so many.
func (d *Dialer) forShare(ctx context.Context, r route, address netip.Addr, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		share := max(time.Until(deadline)/time.Duration(left), shareLeast)
		shared, cancel := context.WithTimeout(ctx, share)
		defer cancel()
		ctx = shared
	}
	return d.connect(ctx, r.network, net.JoinHostPort(address.String(), r.port))
}

// outcome is that of trying the addresses of one family.
type outcome struct {
	conn net.Conn
	err  error
}

// race tries both families, the others once the first is slow or has failed,
// and returns the first connection. It waits for whoever lost, which ends at
// once.
func (d *Dialer) race(ctx context.Context, r route, first, others []netip.Addr) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome, 2)
	try := func(addresses []netip.Addr) {
		conn, err := d.inTurn(ctx, r, addresses)
		outcomes <- outcome{conn, err}
	}
	delay := time.NewTimer(fallbackDelay)
	defer delay.Stop()
	go try(first)
	select {
	case failed := <-outcomes:
		if failed.err == nil || ctx.Err() != nil {
			return failed.conn, failed.err
		}
		outcomes <- failed
	case <-delay.C:
	}
	go try(others)
	one := <-outcomes
	if one.err == nil {
		cancel()
	}
	two := <-outcomes
	switch {
	case one.err != nil && two.err == nil:
		return two.conn, nil
	case one.err == nil && two.err == nil:
		_ = two.conn.Close()
	}
	return one.conn, one.err
}
