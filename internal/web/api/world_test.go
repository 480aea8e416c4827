package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"

	"paramedic/activities"
	"paramedic/internal/board"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/internal/store"
	"paramedic/internal/supervise"
	"paramedic/internal/targets"
	"paramedic/internal/web/access"
	"paramedic/workflows"
)

// world is a deployment with a real board over a real store. Only Temporal is
// stood in for, by orders, which records what it is told.
type world struct {
	t      *testing.T
	now    time.Time
	board  *board.Board
	store  *store.Store
	orders *orders
	// sources say where the targets of services come from; book holds them.
	sources map[string]targets.Source
	book    *targets.Book
	// who asks, and how long a body may be.
	who     access.Identity
	options Options
	mux     *http.ServeMux
	routes  routers.Router
}

// straight writes to the store at once, so that a test sees what it has put in.
type straight struct {
	t     *testing.T
	store *store.Store
}

func (s straight) Put(batch store.Batch) { require.NoError(s.t, s.store.Write(s.t.Context(), batch)) }

func (s straight) Archive(ctx context.Context, incident health.Incident) error {
	return s.store.Write(ctx, store.Batch{Incidents: []health.Incident{incident}})
}

func (s straight) Settled(context.Context) error { return nil }

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	opened, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, opened.Close()) })
	w := &world{
		t: t, now: time.Now().UTC().Truncate(time.Millisecond), store: opened, orders: &orders{},
		board: board.New(straight{t, opened}, slog.New(slog.DiscardHandler)),
		who:   access.Identity{Name: "ana", Role: access.Admin, Method: access.MethodToken},
		book:  targets.NewBook(opened, slog.New(slog.DiscardHandler)),
	}
	w.board.SetTargets(w.book.List)
	w.options = Options{
		Board: w.board, Store: opened, Log: slog.New(slog.DiscardHandler), Version: "v1.2.3",
		Operator: func(context.Context) (Operator, error) { return w.orders, nil },
		Now:      func() time.Time { return w.now },
		Health: func() supervise.Health {
			return supervise.Health{Status: supervise.Healthy, Timestamp: w.now, Parts: map[string]supervise.Mark{
				"http-server": {Status: supervise.Healthy, Since: w.now},
			}}
		},
		WebUI:       func(workflow, run string) string { return "http://127.0.0.1:8233/" + workflow + "/" + run },
		SystemAlert: func() []string { return []string{"ops", "pager"} },
		Grouping: func(string) (activities.Grouping, error) {
			return activities.Grouping{Wait: health.Duration(time.Second), Batch: 20}, nil
		},
		Targets: func(service string) (targets.Source, bool) { source, has := w.sources[service]; return source, has },
		Refresh: func(service string) { require.NoError(t, w.book.Refresh(context.Background(), service)) },
	}
	for _, f := range change {
		f(&w.options)
	}
	w.assemble()
	return w
}

// bodyLimit is what the assembled pages allow unless a route says otherwise.
const bodyLimit = 64 << 10

// assemble does what the assembled pages do besides guarding.
func (w *world) assemble() {
	w.t.Helper()
	api, err := New(w.options)
	require.NoError(w.t, err)
	w.mux = http.NewServeMux()
	for _, r := range api.Routes() {
		w.mux.HandleFunc(r.Method+" "+r.Pattern, func(answer http.ResponseWriter, request *http.Request) {
			request.Body = http.MaxBytesReader(answer, request.Body, cmp.Or(r.BodyLimit, bodyLimit))
			r.Handler(answer, request.WithContext(access.With(request.Context(), w.who)))
		})
	}
	w.routes, err = documented()
	require.NoError(w.t, err)
}

// documented finds operations of the document. It is made once: checking the
// document takes longer than any test.
var documented = sync.OnceValues(func() (routers.Router, error) {
	openapi3filter.RegisterBodyDecoder(typeNDJSON, openapi3filter.PlainBodyDecoder)
	doc, err := load()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

// load reads and checks the document.
func load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaDefaultsValidation())
}

