package probe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// scripted returns the options that run a script with arguments $0, $1 ...
func scripted(script string, arguments ...string) *Exec {
	options := execKind().Options().(*Exec)
	options.Command = append([]string{"/bin/sh", "-c", script}, arguments...)
	return options
}

func TestExecJudgesTheExitCode(t *testing.T) {
	t.Parallel()
	const unhealthy, degraded, healthy = health.Unhealthy, health.Degraded, health.Healthy
	for name, test := range map[string]struct {
		script, exitCodes string
		status            health.Status
		want              string
		code              float64
	}{
		"zero 0":         {"echo fine; echo more", "zero", healthy, "fine", 0},
		"zero 0 silent":  {":", "zero", healthy, "exit status 0", 0},
		"zero 1":         {"echo disk full >&2; exit 1", "zero", unhealthy, "exit status 1: disk full", 1},
		"zero 3 silent":  {"exit 3", "zero", unhealthy, "exit status 3", 3},
		"zero by signal": {"kill -KILL $$", "zero", unhealthy, "signal: killed", -1},
		"nagios 0":       {"echo 'OK - all is well | load1=0.52;5;10;0'", "nagios", healthy, "OK - all is well | load1=0.52;5;10;0", 0},
		"nagios 1":       {"echo WARNING - slow; exit 1", "nagios", degraded, "exit status 1: WARNING - slow", 1},
		"nagios 2":       {"echo CRITICAL - down; exit 2", "nagios", unhealthy, "exit status 2: CRITICAL - down", 2},
		"nagios 3":       {"echo UNKNOWN - what; exit 3", "nagios", unhealthy, "exit status 3: UNKNOWN - what", 3},
		"nagios 127":     {"nosuchprogram 2>/dev/null", "nagios", unhealthy, "exit status 127", 127},
		"any 7":          {"echo seven; exit 7", "any", healthy, "exit status 7: seven", 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := scripted(test.script)
			options.ExitCodes = test.exitCodes
			result := probe(t, open(t, options), 20*time.Second)
			require.Equal(t, test.want, result.Message)
			require.Equal(t, test.status, result.Status)
			require.Equal(t, test.code, result.Observations["exit_code"])
		})
	}
}

func TestExecConditions(t *testing.T) {
	t.Parallel()
	const script = "echo '{\"queue\": 12}'; echo careful >&2; exit 4"
	for name, test := range map[string]struct {
		expect, degraded string
		status           health.Status
		want             string
	}{
		"hold": {
			"exit_code in [0, 4] && stderr == 'careful' && fromJSON(stdout).queue < 100", "", health.Healthy,
			`exit status 4: {"queue": 12}`,
		},
		"exit code": {"exit_code == 0", "", health.Unhealthy, "exit_code == 0: exit_code is 4"},
		"output":    {"", "not (stderr contains 'care')", health.Degraded, `not (stderr contains "care"): stderr contains "care" is true`},
		"latency":   {"latency < duration('1ns')", "", health.Unhealthy, "latency < duration('1ns'): latency is "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := scripted(script)
			options.ExitCodes = "any"
			for list, text := range map[*[]string]string{&options.Expect: test.expect, &options.ExpectDegraded: test.degraded} {
				if text != "" {
					*list = []string{text}
				}
			}
			result := probe(t, open(t, options), 20*time.Second)
			require.Contains(t, strings.ReplaceAll(result.Message, "not (stderr contains 'care')", `not (stderr contains "care")`), test.want)
			require.Equal(t, test.status, result.Status)
		})
	}
}

func TestExecObservesTheNumbersOfAPlugin(t *testing.T) {
	t.Parallel()
	options := scripted(`cat <<'X'
DISK OK - free space | /=2643MB;5948;5958;0;5968 '/var/log files'=68;88;93 time=0.25s latency=3
/boot 68 MB (69%);
/home 69357 MB | 'Load 1'=-1.5e1%;5;10
2nd=1,5 unknown=U exit_code=9
X`)
	options.ExitCodes = "nagios"
	result := probe(t, open(t, options), 20*time.Second)
	requireHealthy(t, result)
	require.Equal(t, map[string]float64{
		"value": 2643, "var_log_files": 68, "time": 0.25, "load_1": -15, "value_2nd": 1.5, "exit_code": 0,
	}, result.Observations)
	options.ExitCodes = "zero"
	require.Len(t, probe(t, open(t, options), 20*time.Second).Observations, 1, "only plugins are read")
}

