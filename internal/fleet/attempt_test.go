package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"paramedic/internal/health"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// attemptVariable makes the test binary carry out one attempt instead of the
// tests: a worker that can be killed.
const attemptVariable = "PARAMEDIC_TEST_ATTEMPT"

// attempt is one try in a process of its own.
type attempt struct {
	// Script is run by an exec remedy with the file Record as $0; without one,
	// the remedy is a recorder.
	Script, Record, Checkpoint string
	// Before and After are the addresses that the checks ask.
	Before, After string
}

func TestMain(m *testing.M) {
	text, set := os.LookupEnv(attemptVariable)
	if !set {
		os.Exit(m.Run())
	}
	if err := attemptOnce(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func attemptOnce(text string) error {
	var a attempt
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	s, err := a.step()
	if err != nil {
		return err
	}
	_, err = s.carryOut(context.Background(), remedy.Request{Checkpoint: fileCheckpoint{a.Checkpoint}})
	return err
}

func (a attempt) step() (step, error) {
	s := step{remedy: recorder{a.Record}, kind: "recorder", timeout: 20 * time.Second, evidence: 10}
	var err error
	if a.Script != "" {
		s.kind = "exec"
		options := &remedy.Exec{
			Command: []string{"/bin/sh", "-c", a.Script, a.Record}, Timeout: health.Duration(time.Minute),
		}
		if s.remedy, err = options.Open(); err != nil {
			return step{}, err
		}
	}
	if s.before, err = asking(a.Before).Open(); err != nil {
		return step{}, err
	}
	s.after, err = asking(a.After).Open()
	return s, err
}

// start starts the attempt in a process; kill ends it as a crash would.
func (a attempt) start(t *testing.T) (kill func()) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(a)
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), attemptVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(kill)
	return kill
}

// asking are the options of an http probe that wants status 200.
func asking(url string) *probe.HTTP {
	return &probe.HTTP{URL: url, Method: "GET", Expect: []string{"status == 200"}}
}

// fileCheckpoint keeps the state as Temporal keeps it, in a file that outlives
// the process.
type fileCheckpoint struct{ path string }

func (c fileCheckpoint) Load(state any) (bool, error) {
	text, err := os.ReadFile(c.path)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var payloads common.Payloads
	if err := proto.Unmarshal(text, &payloads); err != nil {
		return false, err
	}
	return true, converter.GetDefaultDataConverter().FromPayloads(&payloads, state)
}

func (c fileCheckpoint) Save(_ context.Context, state any) error {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(state)
	if err != nil {
		return err
	}
	text, err := proto.Marshal(payloads)
	if err != nil {
		return err
	}
	return os.WriteFile(c.path, text, 0o644)
}

// fresh is the checkpoint of an attempt that begins.
func fresh(t *testing.T) fileCheckpoint { return fileCheckpoint{t.TempDir() + "/checkpoint"} }

// recorder is a remedy that writes down what it does, and knows as systemd does
// whether it has been done.
type recorder struct{ record string }

func (r recorder) Apply(ctx context.Context, request remedy.Request) (health.Treatment, error) {
	var mark struct{ Saved bool }
	if resumed, err := request.Checkpoint.Load(&mark); err != nil || resumed {
		return health.Treatment{Effect: health.AlreadyApplied, Detail: "recorded earlier"}, err
	}
	mark.Saved = true
	if err := request.Checkpoint.Save(ctx, mark); err != nil {
		return health.Treatment{}, err
	}
	return health.Treatment{Effect: health.Applied, Detail: "recorded", Notes: []string{"by the remedy"}}, write(r.record, "acted")
}

func (r recorder) Evidence(_ context.Context, lines int) (string, error) {
	return fmt.Sprintf("the last %d lines", lines), write(r.record, "looked")
}

func (recorder) Close() error { return nil }

func write(path, line string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintln(file, line)
	return err
}

// written are the lines of a record.
func written(path string) []string {
	text, _ := os.ReadFile(path)
	return strings.Fields(string(text))
}
