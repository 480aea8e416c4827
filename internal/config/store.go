package config

import (
	"net/url"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Store says where results, incidents and alerts are kept, and how long.
type Store struct {
	// URL is that of a PostgreSQL database; empty means a SQLite file in the
	// worker's data directory.
	URL option.Secret `yaml:"url" doc:"The PostgreSQL database for results, incidents and alerts, like postgres://user:password@host/paramedic; it is never shown. A SQLite file, paramedic.db in the worker's data directory, unless set."`
	// Cache is the URL of a Redis server; empty means none.
	Cache option.Secret `yaml:"cache" doc:"A Redis server through which several workers share the latest status, like redis://user:password@host:6379/0, or rediss:// for TLS; it is never shown. None unless set."`
	// Results are single probes that passed, Failures those that did not; it
	// is at least Results.
	Results  health.Duration `yaml:"results" min:"1h" max:"8760h" doc:"How long the results of single probes are kept, 1h to 8760h; 48h unless set."`
	Failures health.Duration `yaml:"failures" min:"1h" max:"87600h" doc:"How long the results of failed probes are kept, with their messages, at least as long as the others and at most 87600h; 720h (30 days), or as long as results, if that is longer, unless set."`
	// Hours and Days are sums of results.
	Hours health.Duration `yaml:"hours" min:"48h" max:"8760h" doc:"How long the sums of hours are kept, for charts and the uptime of a day, 48h to 8760h; 336h (14 days) unless set."`
	Days  health.Duration `yaml:"days" min:"768h" max:"87600h" doc:"How long the sums of days are kept, for the uptime of a month and the state timeline, 768h (32 days) to 87600h; 9600h (400 days) unless set."`
	// Incidents are the closed ones, with their alerts.
	Incidents health.Duration `yaml:"incidents" min:"24h" max:"87600h" doc:"How long closed incidents are kept, with their alerts, 24h to 87600h; 8760h (365 days) unless set."`
}

// builtinStore is what holds when the file says nothing.
func builtinStore() Store {
	const day = 24 * time.Hour
	return Store{
		Results: health.Duration(2 * day), Failures: health.Duration(30 * day),
		Hours: health.Duration(14 * day), Days: health.Duration(400 * day),
		Incidents: health.Duration(365 * day),
	}
}

// store checks the addresses of the store and its times against each other. A
// time that nobody wrote never contradicts one that somebody did.
func (c *checker) store() {
	s := &c.doc.Store
	c.server("store.url", s.URL, "postgres://user:password@host/paramedic, or leave it out for a SQLite file", "postgres", "postgresql")
	c.server("store.cache", s.Cache, "redis://host:6379/0, or rediss:// for TLS, or leave it out for none", "redis", "rediss")
	results, failures := "store.results", "store.failures"
	switch {
	case s.Failures >= s.Results || c.d.isFailed(results) || c.d.isFailed(failures):
	case c.written(failures):
		c.wrong(failures, "failures, %s, is shorter than results, %s%s, so that of an outage only what passed would remain; make it at least %s",
			s.Failures, s.Results, c.origin("store", "results"), s.Results)
	default:
		s.Failures = s.Results
	}
}

// server checks the address of a server. The password in it is a secret by
// itself too, for a library may show the one without the other.
func (c *checker) server(path string, address option.Secret, like string, schemes ...string) {
	if !c.written(path) || c.d.isFailed(path) {
		return
	}
	parsed, err := url.Parse(address.Reveal())
	switch {
	case address.Empty():
		c.wrong(path, "%s is empty; write it like %s", keyOf(path), like)
	case err != nil || !slices.Contains(schemes, parsed.Scheme) || parsed.Hostname() == "" && parsed.Query().Get("host") == "",
		path == "store.cache" && !isRedis(address):
		c.wrong(path, "%s is not an address of that kind; write it like %s", keyOf(path), like)
	default:
		password, _ := parsed.User.Password()
		c.d.env.keep(password)
		c.d.env.keep(parsed.Query().Get("password"))
	}
}

// isRedis reports whether the library can read an address: its path is the
// number of a database, and its query holds options of the library.
func isRedis(address option.Secret) bool {
	_, err := redis.ParseURL(address.Reveal())
	return err == nil
}