func TestExecGivesOnlyTheDeclaredEnvironment(t *testing.T) {
	t.Setenv("PARAMEDIC_TEST_TOKEN", "worker-secret")
	t.Setenv("LANG", "C.UTF-8")
	options := scripted("env | sort | tr '\\n' ' '")
	options.Env = map[string]option.Secret{
		"APP_TOKEN": option.NewSecret("app-secret"), "LANG": option.NewSecret("es"), "A_KEY": option.NewSecret("begin-key\nend-key"),
	}
	options.Expect = []string{"stdout contains 'APP_TOKEN=app-secret'", "stdout contains 'LANG=es'", "stdout contains 'PATH='", "len(stdout) < 0"}
	message := probe(t, open(t, options), 20*time.Second).Message
	require.Equal(t, "len(stdout) < 0: len(stdout) is ", message[:len("len(stdout) < 0: len(stdout) is ")], message)
	options.Expect = []string{"not (stdout contains 'PARAMEDIC_TEST_TOKEN')"}
	message = probe(t, open(t, options), 20*time.Second).Message
	require.Contains(t, message, "APP_TOKEN=***")
	for name, script := range map[string]string{
		"output":             `echo "$APP_TOKEN"`,
		"error":              `echo "$APP_TOKEN" >&2; exit 1`,
		"of several lines":   `echo "$A_KEY"; exit 1`,
		"in a condition":     `echo "it is $APP_TOKEN"`,
		"cut in a condition": `printf '%070d%s' 0 "$APP_TOKEN"`,
	} {
		options.Command = []string{"/bin/sh", "-c", script}
		options.Expect = []string{"stdout == ''"}
		message := probe(t, open(t, options), 20*time.Second).Message
		for _, part := range []string{"secret", "app-", "begin", "end-key", "worker"} {
			require.NotContains(t, message, part, name)
		}
	}
}

func TestExecTakesArgumentsAsTheyAre(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "check"), []byte("#!/bin/sh\nprintf '%s|' \"$@\"; pwd"), 0o700))
	options := execKind().Options().(*Exec)
	options.Command, options.Dir = []string{"./check", "$HOME", "a b", "; false", "*"}, dir
	require.Equal(t, "$HOME|a b|; false|*|"+dir, probe(t, open(t, options), 20*time.Second).Message)
}

func TestExecThatCannotBeRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plain"), []byte("no program"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken"), []byte("#!/nowhere/sh\n"), 0o700))
	for want, options := range map[string]*Exec{
		"no-such-check was not run: there is no program no-such-check on this machine; name one in the worker's PATH or give its full path": {Command: []string{"no-such-check"}},
		"sh was not run: dir: stat /nowhere: no such file or directory":                                                                     {Command: []string{"/bin/sh"}, Dir: "/nowhere"},
		"sh was not run: dir: /etc/hosts is not a directory":                                                                                {Command: []string{"/bin/sh"}, Dir: "/etc/hosts"},
		"plain was not run: exec: \"" + dir + "/plain\": permission denied":                                                                 {Command: []string{dir + "/plain"}},
		"broken was not run: fork/exec " + dir + "/broken: no such file or directory":                                                       {Command: []string{dir + "/broken"}},
		"check was not run: there is no program ./check on this machine; name one in the worker's PATH or":                                  {Command: []string{"./check"}},
	} {
		result := probe(t, open(t, options), 20*time.Second)
		require.Contains(t, result.Message, want)
		require.Equal(t, health.NotProbed, result.Status)
	}
}

func TestExecKeepsTheBeginningOfTheOutput(t *testing.T) {
	t.Parallel()
	options := scripted(`printf 'first \377 line\n'; head -c 3000000 /dev/zero | tr '\0' x; head -c 3000000 /dev/zero | tr '\0' y >&2; exit 5`)
	options.ExitCodes = "any"
	options.Expect = []string{"exit_code == 5 && len(stdout) <= 65540 && len(stderr) == 65536"}
	result := probe(t, open(t, options), 20*time.Second)
	requireHealthy(t, result)
	require.Equal(t, "exit status 5: first \uFFFD line", result.Message)
}

