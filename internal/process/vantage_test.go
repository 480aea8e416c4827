package process

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Targets with a vantage point are probed by the agent that is there, and by
// nobody else; their incidents are opened and closed as any.
func TestVantagePoint(t *testing.T) {
	t.Parallel()
	up, down := freeAddress(t), freeAddress(t)
	listen(t, up)
	configuration := fmt.Sprintf(`services:
  - name: shops
    interval: 2s
    timeout: 500ms
    failure_threshold: 2
    success_threshold: 1
    probe: {tcp: {address: "{{target}}"}}
    targets: [%q, %q]
    fleet: {vantage: [eu], retries: 0}
`, up, down)
	cluster, there := newPlace(t, configuration), newPlace(t, configuration)
	worker := cluster.start(t)
	incidents := func() string { return cluster.starter(t, "incidents").out }
	require.NotContains(t, incidents(), "shops/", "nobody looks")

	agent := start(t, there.dir, []string{"TEMPORAL_ADDRESS=" + cluster.temporal}, workerProgram(t),
		"--agent", "--vantage", "eu", "--listen", there.listen)
	agent.ready()
	require.Contains(t, agent.stdout.String(), "Vantage   eu ")
	worker.eventually("the target that is down to have an incident", func() bool {
		return strings.Contains(incidents(), "shops/"+down)
	})
	require.NotContains(t, incidents(), "shops/"+up)
	listen(t, down)
	worker.saying("shops/" + down + " RECOVERED")

	agent.signal(syscall.SIGTERM)
	require.Equal(t, 0, agent.wait(stopLimit), agent.stderr.String())
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
}
