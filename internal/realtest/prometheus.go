package realtest

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
)

// prometheusInstall is how to get the programs.
const prometheusInstall = "apt-get install prometheus"

// Prometheus starts a Prometheus with a configuration file; args are added to
// its command line. Its API is plain HTTP at Addr.
func Prometheus(t testing.TB, config string, args ...string) *Process {
	t.Helper()
	path := Binary(t, "prometheus", prometheusInstall)
	dir, address := t.TempDir(), FreeAddress(t)
	base := []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + address}
	return Run(t, Command{
		Addr: address, Path: path, Dir: dir, Args: append(base, args...),
		Ready: func(ctx context.Context) error { return answers(ctx, "http://"+address+"/-/ready") },
	})
}

// Promtool runs promtool in a directory with a text to read, and returns what
// it says and whether it was content.
func Promtool(t testing.TB, dir, stdin string, args ...string) (output string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Binary(t, "promtool", prometheusInstall), args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewBufferString(stdin)
	said, err := cmd.CombinedOutput()
	return string(said), err
}
