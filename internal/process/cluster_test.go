package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// onHost is a service that nothing listens for yet, whose remedy runs on a
// host and writes down which process ran it.
func onHost(name, address, host string) string {
	return fmt.Sprintf(`  - name: %s
    interval: 2s
    retry_interval: 1s
    timeout: 500ms
    failure_threshold: 1
    success_threshold: 1
    probe: {tcp: {address: %q}}
    remediation:
      host: %s
      settle: 1s
      backoff: [2s]
      steps:
        - exec: {command: [sh, -c, "echo $PPID > acted"]}
`, name, address, host)
}

// A worker in the cluster watches; what has to be done on a host is done by
// the agent there. A host without an agent is a recorded failure, not a hang.
func TestAgentOnHost(t *testing.T) {
	t.Parallel()
	database, lonely := freeAddress(t), freeAddress(t)
	configuration := "limits: {concurrent_restarts: 2}\nservices:\n" + onHost("database", database, "db1") + onHost("lonely", lonely, "db2")
	cluster, host := newPlace(t, configuration), newPlace(t, configuration)
	agent := start(t, host.dir, []string{"TEMPORAL_ADDRESS=" + cluster.temporal}, workerProgram(t),
		"--agent", "--host", "db1", "--listen", host.listen)
	agent.saying("cannot reach Temporal") // it may be there before its cluster
	worker := cluster.start(t)
	agent.ready()
	require.Contains(t, agent.stdout.String(), "Host      db1 ")
	agent.signal(syscall.SIGHUP)
	agent.saying("configuration reloaded")

	acted := filepath.Join(host.dir, "acted")
	worker.eventually("the agent to act", func() bool {
		text, err := os.ReadFile(acted)
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	text, err := os.ReadFile(acted)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(agent.pid()), strings.TrimSpace(string(text)), "the agent's own process ran it")
	require.NoFileExists(t, filepath.Join(cluster.dir, "acted"))

	listen(t, database)
	worker.saying("database RECOVERED")
	require.Contains(t, cluster.starter(t, "incident", "database").out, "healed by attempt ")

	worker.saying("lonely: attempt 1")
	worker.eventually("the missing agent to be noticed", func() bool {
		return strings.Contains(cluster.starter(t, "incident", "lonely").out,
			`could not be attempted: no worker serves host "db2" within 1m0s; start one there with --host db2`)
	})
	agent.signal(syscall.SIGTERM)
	require.Equal(t, 0, agent.wait(stopLimit), agent.stderr.String())
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
}
