package process

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"paramedic/internal/config"
	"paramedic/internal/realtest"
)

// tour runs the commands of README.md one after the other, against the worker
// that the first of them starts.
type tour struct {
	t     *testing.T
	place *place
	live  *run
	// moved says where what README.md names is in this test.
	moved *strings.Replacer
}

// Every command of README.md works, in the order in which a reader meets them.
func TestReadmeCommands(t *testing.T) {
	for _, program := range []string{"bash", "curl", "make"} {
		realtest.Binary(t, program, "apt-get install "+program)
	}
	t.Parallel()
	configuration, patient := shipped(t)
	// The incident stays open to the end of the tour, to be acknowledged.
	configuration = strings.Replace(configuration, "settle: 3s", "settle: 5m", 1)
	place := newPlace(t, configuration)
	second, agent := freeAddress(t), freeAddress(t)
	guide := &tour{t: t, place: place, moved: strings.NewReplacer(
		"127.0.0.1:8099", patient, "127.0.0.1:8080", place.listen, "127.0.0.1:7233", place.temporal,
		"127.0.0.1:8081", second, "127.0.0.1:8082", agent, "worker healthcheck", "worker healthcheck --listen "+place.listen,
	)}
	for _, text := range texts(t, readmeFile, "sh") {
		for _, command := range strings.Split(strings.TrimSpace(text), "\n") {
			guide.run(command)
		}
	}
	guide.searchWebUI()
	guide.acknowledgeBySignal()
	guide.live.interrupt()
	guide.live.wait(stopLimit) // with the exit code of go run, which says nothing of the worker's
	place.requireNothingLeft(t)
}

// run runs one command and looks at what came of it.
func (g *tour) run(command string) {
	g.t.Helper()
	words := strings.Fields(command)
	switch {
	case command == "go run ./worker":
		g.goRun()
	case words[0] == "make":
		// The tests cannot run themselves; what make would do is looked at.
		output, err := exec.CommandContext(g.t.Context(), "make", "-n", "-C", repository(g.t), words[1]).CombinedOutput()
		require.NoError(g.t, err, string(output))
		require.Contains(g.t, string(output), "go "+words[1])
	case words[0] == "docker-compose":
		g.compose(words)
	case strings.Contains(command, " worker ") && strings.HasPrefix(command, "TEMPORAL_ADDRESS="):
		g.another(command)
	default:
		got := g.shell(command)
		require.Equal(g.t, 0, got.code, "%s\n%s%s", command, got.out, got.errors)
		if strings.HasSuffix(command, "/hurt") {
			g.live.saying("patient: passes again") // the reader reads on when it is up
		}
	}
}

// shell runs a command as README.md has it, with the built programs in PATH.
func (g *tour) shell(command string) answer {
	g.t.Helper()
	workerProgram(g.t)
	starterProgram(g.t)
	env := []string{"PATH=" + built + ":" + os.Getenv("PATH"), "TEMPORAL_ADDRESS=" + g.place.temporal}
	return execute(g.t, g.place.dir, env, "bash", "-c", g.moved.Replace(command))
}

// buildLimit is how long go run may take to compile and link on a busy machine.
const buildLimit = 10 * time.Minute

// goRun starts the live worker from the sources. Only places are added to what
// README.md says.
func (g *tour) goRun() {
	g.t.Helper()
	args := append([]string{"run", "./worker", "--config", g.place.file(), "--data", filepath.Join(g.place.dir, "data")}, g.place.flags()...)
	env := []string{}
	for _, name := range []string{"HOME", "GOPATH", "GOCACHE", "GOMODCACHE", "GOFLAGS", "GOPROXY", "GOTOOLCHAIN", "CGO_ENABLED"} {
		if value, set := os.LookupEnv(name); set {
			env = append(env, name+"="+value)
		}
	}
	goRun := start(g.t, repository(g.t), env, "go", args...)
	goRun.readyWithin(buildLimit)
	require.Regexp(g.t, announcement, goRun.stdout.String())
	goRun.saying("patient: healthy")
	// The worker is go run's child; Ctrl-C reaches both, as it does at a terminal.
	g.live = goRun
}

// another starts one more worker for the live one's Temporal, and stops it.
func (g *tour) another(command string) {
	g.t.Helper()
	name, rest, _ := strings.Cut(g.moved.Replace(command), " ")
	words := strings.Fields(rest)
	require.Equal(g.t, "worker", words[0])
	// The patient is at home with the live worker, and has one address.
	alone := newPlace(g.t, "services: [{name: patient, probe: {tcp: {address: \"127.0.0.1:1\"}}, remediation: {host: db1, steps: [{exec: {command: [\"true\"]}}]}}]\n")
	if !slices.Contains(words, "--agent") {
		alone.configure(g.t, g.withoutPatient())
	}
	more := start(g.t, alone.dir, []string{name}, workerProgram(g.t), words[1:]...)
	more.ready()
	more.signal(syscall.SIGTERM)
	require.Equal(g.t, 0, more.wait(stopLimit), more.stderr.String())
}

