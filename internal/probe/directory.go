package probe

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Directory are the options of kind directory.
type Directory struct {
	Path           string   `yaml:"path" required:"true" doc:"Directory to look at, from the root: a write-ahead log, a spool, backups."`
	Pattern        string   `yaml:"pattern" doc:"Names of the files that count, with * ? and [a-z], like *.wal."`
	Recursive      bool     `yaml:"recursive" doc:"Look at directories below it too; links are not followed."`
	Expect         []string `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of files, size_bytes, newest_age_seconds and oldest_age_seconds (since the last write to the newest and the oldest file; nil without a file) and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded []string `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
}

// entryLimit is how many entries are looked at in one probe, and entryBatch how
// many of them between two looks at the clock.
const (
	entryLimit = 100_000
	entryBatch = 1_000
)

func directoryKind() Kind {
	return Kind{
		Name:    "directory",
		Doc:     "Looks at the files in a directory of the worker's machine: how many, how large, and how long ago the newest and the oldest were written.",
		Options: func() Options { return &Directory{Pattern: "*"} },
	}
}

var directoryWords = words{
	"files": types.Float64, "size_bytes": types.Float64,
	"newest_age_seconds": types.Any, "oldest_age_seconds": types.Any,
}

// Validate implements Options.
func (o *Directory) Validate() option.Problems {
	var problems option.Problems
	if o.Path != "" && !filepath.IsAbs(o.Path) {
		problems.Add("path", "%q depends on where the worker was started; write it from the root, like /var/lib/app/wal", o.Path)
	}
	switch _, err := filepath.Match(o.Pattern, ""); {
	case o.Pattern == "":
		problems.Add("pattern", "is empty; * stands for every file")
	case err != nil:
		problems.Add("pattern", "%q is not a pattern: a [ has no ], or a \\ nothing after it", o.Pattern)
	case filepath.Base(o.Pattern) != o.Pattern:
		problems.Add("pattern", "%q names more than a file; put directories into path, or use recursive", o.Pattern)
	}
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *Directory) rules() (rules, option.Problems) {
	return compileRules(everyWord(directoryWords), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *Directory) Open() (Prober, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	return &directoryProber{options: *o, rules: rules, turn: make(turn, 1), limit: entryLimit}, nil
}

// directoryProber looks at a directory.
type directoryProber struct {
	options Directory
	rules   rules
	// turn is held by a look that is under way, also by one whose probe has ended.
	turn  turn
	limit int
}

// Probe implements Prober. No context can interrupt a look at a file system that
// hangs, as network mounts do: it is left behind, and no other begins before it
// has ended.
func (p *directoryProber) Probe(ctx context.Context) health.Result {
	a := begin(ctx)
	a.doing("waiting for an earlier look at %s", p.options.Path)
	if err := p.turn.take(ctx); err != nil {
		return a.failed(err)
	}
	a.doing("looking at the files in %s", p.options.Path)
	type outcome struct {
		found tally
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		defer p.turn.give()
		found, err := p.look(ctx)
		done <- outcome{found, err}
	}()
	select {
	case <-ctx.Done():
		return a.failed(ctx.Err())
	case o := <-done:
		if o.err != nil {
			return a.failed(o.err)
		}
		return p.judge(ctx, a, o.found)
	}
}

// judge holds what was found against the conditions.
func (p *directoryProber) judge(ctx context.Context, a *attempt, found tally) health.Result {
	values, s := newReadings(), newScene(ctx, a.start)
	values.numbers["files"], values.numbers["size_bytes"] = float64(found.files), float64(found.bytes)
	result := health.Result{Status: health.Healthy, Message: "no file"}
	if found.files > 0 {
		newest, oldest := values.at.Sub(found.newest), values.at.Sub(found.oldest)
		values.numbers["newest_age_seconds"], values.numbers["oldest_age_seconds"] = newest.Seconds(), oldest.Seconds()
		result.Message = fmt.Sprintf("%s, newest written %s ago", found, health.Span(newest))
	} else {
		s.absent["newest_age_seconds"], s.absent["oldest_age_seconds"] = "there is no file", "there is no file"
	}
	if found.cut {
		result.Status = health.Degraded
		result.Message = fmt.Sprintf("there are more than %d entries; the rest was not looked at", p.limit)
	}
	return p.rules.apply(result, values, s)
}

// Close implements Prober. It does not wait for a file system that hangs: there
// is nothing to give back.
func (p *directoryProber) Close() error { return nil }
