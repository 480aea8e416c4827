package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/store"
)

func TestTargetLifecycle(t *testing.T) {
	w := newWorld(t).fill().fleet()
	got := w.post(shopsPath, `{"target":"https://new.example/x y","labels":{}}`)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	const name = "https://new.example/x?y=1#z"
	got = w.post(shopsPath, `{"target":"`+name+`","labels":{"tier":"new"}}`)
	require.Equal(t, http.StatusCreated, got.status, got.body)
	at := got.header.Get("Location")
	require.Equal(t, shopsPath+"/"+url.PathEscape(name), at)
	require.Contains(t, namesOf(w.list("?label=tier%3Dnew")), name, "it is known at once")
	shown := w.get(at)
	require.Equal(t, got.body, shown.body)
	require.Equal(t, got.header.Get("ETag"), shown.header.Get("ETag"))
	w.refused(http.MethodPost, shopsPath, `{"target":"`+name+`"}`, 409, "is registered already; change it with PUT at "+at)

	old := shown.header.Get("ETag")
	got = w.tell(http.MethodPut, at, `{"labels":{"tier":"newer"}}`, "If-Match", old)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var changed TargetDetail
	got.read(t, &changed)
	require.Positive(t, changed.Version)
	require.Equal(t, map[string]string{"tier": "newer"}, changed.Labels)
	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		body := map[string]string{http.MethodPut: `{"labels":{}}`}[method]
		got = w.tell(method, at, body, "If-Match", old)
		require.Equal(t, http.StatusPreconditionFailed, got.status, got.body)
		require.Contains(t, got.problem(t), fmt.Sprintf("is version %d now", changed.Version))
	}
	got = w.tell(http.MethodPut, at, `{}`, "If-None-Match", "*")
	require.Equal(t, http.StatusPreconditionFailed, got.status)

	require.Equal(t, http.StatusNoContent, w.tell(http.MethodDelete, at, "", "If-Match", `"x.1", `+changed.etag(w)).status)
	require.Equal(t, http.StatusNotFound, w.get(at).status)
	require.Equal(t, http.StatusNotFound, w.tell(http.MethodDelete, at, "").status)
	require.Equal(t, http.StatusPreconditionFailed, w.tell(http.MethodPut, at, `{}`, "If-Match", "*").status)
	require.NotContains(t, namesOf(w.list("")), name)

	got = w.tell(http.MethodPut, at, `{"target":"`+name+`"}`, "If-None-Match", "*")
	require.Equal(t, http.StatusCreated, got.status, got.body)
	require.Equal(t, at, got.header.Get("Location"))
	got = w.tell(http.MethodPut, at, `{}`, "If-Match", old)
	require.Equal(t, http.StatusPreconditionFailed, got.status, "one that was made anew is another")
	require.Equal(t, http.StatusOK, w.tell(http.MethodPut, at, `{"labels":{"a":"b"}}`).status, "without a condition whatever is there is replaced")
}

// etag is the one that it was sent with.
func (d TargetDetail) etag(w *world) string {
	return w.get(shopsPath + "/" + url.PathEscape(d.Target.Target)).header.Get("ETag")
}

func TestTargetsThatCannotBeChanged(t *testing.T) {
	w := newWorld(t).fill().fleet()
	for name, why := range map[string]string{
		slashed:       `is in the configuration's list; change it there`,
		"10.0.0.4:80": `comes from the file_sd file of the configuration; change it there`,
	} {
		at := shopsPath + "/" + url.PathEscape(name)
		w.refused(http.MethodPost, shopsPath, `{"target":"`+name+`"}`, 409, why)
		w.refused(http.MethodPut, at, `{}`, 409, why)
		w.refused(http.MethodDelete, at, "", 409, why)
	}
	const how = `set targets.api: true for the service in the configuration`
	w.refused(http.MethodPost, "/api/v1/services/printers/targets", `{"target":"p2"}`, 409, `the targets of "printers" cannot be changed here, as they come from the configuration's list; to allow it, `+how)
	w.refused(http.MethodDelete, "/api/v1/services/printers/targets/p1", "", 409, how)
	w.refused(http.MethodPost, "/api/v1/services/printers/targets/import", line, 409, how)
	w.refused(http.MethodPost, "/api/v1/services/web/targets", `{"target":"p2"}`, 409, `service "web" has no targets; to let them be registered here, `+how)
	w.refused(http.MethodGet, "/api/v1/services/web/targets", "", 404, `service "web" has no targets; it is its own`)
	w.refused(http.MethodGet, "/api/v1/services/web/targets/x", "", 404, `service "web" has no targets`)
	for _, path := range []string{"", "/x", "/import"} {
		w.refused(http.MethodPost, "/api/v1/services/wbe/targets"+strings.Replace(path, "/x", "", 1), `{}`, 404, `there is no service "wbe"`)
	}
	w.refused(http.MethodPut, "/api/v1/services/wbe/targets/x", `{}`, 404, `there is no service "wbe"`)
	w.refused(http.MethodGet, shopsPath+"/nobody", "", 404, `service "shops" has no target "nobody"; /api/v1/services/shops/targets lists them`)
	w.refused(http.MethodDelete, shopsPath+"/nobody", "", 404, "has no target")
}

