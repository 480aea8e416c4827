package remedy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/remedy"
)

// shell are the options that run a script with arguments $0, $1 ...
func shell(script string, arguments ...string) *remedy.Exec {
	return &remedy.Exec{
		Command: append([]string{"/bin/sh", "-c", script}, arguments...),
		Timeout: health.Duration(time.Minute),
	}
}

func TestExecReportsTheExitStatusAndTheOutput(t *testing.T) {
	t.Parallel()
	good := apply(t, shell("echo out; echo err >&2; echo out again"), fresh(t))
	require.Equal(t, health.Applied, good.Effect)
	require.Regexp(t, `^sh succeeded in [0-9.]+m?s$`, good.Detail)
	require.Equal(t, "out\nerr\nout again\n", good.Output, "both, in the order they were written")

	bad := apply(t, shell("echo disk full; exit 3"), fresh(t))
	require.Equal(t, health.Failed, bad.Effect)
	require.Regexp(t, `^sh failed in [0-9.]+m?s: exit status 3$`, bad.Detail)
	require.Equal(t, "disk full\n", bad.Output)

	killed := apply(t, shell("kill -KILL $$"), fresh(t))
	require.Equal(t, health.Failed, killed.Effect)
	require.Contains(t, killed.Detail, "signal: killed")
}

func TestExecTakesArgumentsAsTheyAre(t *testing.T) {
	t.Parallel()
	command := []string{"printf", "%s|", "$HOME", "a b", "; false", "*"}
	treatment := apply(t, &remedy.Exec{Command: command, Timeout: health.Duration(time.Minute)}, fresh(t))
	require.Equal(t, health.Applied, treatment.Effect)
	require.Equal(t, "$HOME|a b|; false|*|", treatment.Output)
}

func TestExecGivesOnlyTheDeclaredEnvironment(t *testing.T) {
	t.Setenv("PARAMEDIC_TEST_TOKEN", "worker-secret")
	t.Setenv("LANG", "C.UTF-8")
	options := shell("env | sort")
	options.Env = map[string]option.Secret{
		"APP_TOKEN": option.NewSecret("app-secret"), "LANG": option.NewSecret("es"),
	}
	output := apply(t, options, fresh(t)).Output
	require.Contains(t, output, "APP_TOKEN=***\n")
	require.Contains(t, output, "LANG=es\n")
	require.Contains(t, output, "PATH="+os.Getenv("PATH")+"\n")
	require.NotContains(t, output, "PARAMEDIC_TEST_TOKEN")
	require.NotContains(t, output, "secret")
}

func TestExecRunsInItsDirectory(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "fix"), []byte("#!/bin/sh\npwd\n"), 0o700))
	options := &remedy.Exec{Command: []string{"./fix"}, Dir: dir, Timeout: health.Duration(time.Minute)}
	require.Equal(t, dir+"\n", apply(t, options, fresh(t)).Output)
}

func TestExecKeepsTheEndOfTheOutput(t *testing.T) {
	t.Parallel()
	options := shell(`i=0; while [ $i -lt 20000 ]; do echo "line $i äöü"; i=$((i+1)); done; printf 'bad \377 byte\nthe end\n'`)
	output := apply(t, options, fresh(t)).Output
	require.LessOrEqual(t, len(output), 4<<10)
	require.Greater(t, len(output), 3<<10)
	require.True(t, utf8.ValidString(output))
	require.True(t, strings.HasPrefix(output, "…"), output[:20])
	require.True(t, strings.HasSuffix(output, "line 19999 äöü\nbad \uFFFD byte\nthe end\n"))
}

// A secret that the cut would halve must not show its half.
func TestExecMasksASecretAcrossTheCut(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("hush", 500)
	options := shell(`printf '%s' "$TOKEN"; head -c 3000 /dev/zero | tr '\0' x`)
	options.Env = map[string]option.Secret{"TOKEN": option.NewSecret(secret)}
	output := apply(t, options, fresh(t)).Output
	require.NotContains(t, output, "hush")
	require.Contains(t, output, "***xxx")
}