// described is the document as it is served, checked.
func described(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := load()
	require.NoError(t, err)
	return doc
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// get and post ask as most programs do.
func (w *world) get(path string) answer        { return w.ask(http.MethodGet, path, "") }
func (w *world) post(path, body string) answer { return w.ask(http.MethodPost, path, body) }

func (w *world) ask(method, path, body string) answer {
	w.t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if strings.HasSuffix(path, "/import") {
		request.Header.Set("Content-Type", typeNDJSON)
	}
	return w.send(request)
}

// send asks, and holds the answer against the document.
func (w *world) send(request *http.Request) answer {
	w.t.Helper()
	sent, err := io.ReadAll(request.Body)
	require.NoError(w.t, err)
	request.Body = io.NopCloser(bytes.NewReader(sent))
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, request.WithContext(w.t.Context()))
	got := answer{recorder.Code, recorder.Header(), recorder.Body.String()}
	request.Body = io.NopCloser(bytes.NewReader(sent))
	w.check(request, got)
	return got
}

// check holds an answer, and the request if it was taken, against the document.
// What the mux itself answers is not of this package.
func (w *world) check(request *http.Request, got answer) {
	w.t.Helper()
	if strings.HasPrefix(got.header.Get("Content-Type"), "text/") || got.status == http.StatusTemporaryRedirect {
		return
	}
	found, parameters, err := w.routes.FindRoute(request)
	require.NoError(w.t, err, "%s %s", request.Method, request.URL)
	options := &openapi3filter.Options{
		IncludeResponseStatus: true, MultiError: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.EnableFormatValidation()},
	}
	in := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: found, Options: options}
	if got.status < http.StatusBadRequest {
		require.NoError(w.t, openapi3filter.ValidateRequest(w.t.Context(), in), "%s %s", request.Method, request.URL)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: got.status, Header: got.header, Options: options}
	require.NoError(w.t, openapi3filter.ValidateResponse(w.t.Context(), out.SetBodyBytes([]byte(got.body))),
		"%s %s: %s", request.Method, request.URL, got.body)
}

// orders records what is ordered, and answers as a Monitor or an incident does.
type orders struct {
	mu    sync.Mutex
	told  []any
	state workflows.MonitorState
	fail  error
	// failFor fails for one service or receiver only.
	failFor map[string]error
	pending bool
}

// told is one order.
type order struct {
	what string
	of   string
	in   any
}

func (o *orders) take(what, of string, in any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, order{what, of, in})
	return cmp.Or(o.fail, o.failFor[of])
}

func (o *orders) ProbeNow(_ context.Context, service string, limit time.Duration) (workflows.MonitorState, error) {
	return o.state, o.take("probe", service, limit)
}

func (o *orders) Pause(_ context.Context, service string, in workflows.Pause) (workflows.MonitorState, error) {
	return o.state, o.take("pause", service, in)
}

func (o *orders) Resume(_ context.Context, service string, in workflows.Resume) (workflows.MonitorState, error) {
	return o.state, o.take("resume", service, in)
}

func (o *orders) Maintain(_ context.Context, service string, in workflows.Span) (workflows.MonitorState, error) {
	return o.state, o.take("maintain", service, in)
}

func (o *orders) Silence(_ context.Context, service string, in workflows.Span) (workflows.MonitorState, error) {
	return o.state, o.take("silence", service, in)
}

func (o *orders) SetMode(_ context.Context, service string, in workflows.SetMode) (workflows.MonitorState, error) {
	return o.state, o.take("mode", service, in)
}

func (o *orders) Instruct(_ context.Context, service, instruction string, in workflows.Instruction) (operator.Receipt, error) {
	return operator.Receipt{
		Service: service, Instruction: instruction, By: in.By, Note: in.Note, Text: "it is so", Pending: o.pending,
	}, o.take(instruction, service, in)
}

func (o *orders) Rearm(ctx context.Context, service string, in workflows.Instruction) (operator.Receipt, error) {
	return o.Instruct(ctx, service, workflows.Rearm, in)
}

func (o *orders) Resend(_ context.Context, receiver string, in workflows.Resend) (int, error) {
	return 2, o.take("resend", receiver, in)
}

func (o *orders) PostAlert(_ context.Context, receiver string, grouping activities.Grouping, alert health.Alert) error {
	return o.take("post", receiver, activities.Post{Receiver: receiver, Alert: alert, Grouping: grouping})
}

// read reads the body of an answer.
func (a answer) read(t *testing.T, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(a.body), into), a.body)
}
