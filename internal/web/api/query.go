package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"paramedic/internal/health"
)

// query reads the parameters behind the question mark. The first mistake is
// kept, and done returns it.
type query struct {
	values  url.Values
	known   []string
	mistake error
}

func parse(r *http.Request) *query {
	values, err := url.ParseQuery(r.URL.RawQuery)
	q := &query{values: values}
	if err != nil {
		q.mistake = fault{http.StatusBadRequest, "the query behind the question mark is not well-formed"}
	}
	return q
}

// done returns the first mistake; a parameter that nobody asked for is one.
func (q *query) done() error {
	for name := range q.values {
		if q.mistake == nil && !slices.Contains(q.known, name) {
			takes := "it takes none"
			if len(q.known) > 0 {
				takes = "it takes " + strings.Join(q.known, ", ")
			}
			q.mistake = faultf(http.StatusBadRequest, "unknown parameter %q; %s", clip(name), takes)
		}
	}
	return q.mistake
}

func (q *query) wrong(format string, args ...any) {
	if q.mistake == nil {
		q.mistake = faultf(http.StatusUnprocessableEntity, format, args...)
	}
}

// text returns a parameter that is given at most once; empty if it is not.
func (q *query) text(name string) string {
	all := q.all(name)
	if len(all) > 1 {
		q.wrong("%s: given %d times, and once is enough", name, len(all))
	}
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// all returns a parameter that may be repeated.
func (q *query) all(name string) []string {
	q.known = append(q.known, name)
	return q.values[name]
}

func (q *query) number(name string, otherwise, least, most int) int {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		q.wrong("%s: %q is not a number from %d to %d", name, clip(text), least, most)
		return otherwise
	}
	return n
}

// oneOf returns a parameter that has few values; the first one is the default.
func (q *query) oneOf(name string, values ...string) string {
	text := q.text(name)
	switch {
	case text == "":
		return values[0]
	case !slices.Contains(values, text):
		q.wrong("%s: unknown value %q; write %s", name, clip(text), strings.Join(slices.DeleteFunc(slices.Clone(values), isEmpty), ", "))
	}
	return text
}

func isEmpty(text string) bool { return text == "" }

// instant returns a time, or otherwise if it is not given.
func (q *query) instant(name string, otherwise time.Time) time.Time {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.wrong("%s: %q is not a time; write it like 2026-11-22T02:00:00Z", name, clip(text))
		return otherwise
	}
	return at
}

// length returns a length of time above zero, or otherwise if it is not given.
func (q *query) length(name string, otherwise time.Duration) time.Duration {
	text := q.text(name)
	if text == "" {
		return otherwise
	}
	length, ok := parseLength(text)
	if !ok {
		q.wrong("%s: %q is not a length of time; write it like 30m, 24h or 30d", name, clip(text))
		return otherwise
	}
	return length
}

// parseLength reads a length of time above zero; whole days are allowed, as
// people think in them.
func parseLength(text string) (time.Duration, bool) {
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, true
		}
	}
	length, err := health.ParseDuration(text)
	return length.Std(), err == nil && length > 0
}

const (
	defaultLimit = 50
	highestLimit = 1000
	// highestOffset keeps a store from counting to the end of the world.
	highestOffset = 1_000_000
)

// page is the part of a list that is asked for.
type page struct{ limit, offset int }

func (q *query) page() page {
	return page{
		limit:  q.number("limit", defaultLimit, 1, highestLimit),
		offset: q.number("offset", 0, 0, highestOffset),
	}
}

// List is a part of a list.
type List[T any] struct {
	Items []T `json:"items"`
	// Total counts all that the list has.
	Total  int `json:"total"`
	Limit  int `json:"limit"`
	Offset int `json:"offset"`
}

// cut returns the part of a whole list that is asked for.
func cut[T any](all []T, p page) List[T] {
	from := min(p.offset, len(all))
	return List[T]{Items: orNone(all[from:min(from+p.limit, len(all))]), Total: len(all), Limit: p.limit, Offset: p.offset}
}

// orNone makes an empty list one that JSON writes as [] and not as null.
func orNone[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// clip shortens what somebody sent before it is said back.
func clip(text string) string { return health.Clip(text, nameLimit) }
