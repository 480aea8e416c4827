package realtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"
)

// DNS starts an unbound that has authority over one zone, and that refuses
// everything else. The records stand in the form of zone files; the zone's SOA
// and its name server are there.
func DNS(t testing.TB, zone, records string) *Process {
	t.Helper()
	path := Binary(t, "unbound", "apt-get install unbound")
	address, dir := FreeAddress(t), t.TempDir()
	host, port, _ := net.SplitHostPort(address)
	origin := dns.Fqdn(zone)
	text := fmt.Sprintf("$ORIGIN %s\n$TTL 300\n@ IN SOA ns hostmaster 7 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n%s\n", origin, records)
	config := fmt.Sprintf(`server:
  interface: %s@%s
  directory: %q
  pidfile: ""
  chroot: ""
  username: ""
  use-syslog: no
  logfile: ""
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "." refuse
  local-zone: %q transparent
auth-zone:
  name: %q
  zonefile: "zone"
  for-upstream: no
remote-control:
  control-enable: no
`, host, port, dir, origin, origin)
	for name, content := range map[string]string{"zone": text, "unbound.conf": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatalf("write the configuration of unbound: %v", err)
		}
	}
	return Run(t, Command{
		Addr: address, Path: path, Dir: dir, Args: []string{"-d", "-d", "-c", filepath.Join(dir, "unbound.conf")},
		Ready: func(ctx context.Context) error { return hasAuthority(ctx, address, origin) },
	})
}

// hasAuthority fails until the server answers for the zone.
func hasAuthority(ctx context.Context, address, origin string) error {
	question := new(dns.Msg)
	question.SetQuestion(origin, dns.TypeSOA)
	reply, err := dns.ExchangeContext(ctx, question, address)
	if err != nil {
		return err
	}
	if len(reply.Answer) == 0 {
		return errors.New(dns.RcodeToString[reply.Rcode])
	}
	return nil
}
