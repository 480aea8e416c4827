package probe

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"paramedic/internal/health"
)

// grpcHeaderLimit bounds the headers of an answer, in bytes.
const grpcHeaderLimit = 64 << 10

// grpcLine connects for the library, and keeps what it would put into words of
// its own: why connecting or the handshake failed.
type grpcLine struct {
	credentials.TransportCredentials
	address, authority, serverName string

	mu   sync.Mutex
	last error
}

func newGRPCLine(o *GRPC) (*grpcLine, error) {
	l := &grpcLine{TransportCredentials: insecure.NewCredentials(), address: o.Address, authority: o.Authority, serverName: o.tls().ServerName}
	if l.authority == "" {
		l.authority = o.Address
	}
	if o.TLS {
		config, err := o.tls().config()
		if err != nil {
			return nil, err
		}
		l.TransportCredentials = credentials.NewTLS(config)
	}
	return l, nil
}

// open makes a client, which connects when asked. The name of the server goes
// to it as it is, to be looked up in dialing.
func (l *grpcLine) open() (*grpc.ClientConn, error) {
	l.note(nil)
	return grpc.NewClient("passthrough:///"+l.address,
		grpc.WithTransportCredentials(l), grpc.WithContextDialer(l.dial), grpc.WithNoProxy(),
		grpc.WithAuthority(l.authority), grpc.WithUserAgent("paramedic"),
		grpc.WithDisableServiceConfig(), grpc.WithDisableHealthCheck(), grpc.WithIdleTimeout(0),
		// The probe's time limit is the only one.
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Hour}),
		grpc.WithMaxHeaderListSize(grpcHeaderLimit),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(bodyLimit)))
}

func (l *grpcLine) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	l.note(err)
	return conn, err
}

// ClientHandshake implements credentials.TransportCredentials. The library
// would have the certificate be for the authority.
func (l *grpcLine) ClientHandshake(ctx context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := l.TransportCredentials.ClientHandshake(ctx, l.serverName, conn)
	l.note(err)
	return secured, info, err
}

// Clone implements credentials.TransportCredentials.
func (l *grpcLine) Clone() credentials.TransportCredentials { return l }

// Info implements credentials.TransportCredentials. The name that a certificate
// has to be for is no reason to send it as authority.
func (l *grpcLine) Info() credentials.ProtocolInfo {
	info := l.TransportCredentials.Info()
	//lint:ignore SA1019 the library still reads it
	info.ServerName = ""
	return info
}

func (l *grpcLine) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = err
}

// failure is why the last attempt to connect failed, nil if that is not known.
func (l *grpcLine) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// refused puts the failure of a request into words.
func (p *grpcProber) refused(a *attempt, err error) health.Result {
	said, ok := status.FromError(err)
	if !ok {
		return a.failed(err)
	}
	switch said.Code() {
	case codes.DeadlineExceeded:
		return a.failed(context.DeadlineExceeded)
	case codes.Canceled:
		return a.failed(context.Canceled)
	case codes.NotFound:
		return a.unhealthy("%s does not know %s", p.options.Address, p.subject())
	case codes.Unimplemented:
		return a.unhealthy("%s does not offer the health protocol grpc.health.v1: %s", p.options.Address, plainly(errors.New(said.Message())))
	case codes.Unavailable:
		if why := p.line.failure(); why != nil {
			return a.failed(why)
		}
	}
	words := strings.TrimSuffix(strings.TrimPrefix(said.Message(), `connection error: desc = "`), `"`)
	return a.failed(errors.New(said.Code().String() + ": " + words))
}
