package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"paramedic/activities"
	"paramedic/internal/alert"
	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Links say where people see incidents.
type Links struct {
	// WebUI is the address of Temporal's Web UI; empty means that alerts carry
	// no link. That of the configuration comes first.
	WebUI string
	// Namespace is the Temporal namespace that the incidents are in.
	Namespace string
}

// incident is the page of an incident in the Web UI, empty if it is not known.
func (l Links) incident(workflow, run string) string {
	if l.WebUI == "" || l.Namespace == "" || workflow == "" || run == "" {
		return ""
	}
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/history", strings.TrimRight(l.WebUI, "/"),
		url.PathEscape(l.Namespace), url.PathEscape(workflow), url.PathEscape(run))
}

// receiver is an open receiver and how its alerts are put together.
type receiver struct {
	alert.Receiver
	grouping activities.Grouping
}

// LinkTo says where people see incidents. Where that is shows only once Temporal
// answers, which is after the fleet was opened.
func (f *Fleet) LinkTo(links Links) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.links = links
}

// linksOf are the links as the configuration in force wants them.
func (f *Fleet) linksOf(r *roster) Links {
	f.mu.RLock()
	defer f.mu.RUnlock()
	links := f.links
	if r.webUI != "" {
		links.WebUI = r.webUI
	}
	links.WebUI = r.redactor.Redact(links.WebUI)
	return links
}

// IncidentLink is the address of a workflow's page in the Web UI, or of the Web
// UI itself when workflow is empty; "" if it is not known.
func (f *Fleet) IncidentLink(workflow, run string) string {
	r, release := f.use()
	defer release()
	links := f.linksOf(r)
	if workflow == "" {
		return links.WebUI
	}
	return links.incident(workflow, run)
}

// Notify implements activities.Notifier. A group that is larger than what the
// receiver takes at once goes in parts, in order. A part that is refused does not
// keep the others from those who wait for them; any other failure ends it, and a
// retry sends all parts again, with the dedup keys they had.
func (f *Fleet) Notify(ctx context.Context, name string, alerts []health.Alert) error {
	r, release := f.use()
	defer release()
	to, ok := r.receivers[name]
	if !ok {
		return notConfigured("receiver", name)
	}
	links := f.linksOf(r)
	leaving := make([]health.Alert, len(alerts))
	for i, message := range alerts {
		leaving[i] = maskAlert(message, r.redactor)
		leaving[i].Link = links.incident(message.Workflow, message.Run)
	}
	var refused error
	for part := range slices.Chunk(leaving, to.grouping.Batch) {
		begun := time.Now()
		err := redact(to.Send(ctx, part), r.redactor)
		f.alerted(name, part, begun, err)
		if err != nil && !alert.IsRefused(err) {
			return err
		}
		refused = cmp.Or(refused, err)
	}
	return refused
}

// Grouping implements activities.Notifier.
func (f *Fleet) Grouping(name string) (activities.Grouping, error) {
	r, release := f.use()
	defer release()
	to, ok := r.receivers[name]
	if !ok {
		return activities.Grouping{}, notConfigured("receiver", name)
	}
	return to.grouping, nil
}

// maskAlert masks the secrets in all that an alert says. Names and ids stay as
// they are: they stand in Temporal under the same words, and receivers tell
// incidents apart by them.
func maskAlert(a health.Alert, redactor *option.Redactor) health.Alert {
	for _, text := range []*string{
		&a.Impact, &a.Reason, &a.News, &a.Action, &a.Evidence, &a.Owner, &a.Runbook,
	} {
		*text = redactor.Redact(*text)
	}
	a.Labels = maps.Clone(a.Labels)
	for key, value := range a.Labels {
		a.Labels[key] = redactor.Redact(value)
	}
	return a
}
