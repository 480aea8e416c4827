package probe

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// grpcServer is a gRPC server whose health a test decides.
type grpcServer struct {
	address string
	health  *grpchealth.Server
	server  *grpc.Server
	calls   atomic.Int64
	// seen is the metadata of the last request; refuse answers in place of the
	// health service unless it is nil.
	seen   atomic.Pointer[metadata.MD]
	refuse atomic.Pointer[error]
}

func serveGRPC(t *testing.T, address string, options ...grpc.ServerOption) *grpcServer {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &grpcServer{address: listener.Addr().String(), health: grpchealth.NewServer()}
	s.server = grpc.NewServer(append(options, grpc.UnaryInterceptor(s.intercept))...)
	grpc_health_v1.RegisterHealthServer(s.server, s.health)
	listenGRPC(t, s.server, listener)
	return s
}

func listenGRPC(t *testing.T, server *grpc.Server, listener net.Listener) {
	t.Helper()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-ended })
}

func (s *grpcServer) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	s.calls.Add(1)
	header, _ := metadata.FromIncomingContext(ctx)
	s.seen.Store(&header)
	if refuse := s.refuse.Load(); refuse != nil {
		return nil, *refuse
	}
	return handler(ctx, request)
}

func (s *grpcServer) refuses(err error) { s.refuse.Store(&err) }

func TestGRPCReusesItsConnection(t *testing.T) {
	server := serveGRPC(t, "127.0.0.1:0")
	server.health.SetServingStatus("shop.v1.Orders", grpc_health_v1.HealthCheckResponse_SERVING)
	relay := newRelay(t, server.address)
	requireNoLeak(t, func() {
		prober, err := (&GRPC{Address: relay.Addr, Service: "shop.v1.Orders", Expect: []string{"latency < duration('5s')"}}).Open()
		require.NoError(t, err)
		require.Zero(t, relay.accepted.Load(), "opening connects to nothing")
		for range 5 {
			result := probe(t, prober, 5*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "the service shop.v1.Orders is serving", result.Message)
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func TestGRPCJudgesTheAnswer(t *testing.T) {
	server := serveGRPC(t, "127.0.0.1:0")
	server.health.SetServingStatus("starting", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	server.health.SetServingStatus("odd", grpc_health_v1.HealthCheckResponse_UNKNOWN)
	at := server.address
	for name, test := range map[string]struct {
		options GRPC
		refuse  error
		status  health.Status
		want    string
	}{
		"server":      {GRPC{}, nil, health.Healthy, "the server is serving"},
		"not serving": {GRPC{Service: "starting"}, nil, health.Unhealthy, "the service starting is not serving: it says NOT_SERVING"},
		"unknown":     {GRPC{Service: "odd"}, nil, health.Unhealthy, "the service odd is not serving: it says UNKNOWN"},
		"not known":   {GRPC{Service: "other"}, nil, health.Unhealthy, at + " does not know the service other"},
		"degraded":    {GRPC{ExpectDegraded: []string{"latency < duration('0s')"}}, nil, health.Degraded, "latency < duration('0s'): latency is "},
		"refused": {GRPC{Token: option.NewSecret("token-4711")}, status.Error(codes.Unauthenticated, "no such token: token-4711"),
			health.Unhealthy, "Unauthenticated: no such token: *** while asking " + at + " for its health"},
		"at its limit": {GRPC{}, status.Error(codes.ResourceExhausted, "busy"), health.Unhealthy, "ResourceExhausted: busy while asking " + at + " for its health"},
		"gone":         {GRPC{}, status.Error(codes.Unavailable, "draining"), health.Unhealthy, "Unavailable: draining while asking " + at + " for its health"},
	} {
		t.Run(name, func(t *testing.T) {
			server.refuse.Store(nil)
			if test.refuse != nil {
				server.refuses(test.refuse)
			}
			test.options.Address = at
			prober := open(t, &test.options)
			for range 2 {
				result := probe(t, prober, 5*time.Second)
				require.True(t, strings.HasPrefix(result.Message, test.want), result.Message)
				require.Equal(t, test.status, result.Status)
			}
		})
	}
}

func TestGRPCSendsMetadata(t *testing.T) {
	server := serveGRPC(t, "127.0.0.1:0")
	prober := open(t, &GRPC{
		Address: server.address, Authority: "orders.example", Token: option.NewSecret("token-4711"),
		Metadata: map[string]option.Secret{"X-Tenant": option.NewSecret("paris"), "raw-bin": option.NewSecret("\x00\xff")},
	})
	requireHealthy(t, probe(t, prober, 5*time.Second))
	seen := *server.seen.Load()
	require.Equal(t, []string{"Bearer token-4711"}, seen.Get("authorization"))
	require.Equal(t, []string{"paris"}, seen.Get("x-tenant"))
	require.Equal(t, []string{"\x00\xff"}, seen.Get("raw-bin"))
	require.Equal(t, []string{"orders.example"}, seen.Get(":authority"))
	require.Contains(t, seen.Get("user-agent")[0], "paramedic")

	plain := open(t, &GRPC{Address: server.address})
	requireHealthy(t, probe(t, plain, 5*time.Second))
	require.Equal(t, []string{server.address}, server.seen.Load().Get(":authority"))
}

// What is not a gRPC server, or none with the health service, is said plainly.
func TestGRPCOfOthers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listenGRPC(t, grpc.NewServer(), listener)
	at := listener.Addr().String()
	requireUnhealthy(t, probe(t, open(t, &GRPC{Address: at}), 5*time.Second),
		at+" does not offer the health protocol grpc.health.v1: unknown service grpc.health.v1.Health")

	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	at = strings.TrimPrefix(web.URL, "http://")
	result := probe(t, open(t, &GRPC{Address: at}), 5*time.Second)
	require.Equal(t, health.Unhealthy, result.Status)
	require.Contains(t, result.Message, "while asking "+at+" for its health")
}

func TestGRPCSurvivesARestart(t *testing.T) {
	server := serveGRPC(t, "127.0.0.1:0")
	prober := open(t, &GRPC{Address: server.address})
	requireHealthy(t, probe(t, prober, 5*time.Second))
	server.server.Stop()
	for range 3 {
		requireUnhealthy(t, probe(t, prober, 5*time.Second), "connection refused while connecting to "+server.address)
	}
	again := serveGRPC(t, server.address)
	requireHealthy(t, probe(t, prober, 5*time.Second))
	// The very next probe after a restart finds the old connection dead.
	again.server.Stop()
	serveGRPC(t, server.address)
	requireHealthy(t, probe(t, prober, 5*time.Second))
}

func TestGRPCVerifiesCertificates(t *testing.T) {
	for name, test := range map[string]struct {
		until  time.Time
		change func(o *GRPC)
		want   string
	}{
		"unknown":    {time.Now().Add(time.Hour), func(o *GRPC) { o.CA = "" }, "TLS: certificate signed by an unknown authority while connecting to @"},
		"trusted":    {time.Now().Add(time.Hour), func(*GRPC) {}, ""},
		"authority":  {time.Now().Add(time.Hour), func(o *GRPC) { o.Authority = "other.example" }, ""},
		"other name": {time.Now().Add(time.Hour), func(o *GRPC) { o.ServerName = "other.example" }, "TLS: x509: certificate is valid for test.example, not other.example while connecting to @"},
		"named":      {time.Now().Add(time.Hour), func(o *GRPC) { o.ServerName = "test.example"; o.Authority = "other.example" }, ""},
		"unverified": {time.Now().Add(-time.Hour), func(o *GRPC) { o.InsecureSkipVerify = true }, ""},
		"plain":      {time.Now().Add(time.Hour), func(o *GRPC) { o.TLS, o.CA = false, "" }, "while asking @ for its health"},
	} {
		t.Run(name, func(t *testing.T) {
			cert := certificate(t, test.until)
			server := serveGRPC(t, "127.0.0.1:0", grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}})))
			options := &GRPC{Address: server.address, TLS: true, CA: certificateFile(t, cert)}
			test.change(options)
			result := probe(t, open(t, options), 5*time.Second)
			if test.want == "" {
				requireHealthy(t, result)
				return
			}
			require.Equal(t, health.Unhealthy, result.Status)
			require.Contains(t, result.Message, strings.ReplaceAll(test.want, "@", server.address))
		})
	}
}

