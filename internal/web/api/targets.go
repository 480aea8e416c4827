package api

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/internal/targets"
)

// Target is one of the targets of a service.
type Target struct {
	Target string            `json:"target"`
	Labels map[string]string `json:"labels"`
	// Source is where it comes from: list, file_sd or api.
	Source string `json:"source"`
	// Class is that of its interval; empty for that of the service.
	Class string       `json:"class"`
	State health.State `json:"state"`
	// Since is when the state began, LastProbeAt when the last probe did; null
	// when not known.
	Since       operator.Time `json:"since"`
	LastProbeAt operator.Time `json:"last_probe_at"`
	LatencyMS   float64       `json:"latency_ms"`
	Message     string        `json:"message"`
	// Streak counts the failed probes in a row.
	Streak int  `json:"streak"`
	Late   bool `json:"late"`
	// Incident is the id of its open one; empty if there is none.
	Incident string `json:"incident"`
}

// TargetDetail is a target with what is kept of its registration.
type TargetDetail struct {
	Service string `json:"service"`
	Target
	Observations map[string]float64 `json:"observations,omitempty"`
	Facts        map[string]string  `json:"facts,omitempty"`
	// Version counts the changes of a registration from 1; 0 for a target that
	// comes from elsewhere.
	Version   int64         `json:"version"`
	CreatedAt operator.Time `json:"created_at"`
	UpdatedAt operator.Time `json:"updated_at"`
}

// TargetList is a part of the targets of a service.
type TargetList struct {
	Items []Target `json:"items"`
	// Total counts all that were chosen.
	Total int `json:"total"`
	Limit int `json:"limit"`
	// Next is the cursor of the part that follows; empty at the end.
	Next string `json:"next"`
}

// targetList lists the targets of a service by name.
func (a *API) targetList(r *http.Request) (reply, error) {
	s, source, err := a.fleet(r)
	if err != nil {
		return reply{}, err
	}
	q := parse(r)
	filter := board.TargetFilter{
		Search: q.text("q"), After: q.cursor("cursor"), Limit: q.number("limit", defaultLimit, 1, highestLimit),
	}
	for _, state := range q.all("state") {
		if _, known := badness[health.State(state)]; !known {
			q.wrong("state: unknown value %q; write unknown, healthy, degraded, failing, down, paused", clip(state))
		}
		filter.States = append(filter.States, health.State(state))
	}
	filter.Labels, err = labelled(q.all("label"))
	if err := cmp.Or(q.done(), err); err != nil {
		return reply{}, err
	}
	page, total, err := a.Board.Targets(s.Name, filter)
	if err != nil {
		return reply{}, a.unlisted(s.Name, err)
	}
	list := TargetList{Items: make([]Target, 0, len(page)), Total: total, Limit: filter.Limit}
	from, err := a.sources(r.Context(), s.Name, source)
	if err != nil {
		return reply{}, err
	}
	for _, t := range page {
		list.Items = append(list.Items, a.target(t, from(t.Name)))
	}
	answer := reply{status: http.StatusOK, header: map[string]string{}}
	// That it is full says nothing: one more look costs less than to tell the
	// last page, which would need the place of this one.
	if len(page) == filter.Limit {
		list.Next = base64.RawURLEncoding.EncodeToString([]byte(page[len(page)-1].Name))
		answer.header["Link"] = nextLink(r.URL, list.Next)
	}
	answer.body = list
	return answer, nil
}

// unlisted explains why the targets of a service are not to be had.
func (a *API) unlisted(service string, err error) error {
	if errors.Is(err, targets.ErrUnknown) {
		a.Log.Warn("targets not known", "service", service, "error", err)
		return faultf(http.StatusServiceUnavailable, "the targets of %q are not known yet: their file or the store could not be read so far; the log says why", service)
	}
	if errors.Is(err, board.ErrNoTargets) {
		return faultf(http.StatusNotFound, "service %q has no targets; it is its own", service)
	}
	return fmt.Errorf("list the targets of %s: %w", service, err)
}

