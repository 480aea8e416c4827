package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/operator"
	"paramedic/internal/pipeline"
	"paramedic/internal/version"
	"paramedic/internal/web"
	"paramedic/internal/web/access"
	"paramedic/internal/web/api"
	"paramedic/internal/web/pages"
	"paramedic/internal/web/route"
	"paramedic/workflows"
)

// runHTTP serves the pages, the API, the health endpoints and the metrics.
func (p *process) runHTTP(ctx context.Context, ready func()) error {
	line := &directLine{temporal: p.temporal, taskQueue: apply.TaskQueue(p.cfg)}
	defer line.hangUp()
	handler, err := p.site(ctx, line)
	if err != nil {
		return err
	}
	listener, err := web.Listen(ctx, p.listen, p.cfg.HTTP.Open())
	if err != nil {
		return err
	}
	scheme := "http"
	if certificate := p.cfg.HTTP.TLS; certificate != nil {
		scheme = "https"
		plain := listener
		if listener, err = web.Encrypt(plain, certificate.Certificate, certificate.Key, p.log.Logger); err != nil {
			return errors.Join(err, plain.Close())
		}
	}
	address := cmp.Or(p.cfg.HTTP.PublicURL, fmt.Sprintf("%s://%s", scheme, listener.Addr()))
	p.say.set(lineStatus, fmt.Sprintf("%s/   health: %s/healthz", address, address))
	return web.Serve(ctx, listener, handler, ready)
}

// site is everything that is served.
func (p *process) site(ctx context.Context, line *directLine) (http.Handler, error) {
	links := func(workflow, run string) string { return p.fleet.IncidentLink(workflow, run) }
	build := version.Read().Version
	people, err := pages.New(pages.Options{
		Board: p.board, Store: p.store, Health: p.super.Health, WebUI: links, Log: p.log.Logger,
		Version: build, Done: ctx.Done(), PublicStatus: p.cfg.HTTP.StatusPage,
		Secure:   p.cfg.HTTP.TLS != nil || strings.HasPrefix(p.cfg.HTTP.PublicURL, "https://"),
		Pipeline: func() *pipeline.Panels { return p.inForce.Load().Pipeline },
		Operator: func(ctx context.Context) (pages.Operator, error) { return line.operator(ctx) },
	})
	if err != nil {
		return nil, fmt.Errorf("the pages: %w", err)
	}
	programs, err := api.New(api.Options{
		Board: p.board, Store: p.store, Health: p.super.Health, WebUI: links, Log: p.log.Logger,
		Version: build, Permits: p.permits, Configuration: p.configuration, Reload: p.reload,
		SystemAlert: func() []string { return p.inForce.Load().HTTP.SystemAlert },
		Grouping:    p.fleet.Grouping,
		Targets:     p.targetSource,
		CheckTarget: p.checkTarget,
		Refresh:     func(service string) { p.refreshTargets(ctx, service) },
		Pipeline: func() pipeline.Panels {
			if shown := p.inForce.Load().Pipeline; shown != nil {
				return *shown
			}
			return pipeline.Panels{}
		},
		Operator: func(ctx context.Context) (api.Operator, error) { return line.operator(ctx) },
	})
	if err != nil {
		return nil, fmt.Errorf("the API: %w", err)
	}
	scrape := route.Route{
		Method: http.MethodGet, Pattern: "/metrics", Role: access.Viewer, Handler: p.metrics.Handler().ServeHTTP,
	}
	routes := append(slices.Concat(people.Routes(), programs.Routes()), scrape)
	if p.agent {
		routes = slices.DeleteFunc(routes, func(r route.Route) bool { return !ofAgent[r.Pattern] })
	}
	return web.New(web.Options{Routes: routes, Guard: p.guard, Failed: people.Fail, Notice: people.Notice, Log: p.log.Logger})
}

// ofAgent are the endpoints of an agent, which sees no services.
var ofAgent = map[string]bool{"/healthz": true, "/metrics": true}

// accessOptions say who may do what as cfg says it. The address of the pages,
// and whether there is a provider to sign in at, stay as they were at the start.
func (p *process) accessOptions(cfg *config.Config) access.Options {
	configured, started := cfg.HTTP.Access, p.cfg.HTTP
	if (configured.OIDC == nil) != (started.Access.OIDC == nil) {
		configured.OIDC = started.Access.OIDC
	}
	options := access.Options{
		PublicURL: started.PublicURL, TLS: started.TLS != nil, Log: p.log.Logger,
		TrustedProxies: proxies(started.TrustedProxies),
	}
	for _, token := range configured.Tokens {
		options.Tokens = append(options.Tokens, access.Token{Name: token.Name, Hash: token.SHA256.Reveal(), Role: role(token.Role)})
	}
	for _, user := range configured.Users {
		options.Users = append(options.Users, access.User{Name: user.Name, Hash: user.Bcrypt.Reveal(), Role: role(user.Role)})
	}
	if o := configured.OIDC; o != nil {
		roles := make(map[string]access.Role, len(o.Roles))
		for value, name := range o.Roles {
			roles[value] = role(name)
		}
		options.OIDC = &access.OIDC{
			Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Claim: o.Claim, Roles: roles, Scopes: o.Scopes,
		}
	}
	return options
}

// role reads a name that the configuration has checked.
func role(name string) access.Role {
	r, _ := access.ParseRole(name)
	return r
}

// proxies reads addresses and networks that the configuration has checked.
func proxies(written []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range written {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			all = append(all, prefix)
		} else if address, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	return all
}

// permits is what was read of the Gatekeeper's books last.
func (p *process) permits() (workflows.Ledger, time.Time, bool) {
	known := p.books.Load()
	if known == nil {
		return workflows.Ledger{}, time.Time{}, false
	}
	return known.ledger, known.at, true
}

// configuration is the one in force as YAML, secrets masked.
func (p *process) configuration() string {
	var text strings.Builder
	if err := p.inForce.Load().WriteYAML(&text); err != nil {
		p.log.Error("writing the configuration in force: " + err.Error())
	}
	return text.String()
}

// directLine is the connection over which people's orders go to Temporal. It is
// made when it is needed first, and again after it could not be made.
type directLine struct {
	temporal  *connector
	taskQueue string

	mu         sync.Mutex
	connection *operator.Connection
}

func (d *directLine) operator(ctx context.Context) (*operator.Operator, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connection == nil {
		connection, err := d.temporal.dial(ctx)
		if err != nil {
			return nil, err
		}
		d.connection = connection
	}
	return operator.New(d.connection, d.taskQueue), nil
}

func (d *directLine) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.connection != nil {
		d.connection.Close()
	}
}
