package metrics

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// empty is a Temporal in which there is no workflow.
type empty struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (empty) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (empty) DescribeWorkflowExecution(
	context.Context, *workflowservice.DescribeWorkflowExecutionRequest,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, status.Error(codes.NotFound, "no such workflow")
}

// TestSDKCountsUnderTemporalsNames: what the SDK's own client counts has the
// names, units and labels that Temporal documents for Prometheus.
func TestSDKCountsUnderTemporalsNames(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, empty{})
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); require.NoError(t, <-done) })

	m := New(Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	temporal, err := client.DialContext(ctx, client.Options{
		HostPort: listener.Addr().String(), MetricsHandler: m.Temporal(),
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	defer temporal.Close()
	for range 2 {
		_, err = temporal.DescribeWorkflowExecution(ctx, "monitor/web", "")
		require.Error(t, err)
	}

	answer := scrape(t, m)
	const before = `activity_type="none",client_name="temporal_go",namespace="default",operation="DescribeWorkflowExecution",`
	const after = `task_queue="none",worker_type="none",workflow_type="none"`
	require.Contains(t, answer, "\ntemporal_request_total{"+before+after+"} 2\n")
	require.Contains(t, answer, "\ntemporal_request_failure_total{"+before+`status_code="NOT_FOUND",`+after+"} 2\n")
	require.Contains(t, answer, "\ntemporal_request_latency_seconds_count{"+before+after+"} 2\n")
	require.Contains(t, answer, "\n# TYPE temporal_request_total counter\n")
	require.Contains(t, answer, `le="0.005"`, "buckets in seconds")
	require.NotContains(t, answer, "otel_scope")
	require.NotContains(t, answer, "target_info")
}
