package config

import (
	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Route says who is told of some services.
type Route struct {
	// Match selects services; without any key it selects all.
	Match Match `yaml:"match,omitempty" doc:"The services that this route is for: those to which every key applies. Without any key it is for every service, which only the last route may be."`
	// Alerts names receivers; there is at least one.
	Alerts []string `yaml:"alerts" required:"true" doc:"The receivers to tell."`
	// Continue has the routes after this one looked at too.
	Continue bool `yaml:"continue,omitempty" doc:"Whether the routes after this one are looked at too when it matches."`
}

// Match selects services. A key that is not written selects all of them.
type Match struct {
	Service  []string          `yaml:"service,omitempty" single:"true" doc:"A name or a pattern like \"click*\", or a list of them, of which one must match."`
	Severity []string          `yaml:"severity,omitempty" enum:"P0,P1,P2,P3" doc:"Severities, of which one must be the service's."`
	Labels   map[string]string `yaml:"labels,omitempty" doc:"Labels that the service must have, with these values."`
}

// ResponseTimes are how soon a human is expected to respond, by severity. None
// is longer than that of a lesser severity.
type ResponseTimes struct {
	P0 health.Duration `yaml:"P0" min:"1s" doc:"15m unless set."`
	P1 health.Duration `yaml:"P1" min:"1s" doc:"1h unless set."`
	P2 health.Duration `yaml:"P2" min:"1s" doc:"4h unless set."`
	P3 health.Duration `yaml:"P3" min:"1s" doc:"24h unless set."`
}

// Heartbeat says whom to tell that all services are watched on time.
type Heartbeat struct {
	// URL is a key to the service that it belongs to.
	URL option.Secret `yaml:"url" required:"true" doc:"The http or https address to call; it is never shown."`
	// Every is the time between two calls.
	Every health.Duration `yaml:"every" min:"1s" doc:"The time between two calls; 60s unless set."`
}
