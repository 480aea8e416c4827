package api

import (
	"net/http"

	"paramedic/internal/web/access"
	"paramedic/internal/web/route"
	"paramedic/workflows"
)

// Prefix is where the API for programs begins.
const Prefix = "/api/v1"

// Routes are all endpoints, each with the least role that may use it: to read a
// viewer, to act an operator, and an admin for what reaches beyond one service
// or shows the configuration.
func (a *API) Routes() []route.Route {
	var all []route.Route
	for _, some := range [][]route.Route{a.healthRoutes(), a.readingRoutes(), a.registryRoutes(), a.actingRoutes(), a.adminRoutes()} {
		all = append(all, some...)
	}
	return all
}

func (a *API) healthRoutes() []route.Route {
	return []route.Route{
		{Method: http.MethodGet, Pattern: "/healthz", Role: access.Public, AnyHost: true, Handler: a.reading(a.healthz)},
		{Method: http.MethodGet, Pattern: "/health", Role: access.Public, Handler: a.reading(a.overall)},
		{Method: http.MethodGet, Pattern: "/api/system/health", Role: access.Admin, Handler: a.reading(a.systemHealth)},
		{Method: http.MethodGet, Pattern: "/api/system/data-freshness", Role: access.Admin, Handler: a.reading(a.dataFreshness)},
		{Method: http.MethodPost, Pattern: "/api/admin/system-alert", Role: access.Operator, Handler: a.acting(actLimit, a.systemAlert)},
	}
}

func (a *API) readingRoutes() []route.Route {
	get := func(pattern string, h http.HandlerFunc) route.Route {
		return route.Route{Method: http.MethodGet, Pattern: Prefix + pattern, Role: access.Viewer, Handler: h}
	}
	return []route.Route{
		get("/services", a.reading(a.services)),
		get("/services/{service}", a.reading(a.one)),
		get("/services/{service}/points", a.reading(a.points)),
		get("/services/{service}/days", a.reading(a.days)),
		get("/services/{service}/failures", a.reading(a.failures)),
		get("/services/{service}/targets", a.replying(a.targetList)),
		get("/services/{service}/targets/{target}", a.replying(a.oneTarget)),
		get("/incidents", a.reading(a.incidents)),
		get("/incidents/{incident}", a.reading(a.oneIncident)),
		get("/report", a.reading(a.report)),
		get("/alerts", a.reading(a.alerts)),
		get("/outboxes", a.reading(a.outboxes)),
		get("/dead-letters", a.reading(a.deadLetters)),
		get("/permits", a.reading(a.permits)),
		get("/version", a.reading(a.version)),
		get("/openapi.json", a.openAPIJSON),
		get("/openapi.yaml", a.openAPIYAML),
	}
}

// registryRoutes change what is registered.
func (a *API) registryRoutes() []route.Route {
	change := func(method, pattern string, make func(*http.Request) (reply, error)) route.Route {
		return route.Route{
			Method: method, Pattern: Prefix + "/services/{service}/targets" + pattern, Role: access.Operator,
			Handler: within(actLimit, a.once(a.replying(make))),
		}
	}
	return []route.Route{
		change(http.MethodPost, "", a.createTarget),
		change(http.MethodPut, "/{target}", a.putTarget),
		change(http.MethodDelete, "/{target}", a.deleteTarget),
		{
			Method: http.MethodPost, Pattern: Prefix + "/services/{service}/targets/import", Role: access.Operator,
			BodyLimit: importBody, Handler: a.importTargets,
		},
	}
}

func (a *API) actingRoutes() []route.Route {
	post := func(pattern string, h http.HandlerFunc) route.Route {
		return route.Route{Method: http.MethodPost, Pattern: Prefix + pattern, Role: access.Operator, Handler: h}
	}
	all := []route.Route{
		post("/services/{service}/probe", a.acting(probeLimit, a.order(probe))),
		post("/services/{service}/pause", a.acting(actLimit, a.order(pause))),
		post("/services/{service}/resume", a.acting(actLimit, a.order(resume))),
		post("/services/{service}/maintain", a.acting(actLimit, a.order(a.window(maintain)))),
		post("/services/{service}/silence", a.acting(actLimit, a.order(a.window(silence)))),
		post("/services/{service}/rearm", a.acting(actLimit, a.rearm)),
		post("/maintain", a.acting(manyLimit, a.windows(maintain))),
		post("/silence", a.acting(manyLimit, a.windows(silence))),
	}
	for _, instruction := range []string{
		workflows.Acknowledge, workflows.Unacknowledge, workflows.Resolve, workflows.Retry, workflows.Approve,
	} {
		all = append(all, post("/incidents/{incident}/"+instruction, a.acting(actLimit, a.instruct(instruction))))
	}
	return all
}

func (a *API) adminRoutes() []route.Route {
	return []route.Route{
		{Method: http.MethodPost, Pattern: Prefix + "/services/{service}/mode", Role: access.Admin, Handler: a.acting(actLimit, a.order(setMode))},
		{Method: http.MethodPost, Pattern: Prefix + "/dead-letters/resend", Role: access.Admin, Handler: a.acting(manyLimit, a.resend)},
		{Method: http.MethodGet, Pattern: Prefix + "/configuration", Role: access.Admin, Handler: a.configuration},
		{Method: http.MethodPost, Pattern: Prefix + "/configuration/reload", Role: access.Admin, Handler: a.acting(manyLimit, a.reload)},
	}
}
