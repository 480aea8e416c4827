package patient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
)

// IsCommand reports whether a program that was started by this name is to act
// as the patient's command.
func IsCommand(name string) bool { return filepath.Base(name) == linkName }

// Command is the patient's command line: "serve ADDRESS" is the patient,
// "restart" rings the bell of the ward next to the command. It returns the
// exit status.
func Command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var err error
	switch {
	case len(args) == 3 && args[1] == "serve":
		err = Serve(ctx, args[2])
	case len(args) == 2 && args[1] == "restart":
		err = ring(ctx, args[0], stdout)
	default:
		err = fmt.Errorf("usage: %s serve ADDRESS | restart", args[0])
	}
	switch {
	case err == nil:
		return 0
	case !errors.Is(err, errHurt): // the hurt one dies without a word, as from kill -9
		fmt.Fprintln(stderr, err)
	}
	return 1
}

// ring finds the ward by the place of the command, as named or as found in
// PATH: the ward puts the command next to its bell.
func ring(ctx context.Context, name string, out io.Writer) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("finding the patient's ward: %w", err)
	}
	return Ring(ctx, filepath.Dir(path), out)
}

func cutError(answer string) (reason string, failed bool) {
	reason, failed = strings.CutPrefix(strings.TrimSpace(answer), "error: ")
	return reason, failed
}
