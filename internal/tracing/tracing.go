// Package tracing sends traces of workflows and activities to a collector of
// OpenTelemetry, if the environment says where one is. It is steered by the
// standard OTEL_* variables alone, and without them it does nothing and costs
// nothing. Texts of errors are masked before they leave the process.
package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// Options say who speaks, and where it says so.
type Options struct {
	// Version is that of this program.
	Version string
	// Mask takes the known secrets out of a text; required.
	Mask func(text string) string
	// Log gets what goes wrong with sending; required.
	Log *slog.Logger
}

// Tracing is what a client of Temporal needs to be traced. The zero value
// traces nothing.
type Tracing struct {
	// Interceptors belong in the options of every client, and reach the workers
	// that are made from it; none means that nothing is traced.
	Interceptors []interceptor.ClientInterceptor
	provider     *trace.TracerProvider
}

// Start reads the environment and begins to trace, if it says so. A variable
// that makes no sense is an error that names it; a collector that does not
// answer is none, as it may come up later. Shutdown ends it.
func Start(ctx context.Context, options Options) (*Tracing, error) {
	on, err := wanted(os.Getenv)
	if err != nil || !on {
		return &Tracing{}, err
	}
	// Both are the library's own globals: it has no other place to complain.
	otel.SetLogger(logr.FromSlogHandler(options.Log.Handler()))
	otel.SetErrorHandler(&complaints{log: options.Log, now: time.Now})
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("sending traces: %w", err)
	}
	self, err := self(ctx, options.Version)
	if err != nil {
		return nil, err
	}
	provider := trace.NewTracerProvider(trace.WithBatcher(masked{exporter, options.Mask}), trace.WithResource(self))
	traced, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: provider.Tracer("temporal-sdk-go"),
		// Pages and commands look at workflows all the time.
		DisableQueryTracing: true,
		// What was begun by a program that traces in another way goes on.
		AllowInvalidParentSpans: true,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tracing Temporal's client: %w", err), provider.Shutdown(ctx))
	}
	return &Tracing{Interceptors: []interceptor.ClientInterceptor{traced}, provider: provider}, nil
}

// Shutdown sends what is left, within the time of ctx, and ends the tracing.
func (t *Tracing) Shutdown(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}

// wanted reports whether the environment asks for traces, of a kind that there is.
func wanted(env func(string) string) (bool, error) {
	if disabled, _ := strconv.ParseBool(env("OTEL_SDK_DISABLED")); disabled {
		return false, nil
	}
	endpoint, named := "", ""
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if endpoint == "" {
			endpoint, named = env(name), name
		}
	}
	switch exporter := env("OTEL_TRACES_EXPORTER"); {
	case exporter == "none", exporter == "" && endpoint == "":
		return false, nil
	case exporter != "" && exporter != "otlp":
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; it can be otlp or none", exporter)
	}
	protocol := cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), env("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "http/protobuf" {
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; traces are sent by http/protobuf, which collectors take at port 4318", protocol)
	}
	if endpoint == "" {
		return true, nil // the default: this machine
	}
	// The address may hold a password, so that it is not repeated.
	at, err := url.Parse(endpoint)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return false, fmt.Errorf("%s is no address; write it like http://collector:4318", named)
	}
	return true, nil
}

// self describes this process. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
// come first.
func self(ctx context.Context, version string) (*resource.Resource, error) {
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "paramedic"), attribute.String("service.version", version)),
		resource.WithHost(), resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return described, nil
}

// complainAfter is the least time between two lines about traces: a collector that is away is away for every batch.
const complainAfter = time.Minute

// complaints logs what goes wrong. It implements otel.ErrorHandler.
type complaints struct {
	log *slog.Logger
	now func() time.Time

	mu       sync.Mutex
	last     time.Time
	withheld int
}

// Handle implements otel.ErrorHandler.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.last) < complainAfter {
		c.withheld++
		return
	}
	c.log.Warn("tracing does not work as it should", "error", strings.TrimSpace(err.Error()), "withheld", c.withheld)
	c.last, c.withheld = now, 0
}