// nextLink is the header that leads to the next part (RFC 8288).
func nextLink(address *url.URL, cursor string) string {
	query := address.Query()
	query.Set("cursor", cursor)
	return fmt.Sprintf(`<%s?%s>; rel="next"`, address.EscapedPath(), query.Encode())
}

// cursor reads where a part of a list begins.
func (q *query) cursor(name string) string {
	text := q.text(name)
	after, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || targets.CheckName(string(after)) != nil && text != "" {
		q.wrong("%s: %q is none; take next of the part before", name, clip(text))
		return ""
	}
	return string(after)
}

// target shows a target of the board.
func (a *API) target(t board.Target, source string) Target {
	shown := Target{
		Target: t.Name, Labels: labelsOf(t.Labels), Source: source, Class: t.Class, State: t.State,
		Since: operator.Time{Time: t.Since}, LastProbeAt: operator.Time{Time: t.Result.At},
		LatencyMS: t.Result.LatencyMS, Message: t.Result.Message, Streak: t.Failures, Late: t.Late,
	}
	if t.Incident != nil {
		shown.Incident = t.Incident.ID
	}
	return shown
}

func labelsOf(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}

// oneTarget shows a target; a client that has it as it is needs no second copy.
func (a *API) oneTarget(r *http.Request) (reply, error) {
	s, source, err := a.fleet(r)
	if err := cmp.Or(err, parse(r).done()); err != nil {
		return reply{}, err
	}
	key, err := a.targetKey(r, s)
	if err != nil {
		return reply{}, err
	}
	shown, err := a.targetDetail(r.Context(), key, source)
	if err != nil {
		return reply{}, err
	}
	answer := a.targetReply(http.StatusOK, shown)
	if unchanged(r, answer) {
		return reply{status: http.StatusNotModified, header: answer.header}, nil
	}
	return answer, nil
}

// targetDetail puts together what the board and the registry know of a target.
func (a *API) targetDetail(ctx context.Context, key store.Key, source targets.Source) (TargetDetail, error) {
	from, err := a.sourceOf(ctx, key, source)
	switch {
	case err != nil:
		return TargetDetail{}, err
	case from == sourceAPI:
		registered, err := a.Store.RegisteredTarget(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return TargetDetail{}, a.noTarget(key)
		}
		return a.registeredTarget(registered), a.stored(err)
	}
	t, known := a.Board.Target(key.Service, key.Target)
	switch {
	case from == "" || !known && from != sourceList:
		return TargetDetail{}, a.noTarget(key)
	case !known: // of a configuration that has just come into force
		t.Target.Name, t.State = key.Target, health.StateUnknown
	}
	return a.detailOf(key.Service, t, from), nil
}

func (a *API) detailOf(service string, t board.Target, source string) TargetDetail {
	return TargetDetail{Service: service, Target: a.target(t, source), Observations: t.Result.Observations, Facts: t.Result.Facts}
}

// registeredTarget shows a target as it is registered, with where it stands if
// the board knows of it already.
func (a *API) registeredTarget(r store.Registered) TargetDetail {
	t, known := a.Board.Target(r.Service, r.Target)
	if !known {
		t.State = health.StateUnknown
	}
	t.Target = r.AsTarget()
	shown := a.detailOf(r.Service, t, sourceAPI)
	shown.Version = r.Version
	shown.CreatedAt, shown.UpdatedAt = operator.Time{Time: r.CreatedAt}, operator.Time{Time: r.UpdatedAt}
	return shown
}

// key is the service that the path names, or the target of it that the
// parameter target names.
func (a *API) key(r *http.Request, q *query) (store.Key, error) {
	s, err := a.named(r)
	if err != nil {
		return store.Key{}, err
	}
	key := store.Key{Service: s.Name, Target: q.text("target")}
	if key.Target == "" {
		return key, nil
	}
	// One that is gone has a past, too, so that only its name is looked at.
	if err := targets.CheckName(key.Target); err != nil {
		q.wrong("target: %v", err)
	}
	return key, nil
}

// countsOf are the targets of a service by where they stand; nil without any.
func countsOf(s board.Service) *health.Counts {
	if s.Targets.Total == 0 {
		return nil
	}
	counts := s.Targets
	return &counts
}
