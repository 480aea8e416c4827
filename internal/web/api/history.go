package api

import (
	"net/http"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/operator"
)

const (
	pointsDefault = 24 * time.Hour
	daysDefault   = 90 * 24 * time.Hour
	// historyLimit is how far back anybody can ask.
	historyLimit = 400 * 24 * time.Hour
	// spanLeast is the shortest span of a point.
	spanLeast = time.Minute
	// pointsUsual is about how many points there are unless a span is given,
	// pointsLimit the most.
	pointsUsual = 300
	pointsLimit = 2000
)

// Point is a span of the response-time chart.
type Point struct {
	At     operator.Time `json:"at"`
	Probes int           `json:"probes"`
	Failed int           `json:"failed"`
	// MeanMS and MaxMS are latencies of those that passed, in milliseconds.
	MeanMS float64 `json:"mean_ms"`
	MaxMS  float64 `json:"max_ms"`
}

// Day is one day, in UTC; one without a probe is absent.
type Day struct {
	Date     string `json:"date"`
	Probes   int    `json:"probes"`
	Degraded int    `json:"degraded"`
	Failed   int    `json:"failed"`
}

// Result is what a probe found.
type Result struct {
	At           operator.Time      `json:"at"`
	Status       health.Status      `json:"status"`
	LatencyMS    float64            `json:"latency_ms"`
	Message      string             `json:"message"`
	Observations map[string]float64 `json:"observations,omitempty"`
	Facts        map[string]string  `json:"facts,omitempty"`
}

// Series is what happened to a service, or to one of its targets, between two
// times.
type Series[T any] struct {
	Service string        `json:"service"`
	Target  string        `json:"target"`
	From    operator.Time `json:"from"`
	Until   operator.Time `json:"until"`
	// Span is that of each point.
	Span  health.Duration `json:"span,omitempty"`
	Items []T             `json:"items"`
}

// points answers with the response times of a service or of one of its targets.
func (a *API) points(r *http.Request) (int, any, error) {
	q := parse(r)
	key, err := a.key(r, q)
	if err != nil {
		return 0, nil, err
	}
	from, until := a.between(q, pointsDefault)
	span := q.length("span", usualSpan(until.Sub(from)))
	if span < spanLeast {
		q.wrong("span: %s is too short; the least is %s", health.Duration(span), health.Duration(spanLeast))
	} else if count := until.Sub(from) / span; count > pointsLimit {
		q.wrong("span: %s gives %d points, and %d is the most; ask for a longer span or less time", health.Duration(span), count, pointsLimit)
	}
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	points, err := a.Store.Points(r.Context(), key, from, until, span)
	if err != nil {
		return 0, nil, a.stored(err)
	}
	series := Series[Point]{
		Service: key.Service, Target: key.Target, From: operator.Time{Time: from}, Until: operator.Time{Time: until}, Span: health.Duration(span),
		Items: make([]Point, 0, len(points)),
	}
	for _, p := range points {
		series.Items = append(series.Items, Point{operator.Time{Time: p.At}, p.Probes, p.Failed, p.MeanMS, p.MaxMS})
	}
	return http.StatusOK, series, nil
}

// usualSpan is a round span that gives about pointsUsual points.
func usualSpan(length time.Duration) time.Duration {
	for _, span := range []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour,
	} {
		if length/span <= pointsUsual {
			return span
		}
	}
	return 24 * time.Hour
}

// between reads from and until, which lie in the past and not too far apart.
func (a *API) between(q *query, otherwise time.Duration) (from, until time.Time) {
	until = q.instant("until", a.Now())
	from = q.instant("from", until.Add(-otherwise))
	switch {
	case !from.Before(until):
		q.wrong("from: %s is not before until, %s", from.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
	case until.Sub(from) > historyLimit:
		q.wrong("from: that is more than %d days, and so much is not kept", historyLimit/(24*time.Hour))
	}
	return from, until
}

// days answers with the state timeline of a service or of one of its targets.
func (a *API) days(r *http.Request) (int, any, error) {
	q := parse(r)
	key, err := a.key(r, q)
	if err != nil {
		return 0, nil, err
	}
	from, until := a.between(q, daysDefault)
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	days, err := a.Store.Days(r.Context(), key, from, until)
	if err != nil {
		return 0, nil, a.stored(err)
	}
	series := Series[Day]{
		Service: key.Service, Target: key.Target, From: operator.Time{Time: from}, Until: operator.Time{Time: until}, Items: make([]Day, 0, len(days)),
	}
	for _, d := range days {
		series.Items = append(series.Items, Day{d.At.UTC().Format(time.DateOnly), d.Probes, d.Degraded, d.Failed})
	}
	return http.StatusOK, series, nil
}

// Latest are the newest of something, of which only a number is kept.
type Latest[T any] struct {
	Items []T `json:"items"`
	Limit int `json:"limit"`
}

// failures answers with the last probes of a service, or of one of its targets,
// that did not find it healthy, newest first.
func (a *API) failures(r *http.Request) (int, any, error) {
	q := parse(r)
	key, err := a.key(r, q)
	if err != nil {
		return 0, nil, err
	}
	limit := q.number("limit", defaultLimit, 1, highestLimit)
	if err := q.done(); err != nil {
		return 0, nil, err
	}
	results, err := a.Store.Failures(r.Context(), key, limit)
	if err != nil {
		return 0, nil, a.stored(err)
	}
	latest := Latest[Result]{Items: make([]Result, 0, len(results)), Limit: limit}
	for _, found := range results {
		latest.Items = append(latest.Items, Result{
			operator.Time{Time: found.At}, found.Status, found.LatencyMS, found.Message, found.Observations, found.Facts,
		})
	}
	return http.StatusOK, latest, nil
}
