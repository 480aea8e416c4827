package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"paramedic/internal/health"
)

// systemAlert is what another system says of a service. The first five fields
// are what such systems send today; the others are those that a paramedic sends
// besides, so that one can report to another.
type systemAlert struct {
	Service   string             `json:"service"`
	Status    health.AlertStatus `json:"status"`
	Reason    string             `json:"reason"`
	Duration  string             `json:"duration"`
	Timestamp string             `json:"timestamp"`

	Incident string            `json:"incident"`
	Severity string            `json:"severity"`
	Attempts int               `json:"attempts"`
	DedupKey string            `json:"dedup_key"`
	Target   string            `json:"target"`
	Runbook  string            `json:"runbook"`
	Stage    health.AlertStage `json:"stage"`
	News     string            `json:"news"`
	Owner    string            `json:"owner"`
	Link     string            `json:"link"`
	Affected []string          `json:"affected"`
	Labels   map[string]string `json:"labels"`
}

const (
	// reasonLimit is how long a reason may be, in bytes.
	reasonLimit = 2000
	// What a paramedic sends is no more: services that are down as well, labels,
	// and bytes of a label's value.
	affectedLimit, labelsLimit, labelLimit = 100, 20, 200
	// downtimeLimit is the longest that something may have been down.
	downtimeLimit = 10 * 365 * 24 * time.Hour
)

// Accepted says who will be told.
type Accepted struct {
	Accepted  bool     `json:"accepted"`
	Receivers []string `json:"receivers"`
}

// noSystemAlert is the answer where nobody is to be told.
const noSystemAlert = "nobody is told of such alerts: name the receivers in http.system_alert of the configuration, for example system_alert: [ops]"

// systemAlert passes an alert of another system on to the receivers that are
// configured for that.
func (a *API) systemAlert(r *http.Request) (int, any, error) {
	var body systemAlert
	if err := decode(r, &body); err != nil {
		return 0, nil, err
	}
	alert, err := body.alert()
	if err != nil {
		return 0, nil, err
	}
	var receivers []string
	if a.SystemAlert != nil {
		receivers = a.SystemAlert()
	}
	if len(receivers) == 0 || a.Grouping == nil {
		return 0, nil, fault{http.StatusServiceUnavailable, noSystemAlert}
	}
	a.complete(&alert)
	o, err := a.operator(r.Context())
	if err != nil {
		return 0, nil, err
	}
	var failed error
	for _, receiver := range receivers {
		grouping, err := a.Grouping(receiver)
		if err == nil {
			err = o.PostAlert(r.Context(), receiver, grouping, alert)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", receiver, err))
		}
	}
	if failed != nil {
		a.Log.Error("system alert not passed on", "service", alert.Service, "error", failed)
		return 0, nil, fault{http.StatusServiceUnavailable,
			"not every receiver could be given the alert; send it again, and nobody who has it gets it twice"}
	}
	return http.StatusAccepted, Accepted{true, receivers}, nil
}

// complete adds what the configuration says of the service, if it is one of ours.
func (a *API) complete(alert *health.Alert) {
	s, _ := a.Board.Service(alert.Service)
	alert.Severity = cmp.Or(alert.Severity, s.Severity, "P1")
	alert.Runbook = cmp.Or(alert.Runbook, s.Runbook)
	alert.Impact = s.Impact
	if alert.Labels == nil {
		alert.Labels = s.Labels
	}
}

