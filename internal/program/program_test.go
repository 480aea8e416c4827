package program_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
	"paramedic/internal/program"
)

func TestCommandsThatNoSystemCanStart(t *testing.T) {
	p := program.Program{
		Command: []string{"a", "b\x00"},
		Env:     map[string]option.Secret{"": option.NewSecret("x"), "A=B": option.NewSecret("x"), "C": option.NewSecret("se\x00cret")},
	}
	require.Equal(t, []string{
		"command[1]: contains a NUL byte, which no argument can",
		`env: "" is not the name of an environment variable`,
		`env: "A=B" is not the name of an environment variable`,
		"env.C: contains a NUL byte, which no environment variable can",
	}, texts(p.Check()))
	require.Empty(t, program.Program{Command: []string{"a"}}.Check())
}

func texts(problems option.Problems) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Path+": "+p.Text)
	}
	return all
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), mode))
		return path
	}
	here, plain := write("here", 0o755), write("plain", 0o644)
	t.Setenv("PATH", dir)
	for _, found := range []program.Program{
		{Command: []string{"here"}}, {Command: []string{here}}, {Command: []string{"./here"}, Dir: dir},
	} {
		path, err := found.Find()
		require.NoError(t, err)
		require.Equal(t, here, path)
	}
	for want, p := range map[string]program.Program{
		"there is no program nowhere on this machine; name one in the worker's PATH or give its full path": {Command: []string{"nowhere"}},
		"there is no program ./here on this machine":                                                       {Command: []string{"./here"}},
		"permission denied":                             {Command: []string{plain}},
		"dir: " + plain + " is not a directory":         {Command: []string{"here"}, Dir: plain},
		"dir: stat /no/such: no such file or directory": {Command: []string{"here"}, Dir: "/no/such"},
	} {
		_, err := p.Find()
		require.ErrorContains(t, err, want)
	}
}

// A command gets what any needs, what it was promised, and no secret of the
// worker's.
func TestEnvironment(t *testing.T) {
	t.Setenv("PATH", "")
	t.Setenv("HOME", "/home/worker")
	t.Setenv("LANG", "C")
	t.Setenv("TOKEN_OF_THE_WORKER", "hush")
	p := program.Program{
		Command: []string{"show", "all"}, Dir: "/",
		Env: map[string]option.Secret{"LANG": option.NewSecret("es"), "KEY": option.NewSecret("hush too")},
	}
	cmd := p.Prepare(t.Context(), "/usr/bin/env")
	require.Equal(t, []string{"show", "all"}, cmd.Args)
	cmd.Args = cmd.Args[:1]
	output, err := cmd.Output()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/worker", "LANG=es", "KEY=hush too",
	}, strings.Split(strings.TrimSpace(string(output)), "\n")) // of a variable that is given twice, the last counts
	require.NotContains(t, fmt.Sprint(p), "hush too")
}
