package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// patient is a service under care, and its witness.
type patient struct {
	unit    unit
	service service
	look    func(context.Context) error
	witness *witness
	hurt    time.Time
}

func newClickHouse(t *testing.T, m *realtest.Machine) *patient {
	t.Helper()
	u := newUnit(t, m, "clickhouse", realtest.ClickHouseCommand(t))
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{u.Addr}, DialTimeout: lookLimit, MaxOpenConns: 1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &patient{unit: u, look: conn.Ping, service: service{
		name: "clickhouse", probe: fmt.Sprintf("{clickhouse: {address: %q}}", u.Addr), remediation: u.restart(m.Socket()),
	}}
}

func newRedis(t *testing.T, m *realtest.Machine) *patient {
	t.Helper()
	u := newUnit(t, m, "redis", realtest.RedisCommand(t))
	return &patient{unit: u, look: func(ctx context.Context) error { return ping(ctx, u.Addr) }, service: service{
		name: "redis", probe: fmt.Sprintf("{redis: {address: %q}}", u.Addr), remediation: u.restart(m.Socket()),
	}}
}

// ping asks a Redis server by hand.
func ping(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	answer := make([]byte, len("+PONG\r\n"))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if string(answer) != "+PONG\r\n" {
		return errors.New(string(answer))
	}
	return nil
}

func newSite(t *testing.T, m *realtest.Machine) *patient {
	t.Helper()
	u := newPatient(t, m, site)
	return &patient{unit: u, look: u.look, service: u.service(m.Socket())}
}

// Services that die, and services that only stand still, are restarted, and
// the record says how long they were away.
func TestHealsRealServices(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "frozen": syscall.SIGSTOP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := realtest.Systemd(t)
			patients := []*patient{newClickHouse(t, m), newRedis(t, m), newSite(t, m)}
			var services []service
			for _, p := range patients {
				await(t, p.service.name+" answers", func() bool { return p.look(t.Context()) == nil })
				services = append(services, p.service)
			}
			d := deploy(t, "limits: {concurrent_restarts: 3}", services...)
			for _, p := range patients {
				p.witness = newWitness(t, p.look)
			}
			for _, p := range patients {
				p.hurt = time.Now()
				p.unit.hurt(signal)
			}
			for _, p := range patients {
				d.requireHealed(p)
			}
		})
	}
}

// requireHealed waits until a service is healed, and requires that it was done
// once, told once, and written down as it was.
func (d *deployment) requireHealed(p *patient) {
	d.t.Helper()
	name := p.service.name
	i := d.resolved(name)
	require.Equal(d.t, "healed", i.Outcome, name)
	require.Equal(d.t, []int{1, 1}, []int{i.Attempts, i.Restarts}, "attempts and restarts of %s", name)
	require.Equal(d.t, 2, p.unit.started(d.t), "starts of %s", name)
	require.Equal(d.t, "active", p.unit.State(p.unit.name), name)
	p.witness.requireTruth(d.t, name, p.hurt, i)
	d.receiver.requireRecovery(name, i)
	require.Equal(d.t, 1, d.count(name), "incidents of %s", name)
}