// alert checks the body and makes an alert of it. Its dedup key is made of the
// service, the status and the timestamp, so that the same is told once.
func (b *systemAlert) alert() (health.Alert, error) {
	if err := b.check(); err != nil {
		return health.Alert{}, err
	}
	at, err := time.Parse(time.RFC3339, b.Timestamp)
	if year := at.UTC().Year(); err == nil && (year < 1970 || year > 9000) {
		return health.Alert{}, faultf(http.StatusUnprocessableEntity, "timestamp: nothing happens in the year %d", year)
	}
	if err != nil {
		return health.Alert{}, faultf(http.StatusUnprocessableEntity, "timestamp: %q is not a time; write it like 2026-03-19T14:30:00Z", clip(b.Timestamp))
	}
	downtime, err := b.downtime()
	if err != nil {
		return health.Alert{}, err
	}
	alert := health.Alert{
		Stage: health.AlertInitial, Status: b.Status,
		// A receiver finds the end of what it was told by the same incident.
		Incident: cmp.Or(b.Incident, b.Service+"@system-alert"),
		Service:  b.Service, Target: b.Target, Severity: b.Severity, Labels: b.Labels,
		Reason: cmp.Or(b.Reason, "no reason was given"), News: b.News, Affected: b.Affected, Attempts: b.Attempts, Owner: b.Owner,
		Runbook: b.Runbook, At: at.UTC(), Downtime: health.Duration(downtime),
		DedupKey: fmt.Sprintf("system-alert/%s/%s/%s", b.Service, b.Status, at.UTC().Format(time.RFC3339Nano)),
	}
	if b.Stage == health.AlertUpdate {
		alert.Stage = health.AlertUpdate
	}
	if downtime > 0 {
		alert.Since = alert.At.Add(-downtime)
	}
	if b.Status == health.AlertRecovered {
		alert.Stage, alert.Outcome = health.AlertResolution, health.Recovered
	}
	return alert, nil
}

// check looks at the texts.
func (b *systemAlert) check() error {
	if b.Service == "" {
		return fault{http.StatusUnprocessableEntity, "service: say which service it is about"}
	}
	if b.Status != health.AlertDown && b.Status != health.AlertRecovered {
		return faultf(http.StatusUnprocessableEntity, "status: %q; write down or recovered", clip(string(b.Status)))
	}
	if b.Reason == "" && b.Status == health.AlertDown {
		return fault{http.StatusUnprocessableEntity, "reason: say what is wrong in a sentence"}
	}
	switch b.Severity {
	case "", "P0", "P1", "P2", "P3":
	default:
		return faultf(http.StatusUnprocessableEntity, "severity: %q; write P0, P1, P2 or P3", clip(b.Severity))
	}
	if b.Attempts < 0 {
		return faultf(http.StatusUnprocessableEntity, "attempts: %d; there cannot be fewer than none", b.Attempts)
	}
	return cmp.Or(
		b.checkLists(),
		plain("service", b.Service, nameLimit), plain("target", b.Target, nameLimit), plain("owner", b.Owner, nameLimit),
		plain("incident", b.Incident, 2*nameLimit), plain("runbook", b.Runbook, reasonLimit),
		prose("reason", b.Reason, reasonLimit), prose("news", b.News, reasonLimit),
	)
}

// checkLists looks at what there may be many of.
func (b *systemAlert) checkLists() error {
	if len(b.Affected) > affectedLimit {
		return faultf(http.StatusUnprocessableEntity, "affected: %d services are too many; write at most %d", len(b.Affected), affectedLimit)
	}
	for _, name := range b.Affected {
		if err := plain("affected", name, nameLimit); err != nil {
			return err
		}
	}
	if len(b.Labels) > labelsLimit {
		return faultf(http.StatusUnprocessableEntity, "labels: %d are too many; write at most %d", len(b.Labels), labelsLimit)
	}
	for name, value := range b.Labels {
		if err := cmp.Or(plain("labels", name, nameLimit), prose("labels", value, labelLimit)); err != nil {
			return err
		}
	}
	return nil
}

// downtime reads the duration as alerts write it, "2m 15s" or "2d 3h"; zero if
// there is none.
func (b *systemAlert) downtime() (time.Duration, error) {
	if b.Duration == "" {
		return 0, nil
	}
	if b.Status == health.AlertDown {
		return 0, fault{http.StatusUnprocessableEntity, "duration: it comes with status recovered only"}
	}
	var total time.Duration
	for word := range strings.FieldsSeq(b.Duration) {
		part, ok := parseLength(word)
		if !ok && word != "0s" {
			return 0, faultf(http.StatusUnprocessableEntity, "duration: %q is not a length of time; write it like 2m 15s", clip(b.Duration))
		}
		if total += part; total > downtimeLimit {
			return 0, fault{http.StatusUnprocessableEntity, "duration: it is longer than ten years"}
		}
	}
	return total, nil
}
