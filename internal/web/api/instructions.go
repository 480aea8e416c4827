package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

// instruct passes what a human says on to an open incident, named as in record.
func (a *API) instruct(instruction string) handle {
	return func(r *http.Request) (int, any, error) {
		name := r.PathValue("incident")
		service, target, err := a.open(r.Context(), name)
		if err != nil {
			return 0, nil, err
		}
		in, err := new(noted).instruction(r)
		if err != nil {
			return 0, nil, err
		}
		if name != health.TargetID(service, target) {
			in.Incident = name // that one, and none that opens meanwhile
		}
		o, err := a.operator(r.Context())
		if err != nil {
			return 0, nil, err
		}
		receipt, err := o.Instruct(r.Context(), health.TargetID(service, target), instruction, in)
		return confirmed(receipt, err)
	}
}

// open returns whose incident is meant. One that is known to be closed takes no
// instructions; that the board knows of none says nothing, as Temporal may.
func (a *API) open(ctx context.Context, name string) (service, target string, err error) {
	if record, open := a.Board.OpenIncident(name); open {
		return record.Service, record.Target, nil
	}
	if service, target, known := a.subject(name); known {
		return service, target, nil
	}
	record, err := a.record(ctx, name)
	if err != nil {
		return "", "", err
	}
	if record.State == health.Resolved {
		return "", "", faultf(http.StatusConflict, "incident %s is already resolved (%s)", record.ID, cmp.Or(record.Outcome, "without an outcome"))
	}
	if newer := a.openOf(record.Service, record.Target); newer != nil {
		return "", "", faultf(http.StatusConflict, "incident %s is no longer open; the open one of %q is %s", record.ID, health.TargetID(newer.Service, newer.Target), newer.ID)
	}
	return record.Service, record.Target, nil
}

// confirmed answers with what became of an instruction; one that no worker has
// confirmed is accepted.
func confirmed(receipt operator.Receipt, err error) (int, any, error) {
	status := http.StatusOK
	if receipt.Pending {
		status = http.StatusAccepted
		receipt.Text = fmt.Sprintf("no worker answers; what %s says is stored and takes effect when one runs again", receipt.By)
	}
	return status, receipt, err
}

// openOf is the open incident of a service as a whole or of a target; nil if
// there is none that the board knows.
func (a *API) openOf(service, target string) *health.Incident {
	if target != "" {
		t, _ := a.Board.Target(service, target)
		return t.Incident
	}
	s, _ := a.Board.Service(service)
	if s.Incident == nil || s.Incident.Target != "" {
		return nil // that of one of its targets
	}
	return s.Incident
}

// subject is the service, and the target if it has one, that a name means. Of a
// target only the service must be known: it may be gone, and its incident open.
func (a *API) subject(name string) (service, target string, known bool) {
	service, target = health.SplitTargetID(name)
	_, known = a.Board.Service(service)
	return service, target, known && health.TargetID(service, target) == name && !isID(name)
}

// isID reports whether a name is the id of an incident. The name of a target
// may hold an @, but does not end as an id does.
func isID(name string) bool {
	at := strings.LastIndex(name, "@")
	_, err := time.Parse("20060102T150405.000Z", name[at+1:])
	return at > 0 && err == nil
}

// rearm gives the budgets of a service, or of a target, back, whether it has an
// incident or not.
func (a *API) rearm(r *http.Request) (int, any, error) {
	name := r.PathValue("service")
	if _, _, known := a.subject(name); !known {
		_, err := a.find(name)
		return 0, nil, err
	}
	in, err := new(noted).instruction(r)
	if err != nil {
		return 0, nil, err
	}
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	return confirmed(o.Rearm(r.Context(), name, in))
}