// certificateFile writes a certificate to trust.
func certificateFile(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return file
}

func TestGRPCSurvivesSilence(t *testing.T) {
	for _, secure := range []bool{false, true} {
		requireSurvivesSilence(t, func(address string) Options { return &GRPC{Address: address, TLS: secure} },
			"timeout after 200ms while connecting to @silent", "connection refused while connecting to @deaf")
	}
	requireUnhealthy(t, probe(t, open(t, &GRPC{Address: "nowhere.invalid:443"}), 5*time.Second),
		"host name nowhere.invalid not found while connecting to nowhere.invalid:443")
}

// A server that takes the request and does not answer it.
func TestGRPCEndsAHangingRequest(t *testing.T) {
	release := make(chan struct{})
	server := serveGRPC(t, "127.0.0.1:0", grpc.ChainUnaryInterceptor(
		func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
			<-release
			return nil, nil
		}))
	prober := open(t, &GRPC{Address: server.address})
	requireUnhealthy(t, probe(t, prober, 300*time.Millisecond), "timeout after 300ms while asking "+server.address+" for its health")
	close(release)
}

func TestGRPCOptions(t *testing.T) {
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"localhost" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "authority", Text: "holds a character that is not printable ASCII"},
		{Path: "ca", Text: "needs tls: true"},
		{Path: "insecure_skip_verify", Text: "needs tls: true"},
		{Path: "server_name", Text: "needs tls: true"},
		{Path: "ca", Text: "open /no/such/file: no such file or directory"},
		{Path: "metadata.Authorization", Text: "and token both set authorization; keep one"},
		{Path: "metadata.Grpc-Timeout", Text: "begins with grpc-, which is for gRPC itself"},
		{Path: "metadata.a b", Text: "is not a name for metadata; write letters, digits, _, - and ."},
		{Path: "metadata.line", Text: "holds a character that is not printable ASCII; that needs a name that ends with -bin"},
		{Path: "token", Text: "holds a character that is not printable ASCII"},
		{Path: "expect[0]", Text: "unknown name status (line 1, column 1); known are latency"},
	}, (&GRPC{
		Address: "localhost", Authority: "é", CA: "/no/such/file", InsecureSkipVerify: true, ServerName: "x", Token: option.NewSecret("a\nb"),
		Metadata: map[string]option.Secret{
			"Authorization": option.NewSecret("x"), "Grpc-Timeout": option.NewSecret("x"), "a b": option.NewSecret("x"),
			"line": option.NewSecret("a\nb"), "ok-bin": option.NewSecret("\n"),
		},
		Expect: []string{"status == 0"},
	}).Validate())
}
