package probe

import (
	"fmt"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// rules are the conditions of a service: those without which it is unhealthy,
// and those without which it is degraded.
type rules struct{ expect, degraded []condition }

// compileRules reads the options expect and expect_degraded. On a mistake in
// one of them the rules are of no use.
func compileRules(words words, expect, degraded []string) (rules, option.Problems) {
	first, problems := compileAll("expect", words, expect)
	second, more := compileAll("expect_degraded", words, degraded)
	return rules{expect: first, degraded: second}, append(problems, more...)
}

// compileAll compiles conditions and reports each that does not.
func compileAll(path string, words words, texts []string) ([]condition, option.Problems) {
	var problems option.Problems
	conditions := make([]condition, 0, len(texts))
	for i, text := range texts {
		compiled, err := compile(text, words)
		if err != nil {
			problems.Add(fmt.Sprintf("%s[%d]", path, i), "%v", err)
		}
		conditions = append(conditions, compiled)
	}
	return conditions, problems
}

// firstMistake is the error of opening options that were not validated.
func firstMistake(mistakes option.Problems) error {
	if len(mistakes) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", mistakes[0].Path, mistakes[0].Text)
}

// judge holds a scene against the rules. The message says what was observed
// instead, and is empty when all hold.
func (r rules) judge(s scene) (health.Status, string) {
	if failures := failing(r.expect, s); len(failures) > 0 {
		return health.Unhealthy, strings.Join(failures, "; ")
	}
	if concerns := failing(r.degraded, s); len(concerns) > 0 {
		return health.Degraded, strings.Join(concerns, "; ")
	}
	return health.Healthy, ""
}

// apply lets the rules judge the values that a probe has read, and adds both to
// its result. What the kind itself has found wrong comes first.
func (r rules) apply(result health.Result, values readings, s scene) health.Result {
	values.into(s)
	values.note(&result)
	status, message := r.judge(s)
	switch {
	case status == health.Healthy:
	case result.Status == health.Healthy, result.Status == health.Degraded && status == health.Unhealthy:
		result.Status, result.Message = status, message
	case result.Status == status:
		result.Message += "; " + message
	}
	return result
}

// failing returns what the conditions that do not hold have observed.
func failing(conditions []condition, s scene) []string {
	var failures []string
	for _, c := range conditions {
		failure, err := c.check(s)
		if err != nil {
			failure = c.text + ": " + c.obstacle(s, err)
		}
		if failure != "" {
			failures = append(failures, failure)
		}
	}
	return failures
}