func TestTargetsAreChecked(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		o.CheckTarget = func(service string, target health.Target) error {
			if target.Labels["port"] == "" {
				return errors.New(`probe.http.url: it has no label "port"`)
			}
			return nil
		}
	}).fill().fleet()
	for body, want := range map[string]struct {
		status int
		detail string
	}{
		`{"target":"a"}`:   {422, `target "a" cannot be probed as "shops" says: probe.http.url: it has no label "port"`},
		`{}`:               {422, "the name of a target is empty"},
		`{"target":"a b"}`: {422, "cannot name a target"},
		`{"target":"<a>"}`: {422, "cannot name a target"},
		`{"target":"` + strings.Repeat("x", 201) + `"}`:    {422, "has 201 bytes; write at most 200"},
		`{"target":"import","labels":{"port":"1"}}`:        {422, `a target cannot be called "import"`},
		`{"target":"..","labels":{"port":"1"}}`:            {422, `a target cannot be called ".."`},
		`{"target":"a","labels":{"1":"x"}}`:                {422, "cannot name a label"},
		`{"target":"a","labels":{"x":"a\u0000"}}`:          {422, "control characters"},
		`{"target":"a","labels":{"x":1}}`:                  {422, "labels"},
		`{"target":"a","label":{}}`:                        {400, `unknown field "label"`},
		`[]`:                                               {400, "the body is a JSON array"},
		`{"target":"a"`:                                    {400, "the body is not JSON"},
		`{"target":"` + strings.Repeat("x", 65<<10) + `"}`: {413, "the body is larger than 65536 bytes"},
	} {
		w.refused(http.MethodPost, shopsPath, body, want.status, want.detail)
	}
	w.refused(http.MethodPut, shopsPath+"/a", `{"target":"b"}`, 422, `the body names "b", and the address "a"; a target cannot be renamed`)
	w.refused(http.MethodPut, shopsPath+"/a%20b", `{}`, 422, "cannot name a target")
	w.refused(http.MethodGet, shopsPath+"?state=up", "", 422, `state: unknown value "up"`)
	w.refused(http.MethodGet, shopsPath+"?cursor=%21", "", 422, "cursor: \"!\" is none")
	w.refused(http.MethodGet, shopsPath+"?limit=1001", "", 422, "limit")
	w.refused(http.MethodGet, shopsPath+"?offset=1", "", 400, "unknown parameter")
	w.refused(http.MethodGet, shopsPath+"/a?x=1", "", 400, "unknown parameter")
	w.refused(http.MethodGet, "/api/v1/services/shops/days?target=a%20b", "", 422, "target: ")
	w.refused(http.MethodGet, "/api/v1/incidents?target=a", "", 422, "target: say of which service")
	require.Len(t, w.list("").Items, 5, "nothing was taken")
}

// TestTargetsAreKeptBeforeTheAnswer: what was answered is in the store.
func TestTargetsAreKeptBeforeTheAnswer(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Refresh = nil }).fill().fleet()
	require.Equal(t, http.StatusCreated, w.post(shopsPath, `{"target":"new:80"}`).status)
	_, err := w.store.RegisteredTarget(t.Context(), store.Key{Service: "shops", Target: "new:80"})
	require.NoError(t, err)
	var shown TargetDetail
	w.get(shopsPath+"/new:80").read(t, &shown)
	require.Equal(t, health.StateUnknown, shown.State, "nobody has heard of it yet")
}