func (g *tour) withoutPatient() string {
	g.t.Helper()
	text, err := os.ReadFile(g.place.file())
	require.NoError(g.t, err)
	return regexp.MustCompile(`(?m)^patient: .*$`).ReplaceAllString(string(text), "")
}

// compose checks what can be checked without a container runtime: that the
// file is accepted and knows the services that are named.
func (g *tour) compose(words []string) {
	g.t.Helper()
	g.t.Run(strings.Join(words, " "), func(t *testing.T) {
		services := composeServices(t)
		if words[1] == "exec" {
			require.Contains(t, services, words[2])
			require.Equal(t, 0, g.shell(strings.Join(words[3:], " ")).code)
		}
	})
}

// searchWebUI makes the searches of README.md, by which the Web UI filters.
func (g *tour) searchWebUI() {
	g.t.Helper()
	temporal := dial(g.t, g.place.temporal)
	var searches int
	for _, text := range texts(g.t, readmeFile, "text") {
		for _, line := range strings.Split(text, "\n") {
			if !strings.HasPrefix(line, "WorkflowType = ") {
				continue
			}
			searches++
			_, err := temporal.ListWorkflow(context.Background(), &workflowservice.ListWorkflowExecutionsRequest{Query: line})
			require.NoError(g.t, err, line)
		}
	}
	require.Positive(g.t, searches)
}

// acknowledgeBySignal sends the signal that README.md has the reader send from
// the Web UI.
func (g *tour) acknowledgeBySignal() {
	g.t.Helper()
	var input struct{ By, Note string }
	for _, text := range texts(g.t, readmeFile, "json") {
		require.True(g.t, json.Valid([]byte(text)), text)
		if strings.HasPrefix(text, `{"by"`) {
			require.NoError(g.t, json.Unmarshal([]byte(text), &input))
		}
	}
	require.NotEmpty(g.t, input.By)
	g.live.sayingAgain("acknowledged by "+input.By+": "+input.Note, func() {
		err := dial(g.t, g.place.temporal).SignalWorkflow(context.Background(), "remediation/patient", "", "acknowledge",
			map[string]string{"by": input.By, "note": input.Note})
		require.NoError(g.t, err)
	})
}

func dial(t testing.TB, address string) client.Client {
	t.Helper()
	temporal, err := client.Dial(client.Options{HostPort: address, Logger: silent{}})
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	return temporal
}

// silent is a logger of the SDK that writes nothing.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// docker-compose.yml is accepted by docker-compose, and everything it names
// exists.
func TestCompose(t *testing.T) {
	t.Parallel()
	require.Contains(t, composeServices(t), "paramedic")
}

// composeServices are the services of docker-compose.yml as docker-compose
// reads it.
func composeServices(t *testing.T) []string {
	t.Helper()
	program := realtest.Binary(t, "docker-compose", "apt-get install docker-compose")
	output, err := exec.CommandContext(t.Context(), program, "--file", filepath.Join(repository(t), "docker-compose.yml"), "config", "--services").CombinedOutput()
	require.NoError(t, err, string(output))
	return strings.Fields(string(output))
}

// The configurations that are shipped besides paramedic.yml load, with the
// variables that they name and no others.
func TestShippedConfigurations(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string][]string{
		"examples/ingest/paramedic.yml": {"CLICKHOUSE_PASSWORD", "DRAGONFLY_PASSWORD", "MAILGUN_KEY", "PARAMEDIC_ADMIN_SHA256",
			"PARAMEDIC_ALERT_SHA256", "R2_ACCESS_KEY", "R2_ACCOUNT_ID", "R2_SECRET_KEY", "SUPABASE_ANON_KEY", "SUPABASE_DB_PASSWORD", "SUPABASE_PROJECT"},
		"deploy/compose/paramedic.yml": {"CLICKHOUSE_PASSWORD", "DRAGONFLY_PASSWORD", "PARAMEDIC_TOKEN_SHA256", "S3_ACCESS_KEY", "S3_SECRET_KEY"},
		"paramedic.yml":                nil,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(repository(t), name)
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			secrets := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(secrets, "alert"), []byte("token-of-the-test\n"), 0o600))
			asked := map[string]bool{}
			writeCertificate(t, secrets)
			moved := strings.NewReplacer("/run/secrets", secrets, "/etc/paramedic/supabase.crt", filepath.Join(secrets, "tls.crt"))
			cfg, err := config.Parse(path, []byte(moved.Replace(string(text))), func(name string) (string, bool) {
				asked[name] = true
				if strings.HasSuffix(name, "_SHA256") {
					return tokenHash(name), slices.Contains(variables, name)
				}
				return "value-of-the-test", slices.Contains(variables, name)
			})
			require.NoError(t, err)
			require.NotEmpty(t, cfg.Services)
			require.Len(t, asked, len(variables))
		})
	}
}
