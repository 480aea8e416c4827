package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/remedy"
)

const secret = "s3cret-token"

// fill puts a secret into every text below v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("before " + secret + " after")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"team": "before " + secret + " after"}))
	}
}

// filled is a T with a secret in every text.
func filled[T any]() T {
	var value T
	v := reflect.ValueOf(&value).Elem()
	for i := range v.NumField() {
		fill(v.Field(i))
	}
	return value
}

// telling names the fields of value that show the secret.
func telling(value any) []string {
	var names []string
	v := reflect.ValueOf(value)
	for i := range v.NumField() {
		if strings.Contains(fmt.Sprint(v.Field(i).Interface()), secret) {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	return names
}

func TestAlertsTellNoSecret(t *testing.T) {
	fleet, in := newFleet(t, quiet), &inbox{}
	deliverTo(fleet, in, 1)
	full := filled[health.Alert]()
	require.Contains(t, telling(full), "Evidence")
	fleet.LinkTo(Links{WebUI: "http://" + secret, Namespace: "default"})
	full.Workflow, full.Run = "workflow", "run"
	require.NoError(t, fleet.Notify(t.Context(), "ops", []health.Alert{full}))
	left := in.groups[0][0]
	require.Equal(t, "http://***/namespaces/default/workflows/workflow/run/history", left.Link)
	require.Equal(t, "before *** after", left.Evidence)
	// These are words of paramedic itself and names under which incidents are
	// known everywhere. A new field is either masked or joins them here.
	require.ElementsMatch(t, []string{
		"Stage", "Status", "Incident", "Service", "Target", "Severity", "Affected", "Outcome", "DedupKey",
	}, telling(left))
}

// careless is a remedy that shows what it should not.
type careless struct{ err error }

func (c careless) Apply(context.Context, remedy.Request) (health.Treatment, error) {
	told := filled[health.Treatment]()
	told.Effect = health.Applied
	return told, c.err
}

func (careless) Evidence(context.Context, int) (string, error) {
	return "log: " + secret, errors.New("journal of " + secret)
}

func (careless) Close() error { return nil }

func TestTreatmentsTellNoSecret(t *testing.T) {
	server := httptest.NewServer(echo(http.StatusInternalServerError))
	defer server.Close()
	fleet := newFleet(t, fmt.Sprintf(oneService, server.URL, server.URL))
	web := fleet.current.services["web"]
	asking := activities.RemediateInput{Service: "web"}
	with := func(s step) {
		web.steps = []step{s}
		fleet.current.services["web"] = web
	}

	with(step{remedy: careless{}, after: web.prober, timeout: 50 * time.Millisecond, evidence: 5})
	treatment, err := fleet.Remediate(t.Context(), asking, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Failed, treatment.Effect)
	require.Empty(t, telling(treatment))
	require.Contains(t, treatment.Detail, "post-check failed: ")
	require.Equal(t, 2, strings.Count(treatment.Detail, option.Mask), "the remedy's and the page's")
	require.Contains(t, treatment.Evidence, "log: "+option.Mask)
	require.Equal(t, []string{"the evidence is not complete: journal of ***", "before *** after"}, treatment.Notes)

	with(step{remedy: careless{}, before: web.prober, timeout: time.Second})
	treatment, err = fleet.Remediate(t.Context(), asking, fresh(t))
	require.NoError(t, err)
	require.Equal(t, health.Skipped, treatment.Effect)
	require.Empty(t, telling(treatment))
	require.Contains(t, treatment.Detail, option.Mask)

	with(step{remedy: careless{err: remedy.Final{Err: errors.New("no: " + secret)}}})
	_, err = fleet.Remediate(t.Context(), asking, fresh(t))
	require.EqualError(t, err, "no: ***")
	final, ok := errors.AsType[activities.Final](err)
	require.True(t, ok && final.Final())
}
