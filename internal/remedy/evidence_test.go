package remedy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
	"paramedic/internal/remedy"
)

// evidence asks a remedy for evidence.
func evidence(t *testing.T, options remedy.Options, lines int) string {
	t.Helper()
	witness, ok := open(t, options).(remedy.Witness)
	require.True(t, ok)
	text, err := witness.Evidence(t.Context(), lines)
	require.NoError(t, err)
	return text
}

// journalOf makes the program journalctl read the journal of a machine.
func journalOf(t *testing.T, m *realtest.Machine) {
	t.Helper()
	program := realtest.Binary(t, "journalctl", "Debian package systemd")
	fakeJournalctl(t, fmt.Sprintf(`exec %s --directory=%s "$@"`, program, m.Journal()))
}

// fakeJournalctl puts a script in the place of journalctl.
func fakeJournalctl(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestSystemdGivesEvidence(t *testing.T) {
	m := realtest.Systemd(t)
	journalOf(t, m)
	m.AddUnit(app, "[Service]\nExecStart=/bin/sh -c 'for i in 1 2 3; do echo line $i; done; "+
		"echo out of memory >&2; exec sleep infinity'\n")
	m.AddUnit("other.service", "[Service]\nExecStart=/bin/sh -c 'echo other; exec sleep infinity'\n")
	m.Start("other.service")
	m.Start(app)
	var text string
	require.Eventually(t, func() bool {
		text = evidence(t, restartOf(m, app), 2)
		return strings.Contains(text, "out of memory")
	}, 10*time.Second, 20*time.Millisecond)
	require.Regexp(t, `^LoadState=loaded
ActiveState=active
SubState=running
Result=success
ExecMainStatus=0
NRestarts=0
(MemoryCurrent=\d+
)?(TasksCurrent=\d+
)?ActiveEnterTimestamp=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ
\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 \S+ sh\[\d+\]: line 3
\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000 \S+ sh\[\d+\]: out of memory$`, text)

	m.Kill(app, syscall.SIGKILL)
	awaitState(t, counted{Machine: m}, "failed")
	text = evidence(t, restartOf(m, app), 200)
	require.Contains(t, text, "ActiveState=failed\nSubState=failed\nResult=signal\nExecMainCode=killed\nExecMainStatus=9\n")
	require.Contains(t, text, "line 1")
	require.NotContains(t, text, "other")
}

func TestSystemdEvidenceSaysWhyThereIsNoJournal(t *testing.T) {
	m := realtest.Systemd(t)
	journalOf(t, m)
	require.Regexp(t, `(?s)^LoadState=not-found\n.*\njournal: no entries for app\.service$`, evidence(t, restartOf(m, app), 5))

	fakeJournalctl(t, `echo "No journal files were opened due to insufficient permissions." >&2; exit 1`)
	require.Contains(t, evidence(t, restartOf(m, app), 5),
		"\njournal: journalctl failed: exit status 1: No journal files were opened due to insufficient permissions.")
	t.Setenv("PATH", t.TempDir())
	require.Contains(t, evidence(t, restartOf(m, app), 5), "\njournal: there is no program journalctl in the worker's PATH")
}

// A journal full of long lines, and a journalctl that does not end.
func TestSystemdEvidenceIsBounded(t *testing.T) {
	m := realtest.Systemd(t)
	fakeJournalctl(t, `i=0; while [ $i -lt 2000 ]; do echo "$i ääääääääääääääääääääääääääääääää $*"; i=$((i+1)); done; printf '\033[31mred\033[0m\a\n'`)
	text := evidence(t, restartOf(m, app), 200)
	require.LessOrEqual(t, len(text), 4<<10)
	require.Greater(t, len(text), 3<<10)
	require.True(t, strings.HasPrefix(text, "LoadState=not-found\n"))
	require.True(t, strings.HasSuffix(text, "1999 ääääääääääääääääääääääääääääääää "+
		"--unit=app.service -n 200 -o short-iso --no-pager --quiet\nred"), text)

	fakeJournalctl(t, "echo begun; exec sleep 60")
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	text, err := open(t, restartOf(m, app)).(remedy.Witness).Evidence(ctx, 5)
	require.NoError(t, err)
	require.Less(t, time.Since(start), 5*time.Second)
	require.Contains(t, text, "\nbegun\njournal: not read to its end within")
}

// Without systemd there may still be a journal.
func TestSystemdEvidenceWithoutSystemd(t *testing.T) {
	fakeJournalctl(t, "echo last words")
	options := restartOf(&realtest.Machine{}, app)
	options.Socket = t.TempDir() + "/none"
	text, err := open(t, options).(remedy.Witness).Evidence(t.Context(), 5)
	require.ErrorContains(t, err, "evidence of app.service: connecting to systemd: ")
	require.Equal(t, "last words", text)
}
