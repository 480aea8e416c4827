// Package process tests paramedic as its users run it: the built programs, as
// processes, with signals, ports, files and a terminal's two streams, and the
// documentation by executing it. What happens inside is tested elsewhere.
package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "paramedic-built"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(built); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// built is where the programs of this test run are.
var built string

var (
	buildWorker  = sync.OnceValue(func() error { return build("worker", "paramedic/worker") })
	buildNoembed = sync.OnceValue(func() error { return build("worker-noembed", "paramedic/worker", "-tags=noembed") })
	buildStarter = sync.OnceValue(func() error { return build("starter", "paramedic/starter") })
)

// build compiles a program as its users do, without what only debuggers read.
func build(name, source string, flags ...string) error {
	args := append([]string{"build", "-ldflags=-s -w", "-o", filepath.Join(built, name)}, flags...)
	output, err := exec.Command("go", append(args, source)...).CombinedOutput()
	if err != nil {
		return errors.New(string(output))
	}
	return nil
}

func workerProgram(t testing.TB) string  { return program(t, "worker", buildWorker) }
func noembedProgram(t testing.TB) string { return program(t, "worker-noembed", buildNoembed) }
func starterProgram(t testing.TB) string { return program(t, "starter", buildStarter) }

func program(t testing.TB, name string, build func() error) string {
	t.Helper()
	require.NoError(t, build())
	return filepath.Join(built, name)
}

// repository is the root of the module, where README.md stands.
func repository(t testing.TB) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "go.mod"))
	return root
}
