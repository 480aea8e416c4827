package tracing

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

// receiver takes spans by OTLP over HTTP, as a collector does.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	requests []*collector.ExportTraceServiceRequest
	bodies   bytes.Buffer
	header   http.Header
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	export := &collector.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, export)
	}
	if err != nil || request.URL.Path != "/v1/traces" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.header = append(r.requests, export), request.Header
	r.bodies.Write(body)
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// spans are all that came, by name.
func (r *receiver) spans() map[string]*otlp.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]*otlp.Span{}
	for _, request := range r.requests {
		for _, of := range request.GetResourceSpans() {
			for _, scope := range of.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					found[span.GetName()] = span
				}
			}
		}
	}
	return found
}

func text(attributes []*common.KeyValue, key string) string {
	for _, attribute := range attributes {
		if attribute.GetKey() == key {
			return attribute.GetValue().GetStringValue()
		}
	}
	return ""
}

// clean unsets what the machine that tests may have set.
func clean(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_TRACES_SAMPLER",
	} {
		t.Setenv(name, "") // puts it back at the end
		require.NoError(t, os.Unsetenv(name))
	}
}

func start(t *testing.T) (*Tracing, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	tracing, err := Start(t.Context(), Options{
		Version: "v1.2.3", Log: slog.New(slog.NewTextHandler(&log, nil)),
		Mask: func(text string) string { return strings.ReplaceAll(text, "hunter22", "***") },
	})
	require.NoError(t, err)
	return tracing, &log
}

// healing is a workflow whose first activity passes and whose second fails.
func healing(ctx workflow.Context) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	if err := workflow.ExecuteActivity(ctx, probing, "password hunter22").Get(ctx, nil); err != nil {
		return err
	}
	return workflow.ExecuteActivity(ctx, restarting).Get(ctx, nil)
}

func probing(context.Context, string) (string, error) { return "rows hunter22", nil }

func restarting(context.Context) error { return errors.New("login with hunter22 refused") }

// runHealing runs the workflow in the SDK's test environment, traced.
func runHealing(t *testing.T, tracing *Tracing) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	var ofWorker []interceptor.WorkerInterceptor
	for _, each := range tracing.Interceptors {
		both, ok := each.(interceptor.WorkerInterceptor)
		require.True(t, ok, "a client's interceptor reaches its workers only if it is one of theirs too")
		ofWorker = append(ofWorker, both)
	}
	env.SetWorkerOptions(worker.Options{Interceptors: ofWorker})
	env.RegisterWorkflow(healing)
	env.RegisterActivity(probing)
	env.RegisterActivity(restarting)
	env.ExecuteWorkflow(healing)
	require.Error(t, env.GetWorkflowError())
}

func TestWorkflowsAndActivitiesAreTraced(t *testing.T) {
	clean(t)
	r := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ops")
	tracing, log := start(t)
	runHealing(t, tracing)
	require.NoError(t, tracing.Shutdown(t.Context()))

	spans := r.spans()
	whole, probe, restart := spans["RunWorkflow:healing"], spans["RunActivity:probing"], spans["RunActivity:restarting"]
	require.NotNil(t, whole, "%v", spans)
	require.NotNil(t, probe)
	require.NotNil(t, restart)
	require.Equal(t, whole.GetTraceId(), probe.GetTraceId(), "one trace")
	require.Equal(t, spans["StartActivity:probing"].GetSpanId(), probe.GetParentSpanId())
	require.NotEmpty(t, text(probe.GetAttributes(), "temporalWorkflowID"))
	require.Equal(t, otlp.Status_STATUS_CODE_ERROR, restart.GetStatus().GetCode())
	require.Equal(t, "login with *** refused", restart.GetStatus().GetMessage())
	require.Contains(t, text(restart.GetEvents()[0].GetAttributes(), "exception.message"), "***")

	process := r.requests[0].GetResourceSpans()[0].GetResource().GetAttributes()
	require.Equal(t, "paramedic", text(process, "service.name"))
	require.Equal(t, "v1.2.3", text(process, "service.version"))
	require.Equal(t, "ops", r.header.Get("X-Tenant"))
	require.NotContains(t, r.bodies.String(), "hunter22", "neither inputs, results nor errors carry a secret out")
	require.Empty(t, log.String())
}

func TestEnvironmentNamesTheService(t *testing.T) {
	clean(t)
	r := newReceiver(t)
	t.Setenv("OTEL_TRACES_EXPORTER", "otlp")
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", r.URL+"/v1/traces")
	t.Setenv("OTEL_SERVICE_NAME", "healer")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod,service.name=other")
	tracing, _ := start(t)
	runHealing(t, tracing)
	require.NoError(t, tracing.Shutdown(t.Context()))
	process := r.requests[0].GetResourceSpans()[0].GetResource().GetAttributes()
	require.Equal(t, "healer", text(process, "service.name"))
	require.Equal(t, "prod", text(process, "deployment.environment"))
}

func TestOffUnlessAskedFor(t *testing.T) {
	for name, environment := range map[string]map[string]string{
		"nothing is set":       {},
		"none":                 {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
		"the SDK is disabled":  {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
		"only the name is set": {"OTEL_SERVICE_NAME": "paramedic"},
	} {
		t.Run(name, func(t *testing.T) {
			clean(t)
			for key, value := range environment {
				t.Setenv(key, value)
			}
			tracing, _ := start(t)
			require.Empty(t, tracing.Interceptors)
			require.NoError(t, tracing.Shutdown(t.Context()))
		})
	}
}

func TestVariablesThatMakeNoSense(t *testing.T) {
	for want, environment := range map[string]map[string]string{
		`OTEL_TRACES_EXPORTER is "zipkin"; it can be otlp or none`: {"OTEL_TRACES_EXPORTER": "zipkin"},
		`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"; traces are sent by http/protobuf, which collectors take at port 4318`: {
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
		"OTEL_EXPORTER_OTLP_ENDPOINT is no address; write it like http://collector:4318":        {"OTEL_EXPORTER_OTLP_ENDPOINT": "user:secret@collector"},
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no address; write it like http://collector:4318": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector:4318"},
	} {
		t.Run(want, func(t *testing.T) {
			clean(t)
			for key, value := range environment {
				t.Setenv(key, value)
			}
			_, err := Start(t.Context(), Options{Log: slog.New(slog.DiscardHandler)})
			require.EqualError(t, err, want)
		})
	}
}

// TestCollectorThatIsAway: work goes on, the log says so, and not at every batch.
func TestCollectorThatIsAway(t *testing.T) {
	clean(t)
	r := newReceiver(t)
	r.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	tracing, log := start(t)
	runHealing(t, tracing)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := tracing.Shutdown(ctx)
	require.True(t, err != nil || strings.Contains(log.String(), "tracing does not work"), "%v %s", err, log)
}

func TestComplaintsAreFew(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	c := &complaints{log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return now }}
	for range 5 {
		c.Handle(errors.New("connection refused"))
	}
	require.Equal(t, 1, strings.Count(log.String(), "tracing does not work"))
	now = now.Add(complainAfter)
	c.Handle(errors.New("connection refused"))
	require.Contains(t, log.String(), "withheld=4")
}