func TestExecEndsTheWholeGroupOnTimeout(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"children that end when asked":   `(sleep 60 & echo $! > "$0"; wait) & wait`,
		"children that ignore SIGTERM":   `trap "" TERM; (sleep 60 & echo $! > "$0"; wait) & wait`,
		"children without the output":    `trap "" TERM; sleep 60 >/dev/null 2>&1 & echo $! > "$0"; trap - TERM; wait`,
		"a stopped command and children": `sleep 60 & echo $! > "$0"; kill -STOP $! $$`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			options := shell(script, file)
			options.Timeout = health.Duration(500 * time.Millisecond)
			start := time.Now()
			treatment := apply(t, options, fresh(t))
			require.Equal(t, health.Failed, treatment.Effect)
			require.Equal(t, "sh took longer than 500ms and was ended", treatment.Detail)
			require.Less(t, time.Since(start), options.Limit())
			awaitGone(t, awaitPID(t, file))
		})
	}
}

func TestExecEndsTheGroupWithItsContext(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	outcome := make(chan error, 1)
	r := open(t, shell(`sleep 60 & echo $! > "$0"; wait`, file))
	go func() {
		_, err := r.Apply(ctx, remedy.Request{Checkpoint: fileCheckpoint{path: file + ".checkpoint"}})
		outcome <- err
	}()
	pid := awaitPID(t, file)
	cancel()
	err := <-outcome
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "run sh: ended before it was done")
	awaitGone(t, pid)
}

// To start something that stays is what such commands are for.
func TestExecLeavesADaemonRunning(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"quiet":              `sleep 60 >/dev/null 2>&1 & echo $! > "$0"; echo started`,
		"holding the output": `sleep 60 & echo $! > "$0"; echo started`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			treatment := apply(t, shell(script, file), fresh(t))
			require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
			require.Equal(t, "started\n", treatment.Output)
			pid := awaitPID(t, file)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL), "it is still there")
		})
	}
}

func TestExecRefusesWhatCannotBeStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data"), nil, 0o600))
	for want, options := range map[string]*remedy.Exec{
		"run no-such-program: there is no program no-such-program on this machine;": {Command: []string{"no-such-program"}},
		"run program: there is no program /no/such/program on this machine;":        {Command: []string{"/no/such/program"}},
		"permission denied":       {Command: []string{filepath.Join(dir, "data")}},
		"run true: dir: ":         {Command: []string{"true"}, Dir: filepath.Join(dir, "none")},
		"data is not a directory": {Command: []string{"true"}, Dir: filepath.Join(dir, "data")},
	} {
		options.Timeout = health.Duration(time.Minute)
		checkpoint := fresh(t)
		_, err := open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
		var final remedy.Final
		require.ErrorAs(t, err, &final, want)
		require.ErrorContains(t, err, want)
		require.NoFileExists(t, checkpoint.path, "nothing was begun")
	}
}

func TestExecDoesNotActWithoutACheckpoint(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ran")
	_, err := open(t, shell(`echo > "$0"`, file)).Apply(t.Context(), remedy.Request{Checkpoint: brokenCheckpoint{}})
	require.ErrorIs(t, err, errNotDurable)
	require.NoFileExists(t, file)
}

func TestExecOptions(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"command[1]: contains a NUL byte, which no argument can",
		`env: "A=B" is not the name of an environment variable`,
		"timeout: 0s is too short; write more than 0s",
	}, problems((&remedy.Exec{
		Command: []string{"a", "\x00"}, Env: map[string]option.Secret{"A=B": option.NewSecret("x")},
	}).Validate()))
	require.Contains(t, fmt.Sprint(problems((&remedy.Exec{Timeout: 1}).Validate())), "command: there is no program to run")

	fresh := defaults[*remedy.Exec](t, "exec")
	require.Equal(t, time.Minute, fresh.Timeout.Std())
	require.Greater(t, fresh.Limit(), time.Minute)
	fresh.Command = []string{"/usr/bin/curl", "--user", "me:secret"}
	require.Equal(t, "run curl", fresh.Title())
}

// awaitPID reads the last line of a file that a script writes a process id to.
func awaitPID(t *testing.T, file string) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(file)
		lines := strings.Fields(string(text))
		if len(lines) > 0 && strings.HasSuffix(string(text), "\n") {
			pid, _ = strconv.Atoi(lines[len(lines)-1])
		}
		return pid != 0
	}, 10*time.Second, time.Millisecond)
	return pid
}

// awaitGone waits until a process has ended, collected by its parent or not.
func awaitGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, time.Millisecond, "process %d", pid)
}