// Whatever the command is up to, nothing of it is there after the probe.
func TestExecLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		want   string
	}{
		"children that end when asked":   {`(sleep 60 & echo $! > "$0"; wait) & wait`, "timeout after 1s while running sh"},
		"children that ignore SIGTERM":   {`trap "" TERM; (sleep 60 & echo $! > "$0"; wait) & wait`, "timeout after 1s while running sh"},
		"a stopped command and children": {`sleep 60 & echo $! > "$0"; kill -STOP $! $$`, "timeout after 1s while running sh"},
		"children of one that has ended": {`sleep 60 & echo $! > "$0"; echo done`, "done"},
		"those without the output":       {`sleep 60 >/dev/null 2>&1 & echo $! > "$0"; echo done`, "done"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "pid")
			result := probe(t, open(t, scripted(test.script, file)), time.Second)
			require.Equal(t, test.want, result.Message)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			require.NoError(t, err)
			awaitEnd(t, pid)
		})
	}
}

// Who leaves the group cannot be ended with it, and keeps nobody waiting.
func TestExecDoesNotWaitForADaemon(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	start := time.Now()
	result := probe(t, open(t, scripted(`setsid sh -c 'echo $$ > "$0"; exec sleep 60' "$0" & while ! [ -s "$0" ]; do :; done; echo started`, file)), 20*time.Second)
	require.Equal(t, "started", result.Message)
	require.Less(t, time.Since(start), 10*time.Second)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
}

// A command may tidy up when its time is over.
func TestExecAsksTheCommandToEnd(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tidy")
	const script = `trap 'echo tidy > "$0"; exit 0' TERM; sleep 60 & wait`
	requireUnhealthy(t, probe(t, open(t, scripted(script, file)), 3*time.Second), "timeout after 3s while running sh")
	require.FileExists(t, file)

	// It is asked early enough to be done within the limit.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	prober := open(t, scripted(script, file)).(*execProber)
	_, err := prober.run(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, ctx.Err())
}

func TestExecEndsWithItsContext(t *testing.T) {
	requireNoLeak(t, func() {
		ctx, cancel := context.WithCancel(context.Background())
		file := filepath.Join(t.TempDir(), "pid")
		prober := open(t, scripted(`echo $$ > "$0"; exec sleep 60`, file))
		results := make(chan health.Result, 1)
		go func() { results <- Run(ctx, prober, time.Minute) }()
		require.Eventually(t, func() bool {
			text, err := os.ReadFile(file)
			return err == nil && len(text) > 0
		}, 20*time.Second, 5*time.Millisecond)
		cancel()
		requireUnhealthy(t, <-results, "cancelled while running sh")
	})
}

// awaitEnd waits until a process is gone, or only waits to be reaped by whoever
// inherited it.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err == nil && strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, 5*time.Millisecond)
}

func TestExecOptions(t *testing.T) {
	t.Parallel()
	options := scripted("exit 0", "with\x00nul")
	options.Env = map[string]option.Secret{"A=B": option.NewSecret("x"), "TOKEN": option.NewSecret("n\x00l")}
	options.Expect = []string{"code == 0"}
	require.Equal(t, option.Problems{
		{Path: "command[3]", Text: "contains a NUL byte, which no argument can"},
		{Path: "env", Text: `"A=B" is not the name of an environment variable`},
		{Path: "env.TOKEN", Text: "contains a NUL byte, which no environment variable can"},
		{Path: "expect[0]", Text: "unknown name code (line 1, column 1); known are exit_code, latency, stderr, stdout"},
	}, options.Validate())
	require.Equal(t, option.Problems{{Path: "command[0]", Text: `is empty; write a list that begins with a program, like [check_load, -w, "5"]`}},
		(&Exec{Command: []string{""}}).Validate())
	require.Len(t, (&Exec{Command: []string{}}).Validate(), 1)
	_, err := (&Exec{}).Open()
	require.EqualError(t, err, "command: there is no program to run")
	require.Empty(t, (&Exec{}).Validate(), "what is missing is for the decoder to report")
}
