package remedy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// journalWait is how long a journalctl that was ended may hold on to its output.
const journalWait = 500 * time.Millisecond

// Evidence implements Witness: what systemctl show says of the unit, and the
// end of its journal.
func (r *systemdRemedy) Evidence(ctx context.Context, lines int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, evidenceTime)
	defer cancel()
	facts, err := r.facts(ctx)
	log := r.journal(ctx, lines)
	if err != nil {
		return evidence("", log), refusal(fmt.Errorf("evidence of %s: %w", r.options.Unit, err))
	}
	return evidence(facts, log), nil
}

func (r *systemdRemedy) facts(ctx context.Context) (string, error) {
	// A bus that hangs leaves time for the journal.
	ctx, cancel := context.WithTimeout(ctx, evidenceTime/2)
	defer cancel()
	bus, err := dialSystemd(ctx, r.options.Socket)
	if err != nil {
		return "", err
	}
	defer bus.close()
	properties, err := bus.properties(ctx, r.options.Unit)
	if err != nil {
		return "", err
	}
	return unitFacts(properties), nil
}

// factNames are the properties that evidence shows, in this order. A unit that
// is no service lacks some of them.
var factNames = []string{
	"LoadState", "ActiveState", "SubState", "Result", "ExecMainCode", "ExecMainStatus", "NRestarts", "MemoryCurrent",
	"TasksCurrent", "ActiveEnterTimestamp", "InactiveEnterTimestamp",
}

// unitFacts writes properties as systemctl show does, a line each; those that
// are not set are left out.
func unitFacts(properties map[string]any) string {
	var facts []string
	for _, name := range factNames {
		if text := factText(name, properties[name]); text != "" {
			facts = append(facts, name+"="+text)
		}
	}
	return strings.Join(facts, "\n")
}

// factText writes the value of a property; "" if it is not set.
func factText(name string, value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int32:
		if name == "ExecMainCode" {
			return exitKind(v)
		}
		return strconv.Itoa(int(v))
	case uint32:
		return strconv.FormatUint(uint64(v), 10)
	case uint64:
		switch {
		case v == math.MaxUint64 || v == 0:
			return ""
		case strings.HasSuffix(name, "Timestamp"):
			return time.UnixMicro(int64(v)).UTC().Format(time.RFC3339)
		}
		return strconv.FormatUint(v, 10)
	}
	return ""
}

// exitKind names a CLD code of waitid(2); "" for a process that has not ended.
func exitKind(code int32) string {
	return map[int32]string{1: "exited", mainKilled: "killed", mainDumped: "dumped"}[code]
}

// journal returns the last lines of the unit's journal, or says on one line why
// there are none.
func (r *systemdRemedy) journal(ctx context.Context, lines int) string {
	program, err := exec.LookPath("journalctl")
	if err != nil {
		return "journal: there is no program journalctl in the worker's PATH"
	}
	cmd := exec.CommandContext(ctx, program, "--unit="+r.options.Unit, "-n", strconv.Itoa(lines),
		"-o", "short-iso", "--no-pager", "--quiet")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.WaitDelay = journalWait
	end, complaints := &tail{limit: outputLimit}, &tail{limit: factLimit}
	cmd.Stdout, cmd.Stderr = end, complaints
	err = cmd.Run()
	log := plain(end.text())
	switch {
	case ctx.Err() != nil:
		return strings.TrimLeft(log+"\njournal: not read to its end within "+evidenceTime.String(), "\n")
	case errors.Is(err, exec.ErrWaitDelay):
	case err != nil:
		said := bytes.TrimSpace(complaints.kept)
		return strings.TrimLeft(log+"\njournal: "+oneLine(fmt.Sprintf("journalctl failed: %v: %s", err, said)), "\n")
	}
	if log == "" {
		return "journal: no entries for " + r.options.Unit
	}
	return log
}
