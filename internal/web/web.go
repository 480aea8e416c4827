// Package web serves what paramedic knows to people and to programs. It guards
// one table of endpoints, which packages pages, api, access and metrics fill:
// the method, the host, who asks, from where, and how much they send are looked
// at here, once for all of them. Nothing that is served loads anything from
// elsewhere.
package web

import (
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"paramedic/internal/web/access"
	"paramedic/internal/web/problem"
	"paramedic/internal/web/route"
)

// Options say what is served and to whom.
type Options struct {
	// Routes are all endpoints; two with one method and pattern are refused.
	Routes []route.Route
	// Guard knows who may do what; required.
	Guard *access.Guard
	// Failed answers a person with a page that says what went wrong; nil answers
	// with a line of text.
	Failed func(w http.ResponseWriter, r *http.Request, status int, sentence string)
	// Notice shows people why they are not let in; nil shows it without style.
	Notice func(w http.ResponseWriter, r *http.Request, notice access.Notice)
	// Log gets what goes wrong while answering; required.
	Log *slog.Logger
}

const (
	// bodyLimit bounds a request's body unless its route says otherwise, in bytes.
	bodyLimit = 64 << 10
	// answerLimit bounds how long an answer may take, streams excepted.
	answerLimit = 15 * time.Second
)

// New returns the handler of all endpoints.
func New(options Options) (http.Handler, error) {
	s := &site{Options: options}
	mux := http.NewServeMux()
	byPattern := map[string][]route.Route{}
	var patterns []string
	for _, r := range options.Routes {
		for _, other := range byPattern[r.Pattern] {
			if other.Method == r.Method {
				return nil, fmt.Errorf("web: there are two routes for %s %s", r.Method, r.Pattern)
			}
		}
		if byPattern[r.Pattern] == nil {
			patterns = append(patterns, r.Pattern)
		}
		byPattern[r.Pattern] = append(byPattern[r.Pattern], r)
	}
	for _, pattern := range patterns {
		if err := handle(mux, pattern, s.methods(byPattern[pattern])); err != nil {
			return nil, err
		}
	}
	for pattern, handler := range options.Guard.Routes() {
		if err := handle(mux, pattern, s.ownHost(options.Guard.SameOrigin(handler))); err != nil {
			return nil, err
		}
	}
	if options.Notice != nil {
		options.Guard.ShowNotices(options.Notice)
	}
	return secured(s.recovered(mux)), nil
}

// handle makes an error of the panic with which http.ServeMux refuses a
// pattern.
func handle(mux *http.ServeMux, pattern string, handler http.Handler) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("web: route %s: %v", pattern, cause)
		}
	}()
	mux.Handle(pattern, handler)
	return nil
}

// site is what the endpoints share.
type site struct{ Options }

// methods answers with the route of the request's method; others get 405 and
// the list of those allowed.
func (s *site) methods(routes []route.Route) http.Handler {
	handlers := map[string]http.Handler{}
	var allowed []string
	for _, r := range routes {
		handlers[r.Method] = s.guarded(r)
		allowed = append(allowed, r.Method)
		if r.Method == http.MethodGet && !r.Stream {
			handlers[http.MethodHead] = handlers[r.Method]
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	list := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := handlers[r.Method]; handler != nil {
			handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", list)
		s.fail(w, r, routes[0].Page, http.StatusMethodNotAllowed, "This address answers to "+list+" only.")
	})
}

// guarded puts the guards before an endpoint: the host, the origin of what
// changes something, who asks, how much and how long.
func (s *site) guarded(r route.Route) http.Handler {
	var handler http.Handler = r.Handler
	if r.Page && r.Method == http.MethodPost {
		handler = s.wholeForm(handler)
	}
	handler = limited(r, handler)
	handler = s.Guard.Require(r.Role, r.Page, handler)
	handler = s.Guard.SameOrigin(handler)
	if !r.AnyHost {
		handler = s.ownHost(handler)
	}
	return handler
}

// limited bounds the body and the time of one request.
func limited(r route.Route, next http.Handler) http.Handler {
	limit := r.BodyLimit
	if limit <= 0 {
		limit = bodyLimit
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		request.Body = http.MaxBytesReader(w, request.Body, limit)
		control, deadline := http.NewResponseController(w), time.Now().Add(answerLimit)
		if r.Stream {
			deadline = time.Time{} // each of its writes has its own
		}
		// A recorder of a test knows no deadlines.
		_ = control.SetWriteDeadline(deadline)
		next.ServeHTTP(w, request)
	})
}

// wholeForm refuses a form that cannot be read to its end: what it asks for must
// not be done without the note that came after it.
func (s *site) wholeForm(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A form of another kind would be read in part only: by those who look for
		// a field, and without telling what is wrong with the others.
		if kind := r.Header.Get("Content-Type"); kind != "" && !isForm(kind) {
			s.fail(w, r, true, http.StatusUnsupportedMediaType, "A form is sent as application/x-www-form-urlencoded; nothing was done.")
			return
		}
		err := r.ParseForm()
		if err == nil {
			next.ServeHTTP(w, r)
			return
		}
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			s.fail(w, r, true, http.StatusRequestEntityTooLarge, fmt.Sprintf("The form is larger than %d bytes; nothing was done.", large.Limit))
			return
		}
		s.fail(w, r, true, http.StatusBadRequest, "The form could not be read; nothing was done.")
	})
}

func isForm(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// fail answers that something is wrong, to a person or to a program.
func (s *site) fail(w http.ResponseWriter, r *http.Request, page bool, status int, sentence string) {
	switch {
	case !page:
		problem.Write(w, r, status, sentence)
	case s.Failed != nil:
		s.Failed(w, r, status, sentence)
	default:
		http.Error(w, sentence, status)
	}
}

// recovered answers a panic of a handler with a 500 that says nothing about it.
func (s *site) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			s.Log.Error("page failed", "path", r.URL.Path, "panic", fmt.Sprint(cause))
			http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}
