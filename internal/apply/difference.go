package apply

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// difference is what separates a schedule from what it should be.
type difference struct {
	// fields names what differs, with the values where they are short.
	fields []string
	// moved is set when the watches get another length, and so begin at other
	// times: the Monitor on duty ends then, and the next one must be waiting.
	moved bool
}

func (d difference) none() bool { return len(d.fields) == 0 }

func (d difference) String() string { return strings.Join(d.fields, ", ") }

// compare says how a schedule differs from the one that check asks for. A
// pause set by hand is not a difference, and neither is an annotation.
func compare(found client.Schedule, check workflows.Check, taskQueue string) difference {
	started, ok := found.Action.(*client.ScheduleWorkflowAction)
	if !ok {
		return difference{fields: []string{"action"}, moved: true}
	}
	old, readable := checkIn(started)
	diff := difference{moved: !readable || old.Watch != check.Watch}
	if readable {
		diff.fields = changes(old, check)
	} else {
		diff.fields = []string{"check"}
	}
	// The rest of a schedule follows from the check, so that it is worth
	// naming only when it differs alone: somebody edited it, or an older
	// version wrote it.
	if !diff.none() {
		return diff
	}
	if !sameSpec(found.Spec, spec(check)) {
		diff.fields = append(diff.fields, "schedule spec")
	}
	if found.Policy == nil || *found.Policy != *policy() {
		diff.fields = append(diff.fields, "schedule policy")
	}
	if !sameAction(started, action(check, taskQueue)) {
		diff.fields = append(diff.fields, "workflow options")
	}
	return diff
}

// sameSpec reports whether a schedule has the one interval that it should have
// and nothing else that makes it start or skip.
func sameSpec(found *client.ScheduleSpec, want client.ScheduleSpec) bool {
	return found != nil && slices.Equal(found.Intervals, want.Intervals) &&
		len(found.Calendars) == 0 && len(found.CronExpressions) == 0 && len(found.Skip) == 0 &&
		found.StartAt.IsZero() && found.EndAt.IsZero() && found.Jitter == 0
}

func sameAction(found, want *client.ScheduleWorkflowAction) bool {
	service, _ := found.TypedSearchAttributes.GetKeyword(workflows.AttributeService)
	wanted, _ := want.TypedSearchAttributes.GetKeyword(workflows.AttributeService)
	return found.ID == want.ID && found.Workflow == want.Workflow && found.TaskQueue == want.TaskQueue &&
		found.WorkflowRunTimeout == want.WorkflowRunTimeout &&
		found.WorkflowExecutionTimeout == want.WorkflowExecutionTimeout &&
		found.StaticSummary == want.StaticSummary && service == wanted
}

// changes names the fields in which two checks differ, as they are written in
// a Monitor's input, in a fixed order.
func changes(old, new workflows.Check) []string {
	before, after := flat(old), flat(new)
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var changed []string
	for _, name := range names {
		from, to := before[name], after[name]
		if !bytes.Equal(from, to) {
			changed = append(changed, describe(name, from, to))
		}
	}
	return changed
}

// longestValue is how long a value may be, in bytes, to be written out.
const longestValue = 60

func describe(name string, from, to json.RawMessage) string {
	if len(from) > longestValue || len(to) > longestValue {
		return name
	}
	return fmt.Sprintf("%s %s → %s", name, plain(from), plain(to))
}

// plain writes a JSON value as people do: without quotes, "none" when absent.
func plain(value json.RawMessage) string {
	if len(value) == 0 || string(value) == "null" {
		return "none"
	}
	var text string
	if json.Unmarshal(value, &text) == nil {
		return health.Clip(text, longestValue)
	}
	return string(value)
}

// flat is a check as JSON fields by name, those of the plan with its prefix.
func flat(check workflows.Check) map[string]json.RawMessage {
	fields := object(check)
	plan := fields["remediation"]
	delete(fields, "remediation")
	var nested map[string]json.RawMessage
	if json.Unmarshal(plan, &nested) == nil {
		for name, value := range nested {
			fields["remediation."+name] = value
		}
	}
	return fields
}

// object marshals a struct and takes its fields apart. A check always
// marshals: it holds text, numbers and durations.
func object(value any) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil {
		return map[string]json.RawMessage{}
	}
	return fields
}
