package pages

import (
	"context"
	"errors"
	"net/http"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

// instruction is what a form says to an incident.
type instruction struct {
	// name is the end of the form's address, said what the incident is told.
	name, said string
	// notice is the name of what the page then says.
	notice string
}

// instructions are all that an incident can be told.
var instructions = []instruction{
	{"acknowledge", workflows.Acknowledge, "acknowledged"},
	{"unacknowledge", workflows.Unacknowledge, "unacknowledged"},
	{"approve", workflows.Approve, "approved"},
	{"retry", workflows.Retry, "retried"},
	{"rearm", workflows.Rearm, "rearmed"},
	{"resolve", workflows.Resolve, "resolved"},
}

// silenceLimit is the longest silence that the form takes.
const silenceLimit = 7 * day

// silenceChoice is a length that the form offers.
type silenceChoice struct{ Value, Label string }

// Silences are the lengths of a silence.
func (incidentView) Silences() []silenceChoice {
	return []silenceChoice{
		{"30m", key("30 minutes")}, {"1h", key("1 hour")}, {"4h", key("4 hours")}, {"8h", key("8 hours")},
		{"24h", key("24 hours")}, {"168h", key("7 days")},
	}
}

// instruct tells an open incident what a form says.
func (p *Pages) instruct(w http.ResponseWriter, r *http.Request, what instruction) {
	i, by, note, ok := p.actingOn(w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), actLimit)
	defer cancel()
	told, err := p.reach(ctx)
	if err != nil {
		p.Log.Warn("form failed", "path", r.URL.Path, "error", err)
		p.Fail(w, r, http.StatusServiceUnavailable, p.language(r).t("Temporal cannot be reached, so nothing can be changed now. Probing and healing go on as soon as it is back."))
		return
	}
	receipt, err := told.Instruct(ctx, health.TargetID(i.Service, i.Target), what.said, workflows.Instruction{By: by, Note: note, Incident: i.ID})
	if err != nil {
		p.refuse(w, r, err)
		return
	}
	notice := what.notice
	if receipt.Pending {
		notice = "pending"
	}
	http.Redirect(w, r, incidentLink(i.ID)+"?notice="+notice, http.StatusSeeOther)
}

// refuse says why an instruction was not followed.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p.Log.Warn("form failed", "path", r.URL.Path, "error", err)
	var (
		closed  operator.NotOpen
		refused operator.Refused
	)
	switch {
	case errors.As(err, &closed):
		p.Fail(w, r, http.StatusConflict, p.language(r).t("The incident has been closed meanwhile; nothing was done."))
	case errors.As(err, &refused):
		p.Fail(w, r, http.StatusConflict, refused.Why)
	case errors.Is(err, context.DeadlineExceeded):
		p.Fail(w, r, http.StatusGatewayTimeout, p.language(r).t("Temporal did not answer in time. Look at the incident before you try again."))
	default:
		p.Fail(w, r, statusOf(err), err.Error())
	}
}

// actingOn returns the open incident that a form is about, who posts it and the
// note. If one of them is missing, the answer is written and ok is false.
func (p *Pages) actingOn(w http.ResponseWriter, r *http.Request) (i health.Incident, by, note string, ok bool) {
	if i, ok = p.findIncident(w, r); !ok {
		return i, "", "", false
	}
	// A service or target has one incident at a time, and what is said reaches
	// the open one: never say to the next what was meant for the last.
	open := p.openOf(i.Service, i.Target)
	if i.State == health.Resolved || open != nil && open.ID != i.ID {
		p.Fail(w, r, http.StatusConflict, p.language(r).t("The incident has been closed meanwhile; nothing was done."))
		return i, "", "", false
	}
	if by, ok = p.acting(w, r); !ok {
		return i, "", "", false
	}
	note, ok = p.note(w, r, "note")
	return i, by, note, ok
}

// openOf is the open incident of a service as a whole, or of a target; nil if
// there is none.
func (p *Pages) openOf(service, target string) *health.Incident {
	if target != "" {
		t, _ := p.Board.Target(service, target)
		return t.Incident
	}
	s, _ := p.Board.Service(service)
	if s.Incident == nil || s.Incident.Target != "" {
		return nil // that of one of its targets
	}
	return s.Incident
}

// incidentSilence mutes the alerts of the incident's service, or ends that.
func (p *Pages) incidentSilence(w http.ResponseWriter, r *http.Request) {
	i, by, note, ok := p.actingOn(w, r)
	if !ok {
		return
	}
	length, err := health.ParseDuration(r.PostFormValue("for"))
	if err != nil || length < 0 || length.Std() > silenceLimit || length > 0 && length.Std() < time.Minute {
		p.Fail(w, r, http.StatusBadRequest, p.language(r).t("A silence lasts from 1m to 168h; 0s ends it."))
		return
	}
	notice := "silenced"
	if length == 0 {
		notice = "silence-ended"
	}
	p.tell(w, r, incidentLink(i.ID), notice, func(ctx context.Context, told Operator) error {
		_, err := told.Silence(ctx, i.Service, workflows.Span{For: length, By: by, Reason: note})
		return err
	})
}
