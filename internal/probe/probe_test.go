package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// Every kind documents itself and each of its options, and leaves what is
// required to the decoder: its own defaults have no other mistake.
func TestKindsDocumentThemselves(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range Kinds() {
		require.False(t, seen[kind.Name], "two kinds are named %s", kind.Name)
		seen[kind.Name] = true
		require.True(t, strings.HasSuffix(kind.Doc, "."), "%s: the documentation is a sentence", kind.Name)
		options := kind.Options()
		require.Empty(t, options.Validate(), kind.Name)
		require.NotSame(t, options, kind.Options(), "%s: options have to be fresh", kind.Name)
		requireDocumented(t, kind.Name, reflect.TypeOf(options).Elem())
	}
	require.Equal(t, map[string]bool{
		"clickhouse": true, "postgres": true, "redis": true, "s3": true, "http": true,
		"prometheus": true, "mysql": true, "rabbitmq": true, "grpc": true, "smtp": true, "tcp": true, "directory": true,
		"tls": true, "dns": true, "icmp": true, "exec": true,
	}, seen)
}

func requireDocumented(t *testing.T, path string, options reflect.Type) {
	t.Helper()
	for i := range options.NumField() {
		field := options.Field(i)
		place := path + "." + field.Name
		require.NotEmpty(t, field.Tag.Get("yaml"), place)
		require.True(t, strings.HasSuffix(field.Tag.Get("doc"), "."), "%s: the documentation is a sentence", place)
		if field.Type.Kind() == reflect.Struct && field.Type.NumField() > 0 && field.Type.Field(0).IsExported() {
			requireDocumented(t, place, field.Type)
		}
	}
}

// stub is a prober whose answer the test chooses.
type stub func(ctx context.Context) health.Result

func (s stub) Probe(ctx context.Context) health.Result { return s(ctx) }
func (s stub) Close() error                            { return nil }

func TestRunStampsTheResult(t *testing.T) {
	before := time.Now().Truncate(time.Millisecond)
	result := Run(context.Background(), stub(func(ctx context.Context) health.Result {
		<-ctx.Done()
		return begin(ctx).unhealthy("%s", strings.Repeat("x", 1000))
	}), 20*time.Millisecond)
	require.GreaterOrEqual(t, result.LatencyMS, 20.0)
	require.False(t, result.At.Before(before))
	require.Len(t, result.Message, health.MessageLimit)
}

func TestFailuresInPlainWords(t *testing.T) {
	for err, want := range map[error]string{
		io.EOF:                                   "connection closed by the server",
		context.Canceled:                         "cancelled",
		errors.New("odd\n  server  x."):          "odd server x",
		fmt.Errorf("a: %w", io.ErrUnexpectedEOF): "connection closed by the server",
	} {
		require.Equal(t, want, plainly(err))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	a := begin(ctx)
	a.doing("reading the test key")
	<-ctx.Done()
	a.limit = 10 * time.Second
	a.start = time.Now().Add(-10*time.Second - 3*time.Millisecond)
	require.Equal(t, "timeout after 10s while reading the test key", a.explain(ctx.Err()))
	a.start = time.Now().Add(-1234 * time.Millisecond)
	require.Equal(t, "timeout after 1.2s while reading the test key", a.explain(ctx.Err()))
}
