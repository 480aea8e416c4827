package fleet

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/alert"
	"paramedic/internal/health"
)

// inbox is a receiver that keeps what it gets.
type inbox struct {
	groups [][]health.Alert
	// answers are its errors, in order; after them it has none.
	answers []error
}

func (i *inbox) Send(_ context.Context, alerts []health.Alert) error {
	i.groups = append(i.groups, alerts)
	if len(i.groups) <= len(i.answers) {
		return i.answers[len(i.groups)-1]
	}
	return nil
}

func (*inbox) Close() error { return nil }

// deliverTo puts an inbox that takes batch alerts at once in place of the
// receiver ops.
func deliverTo(fleet *Fleet, in *inbox, batch int) {
	fleet.current.receivers["ops"] = receiver{Receiver: in, grouping: activities.Grouping{Batch: batch}}
}

const quiet = `
services:
  - {name: web, probe: {tcp: {address: "127.0.0.1:1"}}}
alerts:
  ops: {webhook: {url: "http://127.0.0.1:1", token: "${TOKEN}"}}
`

func named(services ...string) []health.Alert {
	alerts := make([]health.Alert, len(services))
	for i, service := range services {
		alerts[i].Service = service
	}
	return alerts
}

func TestGroupsThatAreTooLargeGoInParts(t *testing.T) {
	fleet, in := newFleet(t, quiet), &inbox{}
	deliverTo(fleet, in, 2)
	require.NoError(t, fleet.Notify(t.Context(), "ops", named("a", "b", "c", "d", "e")))
	require.Equal(t, [][]health.Alert{named("a", "b"), named("c", "d"), named("e")}, in.groups)
	require.NoError(t, fleet.Notify(t.Context(), "ops", nil))
	require.Len(t, in.groups, 3, "no empty group is sent")
}

func TestFailureEndsTheDeliveryAndRefusalDoesNot(t *testing.T) {
	down, refused := errors.New("down"), alert.Refused{Err: errors.New("no, s3cret-token")}
	fleet, in := newFleet(t, quiet), &inbox{answers: []error{down}}
	deliverTo(fleet, in, 1)
	require.ErrorIs(t, fleet.Notify(t.Context(), "ops", named("a", "b", "c")), down)
	require.Len(t, in.groups, 1)

	in = &inbox{answers: []error{nil, refused}}
	deliverTo(fleet, in, 1)
	err := fleet.Notify(t.Context(), "ops", named("a", "b", "c"))
	require.Len(t, in.groups, 3)
	require.EqualError(t, err, "no, ***")
	final, ok := errors.AsType[activities.Final](err)
	require.True(t, ok && final.Final(), "a group of which a part was refused is not sent again")
}

func TestAlertsLinkToTheirIncident(t *testing.T) {
	incident := health.Alert{Workflow: "remediation/web/a b", Run: "01a1-fb43"}
	const page = "/namespaces/ops%2Fteam/workflows/remediation%2Fweb%2Fa%20b/01a1-fb43/history"
	for name, c := range map[string]struct {
		config string
		links  Links
		alert  health.Alert
		want   string
	}{
		"embedded":     {quiet, Links{"http://127.0.0.1:8233", "ops/team"}, incident, "http://127.0.0.1:8233" + page},
		"configured":   {quiet + "web_ui: https://ui.example/temporal\n", Links{"http://127.0.0.1:8233", "ops/team"}, incident, "https://ui.example/temporal" + page},
		"slash":        {quiet, Links{"https://ui.example/", "ops/team"}, incident, "https://ui.example" + page},
		"secret":       {quiet, Links{"https://s3cret-token@ui.example", "ops/team"}, incident, "https://***@ui.example" + page},
		"no Web UI":    {quiet, Links{"", "ops/team"}, incident, ""},
		"no namespace": {quiet, Links{"http://127.0.0.1:8233", ""}, incident, ""},
		"no incident":  {quiet, Links{"http://127.0.0.1:8233", "ops/team"}, health.Alert{Service: "web"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fleet, in := newFleet(t, c.config), &inbox{}
			deliverTo(fleet, in, 1)
			fleet.LinkTo(c.links)
			require.NoError(t, fleet.Notify(t.Context(), "ops", []health.Alert{c.alert}))
			require.Equal(t, c.want, in.groups[0][0].Link)
		})
	}
}

func TestNotifyLeavesTheCallersAlertsAlone(t *testing.T) {
	fleet, in := newFleet(t, quiet), &inbox{}
	deliverTo(fleet, in, 1)
	fleet.LinkTo(Links{WebUI: "http://127.0.0.1:8233", Namespace: "default"})
	sent := []health.Alert{{Reason: "s3cret-token", Labels: map[string]string{"team": "s3cret-token"}, Workflow: "w", Run: "r"}}
	require.NoError(t, fleet.Notify(t.Context(), "ops", sent))
	require.Equal(t, "***", in.groups[0][0].Labels["team"])
	require.Equal(t, []health.Alert{{Reason: "s3cret-token", Labels: map[string]string{"team": "s3cret-token"}, Workflow: "w", Run: "r"}}, sent)
}

func TestGroupingComesFromTheConfigurationAndTheKind(t *testing.T) {
	fleet := newFleet(t, quiet+`  slow: {log: {}, group_wait: 45s}
  chat: {url: {url: "ntfy://ntfy.example/topic"}}
`)
	kinds := map[string]alert.Kind{}
	for _, kind := range alert.Kinds() {
		kinds[kind.Name] = kind
	}
	for name, want := range map[string]activities.Grouping{
		"ops":  {Wait: health.Duration(kinds["webhook"].GroupWait), Batch: kinds["webhook"].Batch},
		"slow": {Wait: health.Duration(45 * time.Second), Batch: kinds["log"].Batch},
		"log":  {Wait: health.Duration(kinds["log"].GroupWait), Batch: kinds["log"].Batch},
		"chat": {Wait: health.Duration(kinds["url"].GroupWait), Batch: kinds["url"].Batch},
	} {
		got, err := fleet.Grouping(name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		require.Positive(t, got.Batch)
	}
	_, err := fleet.Grouping("boss")
	require.ErrorIs(t, err, activities.ErrNotConfigured)
}

func TestEachLanguageHasItsTextsOnce(t *testing.T) {
	books := library{open: map[string]*alert.Texts{}}
	english, err := books.texts("en")
	require.NoError(t, err)
	spanish, err := books.texts("es")
	require.NoError(t, err)
	again, err := books.texts("en")
	require.NoError(t, err)
	require.Same(t, english, again)
	require.NotSame(t, english, spanish)
}

// A real receiver answers a group with its own kind of error, which keeps its
// meaning on the way out.
func TestReceiversErrorsKeepTheirMeaning(t *testing.T) {
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer busy.Close()
	fleet := newFleet(t, `
services:
  - {name: web, probe: {tcp: {address: "127.0.0.1:1"}}}
alerts:
  ops: {webhook: {url: "`+busy.URL+`"}}
`)
	err := fleet.Notify(t.Context(), "ops", named("web"))
	delayed, ok := errors.AsType[activities.Delayed](err)
	require.True(t, ok)
	require.Equal(t, 7*time.Second, delayed.RetryAfter())
}
