// Package web shows what paramedic knows: a status page for people and
// /healthz for whatever watches the watcher. There is no authentication, so it
// listens on loopback only and answers only to loopback names; the pages load
// nothing from anywhere and run no script.
package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"paramedic/internal/supervise"
)

// Options say what the pages show.
type Options struct {
	// Health is asked for the parts of this process; required.
	Health func() supervise.Health
	// Services is asked for the rows of the status page; nil means none.
	Services func() []ServiceRow
	// UIURL is the address of the Temporal Web UI; empty leaves the link out.
	UIURL string
	// Log gets what goes wrong while answering; required.
	Log *slog.Logger
}

// site is what the handlers share.
type site struct {
	Options
	now func() time.Time
}

// route is one page: a pattern of http.ServeMux without the method, and the
// methods it answers to.
type route struct {
	pattern string
	methods []string
	handler http.HandlerFunc
	// anyHost skips the check of the Host header. Load balancers send whatever
	// they like there, and such a page tells nothing that matters.
	anyHost bool
}

var reading = []string{http.MethodGet, http.MethodHead}

func (s *site) routes() []route {
	return []route{
		{pattern: "/{$}", methods: reading, handler: s.statusPage},
		{pattern: "/healthz", methods: reading, handler: s.healthz, anyHost: true},
		{pattern: "/", methods: reading, handler: s.notFound},
	}
}

// New returns the handler of all pages.
func New(options Options) http.Handler {
	return (&site{Options: options, now: time.Now}).handler()
}

func (s *site) handler() http.Handler {
	if s.Services == nil {
		s.Services = func() []ServiceRow { return nil }
	}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		handler := allow(r.methods, r.handler)
		if !r.anyHost {
			handler = loopbackHost(handler)
		}
		mux.Handle(r.pattern, handler)
	}
	return secured(s.recovered(mux))
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
