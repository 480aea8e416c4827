package realtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// outerPID finds the process that has the id inside in the process namespace
// of process 1 of that namespace, named by its id out here.
func outerPID(first, inside int) (int, error) {
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", first))
	if err != nil {
		return 0, err
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		if own, err := os.Readlink(filepath.Join(dir, "ns/pid")); err != nil || own != namespace {
			continue
		}
		status, err := os.ReadFile(filepath.Join(dir, "status"))
		if err == nil && innermostPID(status) == inside {
			return strconv.Atoi(filepath.Base(dir))
		}
	}
	return 0, fmt.Errorf("no process %d in %s", inside, namespace)
}

// innermostPID reads the last id of the line "NSpid: outer ... inner" of a
// process's status file.
func innermostPID(status []byte) int {
	for line := range bytes.Lines(status) {
		if ids, found := bytes.CutPrefix(line, []byte("NSpid:")); found {
			fields := bytes.Fields(ids)
			pid, _ := strconv.Atoi(string(fields[len(fields)-1]))
			return pid
		}
	}
	return 0
}
