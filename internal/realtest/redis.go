package realtest

import (
	"net"
	"testing"
)

// Redis starts a redis-server that keeps nothing on disk; args are added to
// its command line ("--requirepass", "...").
func Redis(t testing.TB, args ...string) *Process {
	t.Helper()
	return Run(t, RedisCommand(t, args...))
}

// RedisCommand returns how to start such a server.
func RedisCommand(t testing.TB, args ...string) Command {
	t.Helper()
	path := Binary(t, "redis-server", "apt-get install redis-server")
	address := FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	base := []string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"}
	return Command{Addr: address, Path: path, Dir: t.TempDir(), Args: append(base, args...)}
}
