package patient

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test's own program act as the patient, as the worker does.
func TestMain(m *testing.M) {
	if IsCommand(os.Args[0]) {
		os.Exit(Command(context.Background(), os.Args, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

const patience = 10 * time.Second

// admitted starts a ward and returns it once the patient answers.
func admitted(t *testing.T) *Ward {
	t.Helper()
	dir, err := os.MkdirTemp("", "ward") // short: a socket's path has little room
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	ward := &Ward{Dir: dir, Address: listener.Addr().String(), Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- ward.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the ward ended: %v", err)
	}
	return ward
}

// pid asks the patient for its process id; 0 means that it does not answer.
func pid(ward *Ward) int {
	client := http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + ward.Address + "/health")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	var health struct {
		Status string
		PID    int
	}
	if json.NewDecoder(answer.Body).Decode(&health) != nil || health.Status != "healthy" {
		return 0
	}
	return health.PID
}

func TestHurtPatientStaysDeadUntilTheBellRings(t *testing.T) {
	ward := admitted(t)
	first := pid(ward)
	require.Equal(t, ward.PID(), first)

	answer, err := http.Post("http://"+ward.Address+"/hurt", "", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Eventually(t, func() bool { return pid(ward) == 0 }, patience, 10*time.Millisecond)

	var out, errs bytes.Buffer
	command := filepath.Join(ward.Dir, "patient")
	require.Zero(t, Command(context.Background(), []string{command, "restart"}, &out, &errs), errs.String())
	require.Contains(t, out.String(), "the patient is up again as process")
	require.NotZero(t, pid(ward))
	require.NotEqual(t, first, pid(ward))
}

func TestBellRestartsAPatientThatIsStuck(t *testing.T) {
	ward := admitted(t)
	first := pid(ward)
	require.NoError(t, syscall.Kill(first, syscall.SIGSTOP))
	require.NoError(t, Ring(context.Background(), ward.Dir, &bytes.Buffer{}))
	require.NotEqual(t, first, pid(ward))
	require.ErrorIs(t, syscall.Kill(first, 0), syscall.ESRCH, "the stuck process is gone")
}

func TestTakenPortIsNamed(t *testing.T) {
	ward := admitted(t)
	require.ErrorContains(t, Serve(t.Context(), ward.Address), "patient.listen")
	other := &Ward{Dir: t.TempDir(), Address: ward.Address, Log: ward.Log}
	require.ErrorContains(t, other.Run(t.Context(), func() {}), "patient.listen", "what answers there is not this ward's")
}

func TestNobodyHearsTheBell(t *testing.T) {
	err := Ring(t.Context(), t.TempDir(), &bytes.Buffer{})
	require.ErrorContains(t, err, "is the worker running?")
}

func TestWrongUse(t *testing.T) {
	var errs bytes.Buffer
	require.Equal(t, 1, Command(t.Context(), []string{"patient", "dance"}, &bytes.Buffer{}, &errs))
	require.Contains(t, errs.String(), "usage: patient serve ADDRESS | restart")
}
