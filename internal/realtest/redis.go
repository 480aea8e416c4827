package realtest

import (
	"context"
	"net"
	"testing"
)

// Redis starts a redis-server that keeps nothing on disk; args are added to
// its command line ("--requirepass", "...").
func Redis(t testing.TB, args ...string) *Process {
	t.Helper()
	path := Binary(t, "redis-server", "apt-get install redis-server")
	address := FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	base := []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"}
	p := &Process{
		Addr: address, path: path, dir: t.TempDir(), args: append(base, args...),
		ready: func(ctx context.Context) error { return accepts(ctx, address) },
	}
	p.run(t)
	return p
}
