package process

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// quietService is a configuration with a service that is up.
func quietService(t testing.TB) string {
	t.Helper()
	return watchedBy(listening(t).Addr().String(), "name: quiet")
}

// What cannot work ends the worker at once, with exit code 1 and one message
// that says what to change.
func TestBadInput(t *testing.T) {
	t.Parallel()
	good := quietService(t)
	place := newPlace(t, good)
	taken := listening(t).Addr().String()
	write := func(name, text string) string {
		path := filepath.Join(place.dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	bad := write("bad.yml", "services:\n  - name: x\n    intervall: 60s\n    probe: {tcp: {}}\n")
	file := write("file", "")
	withPatient := write("patient.yml", "patient: {listen: \""+taken+"\"}\n"+good)

	for name, c := range map[string]struct {
		args []string
		env  []string
		want []string
	}{
		"a wrong flag":              {[]string{"--prot", "1"}, nil, []string{"unknown flag: --prot"}},
		"a flag without a number":   {[]string{"--ui-port", "web"}, nil, []string{`invalid argument "web" for "--ui-port"`}},
		"a port that is none":       {[]string{"--ui-port", "70000"}, nil, []string{"--ui-port 70000"}},
		"a word too many":           {[]string{"start"}, nil, []string{`unknown command "start"`}},
		"no configuration":          {[]string{"--config", "nowhere.yml"}, nil, []string{"nowhere.yml", "--config"}},
		"a bad configuration":       {[]string{"--config", bad}, nil, []string{bad + ":3:5: ", `"interval"`, bad + ":4:13: ", "address"}},
		"the Temporal port taken":   {[]string{"--temporal-port", port(taken)}, nil, []string{port(taken), "taken", "--temporal-port"}},
		"the Web UI's port taken":   {[]string{"--ui-port", port(taken)}, nil, []string{port(taken), "taken", "--ui-port"}},
		"the status port taken":     {[]string{"--listen", taken}, nil, []string{taken, "taken", "--listen"}},
		"the patient's port taken":  {[]string{"--config", withPatient}, nil, []string{taken, "patient.listen"}},
		"listening everywhere":      {[]string{"--listen", "0.0.0.0:8080"}, nil, []string{"0.0.0.0:8080", "http.access", "127.0.0.1", "--listen"}},
		"data that is a file":       {[]string{"--data", file}, nil, []string{file, "--data"}},
		"data nobody can write":     {[]string{"--data", "/proc/paramedic"}, nil, []string{"/proc/paramedic", "--data"}},
		"an agent for no host":      {[]string{"--agent"}, nil, []string{"--agent --host"}},
		"a vantage point of words":  {[]string{"--vantage", "eu west"}, nil, []string{`--vantage "eu west"`, "letters, digits"}},
		"an agent without cluster":  {[]string{"--agent", "--host", "db1"}, nil, []string{"TEMPORAL_ADDRESS"}},
		"a profile that is missing": {nil, []string{"TEMPORAL_PROFILE=prod"}, []string{"prod"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(place.flags("--data", filepath.Join(place.dir, "data")), c.args...)
			got := execute(t, place.dir, c.env, workerProgram(t), args...)
			require.Equal(t, 1, got.code, got.errors)
			for _, want := range c.want {
				require.Contains(t, got.errors, want)
			}
			require.Equal(t, 1, strings.Count(got.errors, "worker: "), "it is said once:\n%s", got.errors)
			require.NotContains(t, got.errors, "goroutine")
			require.Empty(t, got.out)
			t.Log(got.errors)
		})
	}
	place.requireNothingLeft(t)
}

// Two workers on one data directory would ruin it.
func TestSecondWorkerOnTheSameData(t *testing.T) {
	t.Parallel()
	first := newPlace(t, quietService(t))
	first.start(t)
	other := &place{dir: first.dir, listen: freeAddress(t), temporal: freeAddress(t), ui: freeAddress(t)}
	got := execute(t, other.dir, nil, workerProgram(t), other.flags()...)
	require.Equal(t, 1, got.code, got.errors)
	require.Contains(t, got.errors, filepath.Join(first.dir, "data"))
	require.Contains(t, got.errors, "--data")
	t.Log(got.errors)
}

// A cluster that is away is waited for: the worker says so once, is not
// healthy, and works as soon as the cluster is there.
func TestUnreachableCluster(t *testing.T) {
	t.Parallel()
	cluster := newPlace(t, "temporal: {task_queue: elsewhere}\n"+quietService(t))
	alone := newPlace(t, watchedBy(cluster.temporal, "name: temporal"))
	worker := start(t, alone.dir, []string{"TEMPORAL_ADDRESS=" + cluster.temporal}, workerProgram(t), "--listen", alone.listen)
	worker.saying("cannot reach Temporal at " + cluster.temporal)
	worker.eventually("/healthz to say so", func() bool {
		return status(t, "http://"+alone.listen+"/healthz") == http.StatusServiceUnavailable
	})
	worker.signal(syscall.SIGHUP) // is for later, and no reason to end

	said := time.Now()
	worker.eventually("a few tries", func() bool { return time.Since(said) > 8*time.Second })
	require.LessOrEqual(t, len(worker.stderr.lines()), 3, "each of the three parts concerned says it once:\n%s", worker.stderr)
	require.Empty(t, worker.stdout.String(), "it is not ready")

	cluster.start(t)
	worker.ready()
	worker.saying("temporal: healthy")
	worker.eventually("/healthz to be good", func() bool { return status(t, "http://"+alone.listen+"/healthz") == http.StatusOK })
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
}

// A worker without the server says what it needs, and works with it.
func TestWithoutTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	cluster := newPlace(t, quietService(t))
	got := execute(t, cluster.dir, nil, noembedProgram(t), cluster.flags()...)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.errors, "TEMPORAL_ADDRESS")
	t.Log(got.errors)

	cluster.start(t)
	alone := newPlace(t, quietService(t))
	worker := start(t, alone.dir, []string{"TEMPORAL_ADDRESS=" + cluster.temporal}, noembedProgram(t), "--listen", alone.listen)
	worker.ready()
	require.Equal(t, fmt.Sprintf("Status    http://%s/   health: http://%[1]s/healthz\n", alone.listen), worker.stdout.String())
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())

	size, err := os.Stat(noembedProgram(t))
	require.NoError(t, err)
	require.Less(t, size.Size(), int64(65e6), "it is for machines where size counts")
}
