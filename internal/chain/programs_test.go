// Package chain tests the whole chain as its users run it: the built worker as
// a process of its own, real services as units of a real systemd, alerts that
// arrive at a real HTTP receiver, and the incident as the built starter tells
// it. What happened is measured from outside and compared with the record.
package chain

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	// The worker carries its own Temporal here, whatever the shell points to.
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TEMPORAL_") {
			_ = os.Unsetenv(name)
		}
	}
	dir, err := os.MkdirTemp("", "paramedic-chain-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "make a directory for the programs:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built.dir = dir
	return m.Run()
}

// built are the programs as they are shipped, made once for all tests.
var built struct {
	sync.Once
	dir string
	err error
}

// program returns the path of the built worker, starter or patient.
func program(t *testing.T, name string) string {
	t.Helper()
	built.Do(func() { built.err = build(built.dir) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, name)
}

func build(dir string) error {
	command := exec.Command("go", "build", "-ldflags=-s -w", "-o", dir, "paramedic/worker", "paramedic/starter")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, output)
	}
	// By this name the worker is the small web service of the first run.
	if err := os.Symlink("worker", filepath.Join(dir, "patient")); err != nil {
		return fmt.Errorf("name the patient: %w", err)
	}
	return nil
}
