// Package resolve connects the probers of many targets. It keeps the answers
// of DNS for as long as they say, so that ten thousand probes a minute do not
// ask for the same few names again and again, and it bounds how many
// connections probes hold at the same time.
//
// Everything about names but keeping them is left to Go's own resolver: which
// servers are asked, search domains, /etc/hosts and the order of addresses.
package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// assumedFiles is how many files a process may surely open.
const assumedFiles = 1024

// filesPause is how long to wait where no file can be opened.
const filesPause = 50 * time.Millisecond

// Dialer connects to addresses by names that it remembers. It is safe for
// concurrent use, and owns nothing that would have to be closed.
type Dialer struct {
	names *names
	// Idle connections are not kept alive by the kernel: each that is kept is
	// used again soon or closed.
	dialer net.Dialer
}

// Shared is the dialer of the process: what one prober has asked for, all know.
var Shared = New()

// New returns a dialer that remembers nothing yet.
func New() *Dialer {
	return &Dialer{names: newNames(), dialer: net.Dialer{KeepAlive: -1}}
}

// DialContext connects to an address as net.Dialer does. Networks are those of
// TCP. An address of a name that was kept from earlier and cannot be connected
// to may have moved: the name is asked for once more.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return d.dialer.DialContext(ctx, network, address) // which has words for it
	}
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return d.connect(ctx, network, address)
	}
	start := time.Now()
	known, err := d.names.find(ctx, host)
	if err != nil {
		return nil, failed(network, err)
	}
	conn, err := d.dial(ctx, route{network, port}, known)
	if err == nil || !known.asked.Before(start.Add(-leastKept)) {
		return conn, err
	}
	return d.again(ctx, route{network, port}, host, known, err)
}

// again asks for a name whose kept addresses failed with err, and connects to
// what is new.
func (d *Dialer) again(ctx context.Context, r route, host string, known *answer, err error) (net.Conn, error) {
	d.names.forget(host, known)
	if ctx.Err() != nil {
		return nil, err
	}
	fresh, why := d.names.find(ctx, host)
	var unknown *net.DNSError
	switch {
	case errors.As(why, &unknown) && unknown.IsNotFound:
		return nil, failed(r.network, why)
	case why != nil || sameAddresses(fresh.addresses, known.addresses):
		return nil, err
	}
	return d.dial(ctx, r, fresh)
}

func sameAddresses(a, b []netip.Addr) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(one netip.Addr) bool { return !slices.Contains(b, one) })
}

// failed is an error of dialling as package net has them.
func failed(network string, err error) error { return &net.OpError{Op: "dial", Net: network, Err: err} }

// connect connects to one address. That this process has no file left for it
// says nothing about the other end: it waits for one as long as ctx allows.
func (d *Dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	for {
		conn, err := d.dialer.DialContext(ctx, network, address)
		if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
			return conn, err
		}
		pause := time.NewTimer(filesPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, err
		}
	}
}
