// Package program is how probes and remedies start commands of the
// configuration: it finds the program, and gives it an environment in which
// nothing of the worker's stands but what any command needs. How the command is
// ended, and what its output means, is theirs.
package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"paramedic/internal/option"
)

// standardPath stands in for a PATH that the worker does not have.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// inherited are the variables of the worker that a command gets. The others may
// hold secrets: a command that needs one says so.
var inherited = []string{"PATH", "HOME", "LANG"}

// Program is a command as the configuration describes it.
type Program struct {
	// Command is the program and its arguments; there is at least the program.
	Command []string
	// Dir is the working directory; empty for the worker's own.
	Dir string
	// Env are variables besides those that are inherited; of two of one name they
	// win.
	Env map[string]option.Secret
}

// Check names what no system can start. That there is no program at all is for
// the caller to say, who knows an example.
func (p Program) Check() option.Problems {
	var problems option.Problems
	for i, argument := range p.Command {
		if strings.ContainsRune(argument, 0) {
			problems.Add(fmt.Sprintf("command[%d]", i), "contains a NUL byte, which no argument can")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			problems.Add("env", "%q is not the name of an environment variable", name)
		}
		if strings.ContainsRune(p.Env[name].Reveal(), 0) {
			problems.Add("env."+name, "contains a NUL byte, which no environment variable can")
		}
	}
	return problems
}

// Find returns the program's path, and fails for what cannot be started on this
// machine. A path without a leading slash is looked for in the working directory.
func (p Program) Find() (string, error) {
	if p.Dir != "" {
		if info, err := os.Stat(p.Dir); err != nil {
			return "", fmt.Errorf("dir: %w", err)
		} else if !info.IsDir() {
			return "", fmt.Errorf("dir: %s is not a directory", p.Dir)
		}
	}
	name := p.Command[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(p.Dir, name)
		if !filepath.IsAbs(name) {
			name = "./" + name
		}
	}
	path, err := exec.LookPath(name)
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no program %s on this machine; name one in the worker's PATH or give its full path", name)
	case err != nil:
		return "", err
	}
	return filepath.Abs(path)
}

// Prepare returns the command of a program that was found at a path, not
// started yet. It is ended with ctx.
func (p Program) Prepare(ctx context.Context, path string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, p.Command[1:]...)
	cmd.Args[0] = p.Command[0]
	cmd.Dir, cmd.Env = p.Dir, p.environment()
	return cmd
}

// environment has what env declares last, so that it wins.
func (p Program) environment() []string {
	environment := []string{}
	for _, name := range inherited {
		value, set := os.LookupEnv(name)
		if name == "PATH" && value == "" {
			value, set = standardPath, true
		}
		if set {
			environment = append(environment, name+"="+value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		environment = append(environment, name+"="+p.Env[name].Reveal())
	}
	return environment
}
