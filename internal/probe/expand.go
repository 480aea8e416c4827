package probe

import (
	"slices"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// HasTemplate reports whether a text in the options asks for the name or a
// label of a target, as {{target}} or {{label "name"}}.
func HasTemplate(options Options) bool { return option.HasTemplate(options) }

// Expand returns a copy of the options with each {{target}} and {{label "name"}}
// filled in, and what is wrong with it: a template that is none, a label that
// the target does not have, and whatever the options themselves find wrong with
// the outcome. The copy is of use only if there is no problem.
func Expand(options Options, target health.Target) (Options, option.Problems) {
	filled, problems := option.Expand(options, target, isLanguage)
	expanded, _ := filled.(Options) // of the type that came in
	if len(problems) > 0 {
		return expanded, problems
	}
	return expanded, expanded.Validate()
}

// languages are the keys of options that are read as commands, queries or
// conditions. What comes from a target must not become a part of their grammar.
var languages = map[string]bool{
	"command": true, "args": true, "shell": true, "script": true,
	"query": true, "queries": true, "statement": true, "table": true,
	"expect": true, "expect_degraded": true, "observe": true,
}

// isLanguage reports whether what stands at a path of the options is read as a
// language of its own.
func isLanguage(path string) bool {
	return languages[path[:endOfKey(path)]]
}

// endOfKey is where the first key of a path ends: that of "expect[1]" after 6.
func endOfKey(path string) int {
	if end := strings.IndexAny(path, ".["); end >= 0 {
		return end
	}
	return len(path)
}

// CheckMany reports what is wrong with options that may hold templates while
// no target is known: templates that are none, and mistakes in what is the same
// for all targets. Expand finds the rest.
func CheckMany(options Options) option.Problems {
	target, isFilled := option.StandIn(options)
	filled, problems := option.Expand(options, target, isLanguage)
	if expanded, ok := filled.(Options); ok && len(problems) == 0 {
		problems = slices.DeleteFunc(expanded.Validate(), func(p option.Problem) bool { return isFilled(p.Path) })
	}
	return problems
}
