// Package realtest starts the real servers that tests run against: on free
// loopback ports, with their data in the test's temporary directory, gone when
// the test ends. A server that is not installed skips the test and says why;
// with PARAMEDIC_TEST_REAL=all that is a failure, so that a run which is meant
// to prove everything cannot pass by leaving out half of it.
package realtest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Environment variables that steer the tests on real servers.
const (
	// RequireVariable set to "all" turns every skip of this package into a failure.
	RequireVariable = "PARAMEDIC_TEST_REAL"
	// BinVariable names a directory that is searched before PATH.
	BinVariable = "PARAMEDIC_BIN"
)

// Skip ends the test because something it needs is missing, and fails it
// instead when everything is required.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv(RequireVariable) == "all" {
		t.Fatalf("%s=all, but %s", RequireVariable, why)
	}
	t.Skipf("SKIP %s", why)
}

// Binary returns the path of a program: from $PARAMEDIC_BIN, the bin directory
// of this module, PATH, or the system directories that PATH often leaves out.
// It skips the test when there is none; install says how to get it.
func Binary(t testing.TB, name, install string) string {
	t.Helper()
	for _, dir := range []string{os.Getenv(BinVariable), moduleBin()} {
		if dir == "" {
			continue
		}
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	Skip(t, "%s is not installed (%s)", name, install)
	return ""
}

// moduleBin returns the bin directory beside go.mod, empty when there is no module.
func moduleBin() string {
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return filepath.Join(dir, "bin")
		}
		dir = filepath.Dir(dir)
	}
	return ""
}
