package remedy

import (
	"slices"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// HasTemplate reports whether a text in the options asks for the name or a
// label of a target, as {{target}} or {{label "name"}}.
func HasTemplate(options Options) bool { return option.HasTemplate(options) }

// Expand returns a copy of the options with each {{target}} and {{label "name"}}
// filled in, and what is wrong with it: a template that is none, a label that
// the target does not have, a value that a shell could misread, and whatever the
// options themselves find wrong with the outcome. Options of kinds other than
// exec and http hold no templates. The copy is of use only if there is no
// problem.
func Expand(options Options, target health.Target) (Options, option.Problems) {
	if problems := refuseTemplates(options); len(problems) > 0 || !expands(options) {
		return options, problems
	}
	filled, problems := option.Expand(options, target, everywhere)
	expanded, _ := filled.(Options) // of the type that came in
	if len(problems) > 0 {
		return expanded, problems
	}
	return expanded, expanded.Validate()
}

// CheckMany reports what is wrong with options that may hold templates while
// no target is known: templates that are none, and mistakes in what is the same
// for all targets. Expand finds the rest.
func CheckMany(options Options) option.Problems {
	if !expands(options) {
		return append(refuseTemplates(options), options.Validate()...)
	}
	target, isFilled := option.StandIn(options)
	filled, problems := option.Expand(options, target, everywhere)
	if expanded, ok := filled.(Options); ok && len(problems) == 0 {
		problems = slices.DeleteFunc(expanded.Validate(), func(p option.Problem) bool { return isFilled(p.Path) })
	}
	return problems
}

// expands reports whether options are of a kind that may hold templates.
func expands(options Options) bool {
	switch options.(type) {
	case *Exec, *HTTP:
		return true
	}
	return false
}

func refuseTemplates(options Options) option.Problems {
	var problems option.Problems
	if !expands(options) && HasTemplate(options) {
		problems.Add("", `holds {{target}} or {{label "name"}}, which only remedies of kind exec or http can`)
	}
	return problems
}

// everywhere says that values must be harmless in all texts: somebody may have
// written a command as [sh, -c, ...].
func everywhere(string) bool { return true }
