package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The worker carries its own Temporal here, whatever the shell points to.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TEMPORAL_") {
			_ = os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "paramedic-browser-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a directory for the worker:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built.program = filepath.Join(dir, "worker")
	return m.Run()
}

// built is the worker as it is shipped, made once for all tests.
var built struct {
	sync.Once
	program string
	err     error
}

// workerProgram returns the path of the built worker.
func workerProgram(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		command := exec.Command("go", "build", "-ldflags=-s -w", "-o", built.program, "paramedic/worker")
		if output, err := command.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("build the worker: %w\n%s", err, output)
		}
	})
	require.NoError(t, built.err)
	return built.program
}
