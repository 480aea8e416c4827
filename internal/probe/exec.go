package probe

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/program"
)

// Exec are the options of kind exec.
//
// The command's environment is PATH, HOME and LANG of the worker and what env
// declares, nothing else: the worker's environment holds secrets, and a command
// that needs one says so.
type Exec struct {
	Command        []string                 `yaml:"command" required:"true" doc:"The program and its arguments, as a list; no shell is involved. The program is looked up in the worker's PATH."`
	Dir            string                   `yaml:"dir" doc:"Working directory; the worker's own if not given."`
	Env            map[string]option.Secret `yaml:"env" doc:"Environment variables for the command, besides PATH, HOME and LANG; it gets no others of the worker's. Their values are treated as secrets."`
	ExitCodes      string                   `yaml:"exit_codes" enum:"zero,nagios,any" doc:"What exit codes mean. zero: 0 is healthy, others unhealthy. nagios: 0 is healthy, 1 degraded, others unhealthy, and the numbers after | in the output are observed. any: nothing; the conditions alone judge."`
	Expect         []string                 `yaml:"expect" doc:"Further conditions that all have to hold, else unhealthy. They speak of exit_code (-1 if a signal ended the command), stdout and stderr (their first 64 KiB, without white space at the end) and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string                 `yaml:"expect_degraded" doc:"Further conditions that all have to hold, else degraded."`
}

func execKind() Kind {
	return Kind{
		Name:    "exec",
		Doc:     "Runs a command on the worker's machine and checks its exit code and output; plugins for Nagios are such commands. The command and all its children are ended at the time limit.",
		Options: func() Options { return &Exec{ExitCodes: "zero"} },
	}
}

var execWords = words{"exit_code": types.Int, "stdout": types.String, "stderr": types.String}

// Validate implements Options.
func (o *Exec) Validate() option.Problems {
	var problems option.Problems
	const wanted = "is empty; write a list that begins with a program, like [check_load, -w, \"5\"]"
	switch {
	case o.Command == nil: // the decoder reports it
	case len(o.Command) == 0:
		problems.Add("command", wanted)
	case o.Command[0] == "":
		problems.Add("command[0]", wanted)
	}
	problems = append(problems, o.program().Check()...)
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *Exec) program() program.Program {
	return program.Program{Command: o.Command, Dir: o.Dir, Env: o.Env}
}

func (o *Exec) rules() (rules, option.Problems) {
	return compileRules(everyWord(execWords), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *Exec) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	if len(o.Command) == 0 {
		return nil, errors.New("command: there is no program to run")
	}
	return &execProber{options: *o, program: o.program(), rules: rules}, nil
}

// execProber starts its command anew each time.
type execProber struct {
	options Exec
	program program.Program
	rules   rules
}

// Probe implements Prober.
func (p *execProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx, slices.Collect(maps.Values(p.options.Env))...)
	name := filepath.Base(p.options.Command[0])
	a.doing("running %s", name)
	done, err := p.run(ctx)
	switch {
	case err == nil:
		return a.mask(p.judge(newScene(ctx, a.start), done, a.hide))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return a.failed(err)
	default:
		// The worker's machine is at fault: of the service nothing is known.
		return a.notProbed("%s was not run: %v", name, err)
	}
}

// judge holds what the command has done against the meaning of exit codes and
// the conditions.
func (p *execProber) judge(s scene, done execution, hide *option.Redactor) health.Result {
	values := newReadings()
	if p.options.ExitCodes == "nagios" {
		values.numbers = performance(done.stdout)
	}
	result := health.Result{Status: p.meaning(done.code), Message: done.words(hide)}
	maps.Copy(s.values, map[string]any{"exit_code": done.code, "stdout": done.stdout, "stderr": done.stderr})
	result = p.rules.apply(result, values, s)
	// Not one of the readings, which are numbers with a fraction.
	result.Observations["exit_code"] = float64(done.code)
	return result
}

// meaning is the status that an exit code stands for.
func (p *execProber) meaning(code int) health.Status {
	switch {
	case code == 0, p.options.ExitCodes == "any":
		return health.Healthy
	case code == 1 && p.options.ExitCodes == "nagios":
		return health.Degraded
	default:
		return health.Unhealthy
	}
}

// Close implements Prober.
func (p *execProber) Close() error { return nil }
