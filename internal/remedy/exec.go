package remedy

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/program"
)

const (
	// execTimeout is the default of the option timeout.
	execTimeout = health.Duration(60 * time.Second)
	// termGrace is how long a command has between SIGTERM and SIGKILL, and a
	// process that it leaves behind to let go of its output.
	termGrace = 2 * time.Second
	// execSlack is what Apply needs at most after the timeout.
	execSlack = 2*termGrace + time.Second
	// outputLimit bounds the output that is kept, in bytes.
	outputLimit = 4 << 10
)

// Exec are the options of kind exec.
//
// The command's environment is PATH, HOME and LANG of the worker and what env
// declares, nothing else: the worker's environment holds secrets, and a command
// that needs one says so.
type Exec struct {
	Command []string                 `yaml:"command" required:"true" doc:"The program and its arguments, as a list; no shell is involved. The program is looked up in the worker's PATH."`
	Dir     string                   `yaml:"dir" doc:"Working directory; the worker's own if not given."`
	Env     map[string]option.Secret `yaml:"env" doc:"Environment variables for the command, besides PATH, HOME and LANG; it gets no others of the worker's."`
	Timeout health.Duration          `yaml:"timeout" doc:"How long the command may run before it and all its children are ended; 60s if not given."`
}

func execKind() Kind {
	return Kind{
		Name:    "exec",
		Doc:     "Runs a command and waits for its end; exit status 0 is success.",
		Options: func() Options { return &Exec{Timeout: execTimeout} },
	}
}

// Validate implements Options.
func (o *Exec) Validate() option.Problems {
	var problems option.Problems
	if len(o.Command) == 0 || o.Command[0] == "" {
		problems.Add("command", "there is no program to run; write a list, like [systemctl, --user, restart, app]")
	}
	problems = append(problems, o.program().Check()...)
	if o.Timeout.Std() <= 0 {
		problems.Add("timeout", "%s is too short; write more than 0s", o.Timeout)
	}
	return problems
}

// Title implements Options. Arguments may carry secrets and are left out.
func (o *Exec) Title() string {
	if len(o.Command) == 0 {
		return "run a command"
	}
	return "run " + filepath.Base(o.Command[0])
}

// Limit implements Options.
func (o *Exec) Limit() time.Duration { return o.Timeout.Std() + execSlack }

// Open implements Options.
func (o *Exec) Open() (Remedy, error) {
	values := make([]string, 0, len(o.Env))
	for _, value := range o.Env {
		values = append(values, value.Reveal())
	}
	return &execRemedy{options: *o, program: o.program(), redactor: option.NewRedactor(values)}, nil
}

func (o *Exec) program() program.Program {
	return program.Program{Command: o.Command, Dir: o.Dir, Env: o.Env}
}

type execRemedy struct {
	options  Exec
	program  program.Program
	redactor *option.Redactor
}

// Close implements Remedy.
func (r *execRemedy) Close() error { return nil }

// runMark is what the remedy saves before it starts the command.
type runMark struct {
	Started time.Time `json:"started"`
}

// Apply implements Remedy. Nobody can tell what became of a command whose
// worker died, so it is never run a second time for one attempt.
func (r *execRemedy) Apply(ctx context.Context, request Request) (health.Treatment, error) {
	treatment, err := r.apply(ctx, request)
	if err != nil {
		return health.Treatment{}, fmt.Errorf("%s: %w", r.options.Title(), err)
	}
	return treatment, nil
}

func (r *execRemedy) apply(ctx context.Context, request Request) (health.Treatment, error) {
	var mark runMark
	resumed, err := request.Checkpoint.Load(&mark)
	if err != nil {
		return health.Treatment{}, err
	}
	if resumed {
		return health.Treatment{Effect: health.Uncertain, Detail: fmt.Sprintf(
			"%s was started at %s, and the worker ended while it ran; not run again",
			r.name(), mark.Started.UTC().Format("15:04:05 MST"))}, nil
	}
	path, err := r.program.Find()
	if err != nil {
		return health.Treatment{}, Final{err}
	}
	if err := request.Checkpoint.Save(ctx, runMark{Started: time.Now().UTC()}); err != nil {
		return health.Treatment{}, err
	}
	return r.run(ctx, path)
}

func (r *execRemedy) name() string { return filepath.Base(r.options.Command[0]) }

// run starts the command and waits for its end.
func (r *execRemedy) run(ctx context.Context, path string) (health.Treatment, error) {
	running, cancel := context.WithTimeout(ctx, r.options.Timeout.Std())
	defer cancel()
	cmd := r.program.Prepare(running, path)
	output := &tail{limit: 4 * outputLimit}
	cmd.Stdout, cmd.Stderr = output, output // one pipe: in the order it was written
	start := time.Now()
	ended, err := runGroup(cmd)
	took := time.Since(start).Round(time.Millisecond)
	if ended && ctx.Err() != nil {
		return health.Treatment{}, fmt.Errorf("ended before it was done: %w", ctx.Err())
	}
	treatment := health.Treatment{Effect: health.Failed, Output: r.readable(output)}
	exit, exited := errors.AsType[*exec.ExitError](err)
	switch {
	case ended:
		treatment.Detail = fmt.Sprintf("%s took longer than %s and was ended", r.name(), r.options.Timeout)
	case err == nil:
		treatment.Effect = health.Applied
		treatment.Detail = fmt.Sprintf("%s succeeded in %s", r.name(), took)
	case exited:
		treatment.Detail = fmt.Sprintf("%s failed in %s: %s", r.name(), took, exit.ProcessState)
	default:
		treatment.Detail = fmt.Sprintf("%s could not be run: %v", r.name(), err)
	}
	return treatment, nil
}

// readable is the end of the output, without the secrets that the command was
// given. Secrets go first, as the cut could leave half of one.
func (r *execRemedy) readable(output *tail) string {
	return clipFront(r.redactor.Redact(output.text()), outputLimit)
}
