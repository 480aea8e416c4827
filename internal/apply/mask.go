package apply

import (
	"maps"

	"paramedic/internal/option"
	"paramedic/workflows"
)

// masked returns a check whose texts for people hold no secret: they may have
// been made of variables of the environment, and what workflows are told stays
// in their histories. Names stay as they are, for things are found by them.
func masked(check workflows.Check, redactor *option.Redactor) workflows.Check {
	check.Impact, check.Runbook = redactor.Redact(check.Impact), redactor.Redact(check.Runbook)
	check.Labels = maps.Clone(check.Labels)
	for name, value := range check.Labels {
		check.Labels[name] = redactor.Redact(value)
	}
	// These were made for this check.
	for i := range check.Maintenance {
		check.Maintenance[i].Reason = redactor.Redact(check.Maintenance[i].Reason)
	}
	for i := range check.Remediation.Steps {
		check.Remediation.Steps[i].Title = redactor.Redact(check.Remediation.Steps[i].Title)
	}
	return check
}
