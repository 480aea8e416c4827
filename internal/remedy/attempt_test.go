package remedy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/remedy"
)

// attemptVariable makes the test binary carry out one attempt instead of the
// tests: a worker that can be killed.
const attemptVariable = "PARAMEDIC_TEST_ATTEMPT"

// attempt is one try in a process of its own.
type attempt struct {
	Unit, Socket string   // for systemd
	Container    string   // for docker, with Socket
	URL          string   // for http
	Command      []string // for exec
	Checkpoint   string
	// Hang makes the process stand still for good once its checkpoint is saved
	// ("saved") or once the remedy has returned ("applied").
	Hang string
}

func TestMain(m *testing.M) {
	text, set := os.LookupEnv(attemptVariable)
	if !set {
		os.Exit(m.Run())
	}
	if err := carryOut(text); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func carryOut(text string) error {
	var a attempt
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	checkpoint := fileCheckpoint{path: a.Checkpoint}
	if a.Hang == "saved" {
		checkpoint.saved = hang
	}
	r, err := a.options().Open()
	if err != nil {
		return err
	}
	treatment, err := r.Apply(context.Background(), remedy.Request{Checkpoint: checkpoint})
	if err != nil {
		_, final := err.(remedy.Final)
		return fmt.Errorf("final=%v %w", final, err)
	}
	fmt.Println(treatment.Effect)
	if a.Hang == "applied" {
		hang()
	}
	return nil
}

func (a attempt) options() remedy.Options {
	switch {
	case a.Command != nil:
		return &remedy.Exec{Command: a.Command, Timeout: health.Duration(time.Minute)}
	case a.Container != "":
		return &remedy.Docker{Container: a.Container, Socket: a.Socket, Timeout: health.Duration(time.Minute)}
	case a.URL != "":
		return &remedy.HTTP{URL: a.URL, Method: http.MethodPost, Timeout: health.Duration(time.Minute)}
	}
	return &remedy.Systemd{Unit: a.Unit, Socket: a.Socket, Timeout: health.Duration(time.Minute)}
}

// hang says so and waits for SIGKILL.
func hang() {
	fmt.Println("hanging")
	time.Sleep(time.Hour)
}

// start starts the attempt in a process; kill ends it as a crash would.
func (a attempt) start(t *testing.T) (output io.Reader, kill func()) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return start(t, a.command(t, binary))
}

// command is the attempt carried out by a copy of the test binary.
func (a attempt) command(t *testing.T, binary string) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(a)
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), attemptVariable+"="+string(text))
	return cmd
}

func start(t *testing.T, cmd *exec.Cmd) (output io.Reader, kill func()) {
	t.Helper()
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	return pipe, kill
}
