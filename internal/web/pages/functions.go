package pages

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"paramedic/internal/health"
)

// functions are what the templates of a language may call.
func (p *Pages) functions(l *language) template.FuncMap {
	return template.FuncMap{
		// t "text" and tn .N "1 text" "%d texts" are in the reader's language.
		"t": l.t, "tn": l.tn,
		// Lengths of time: span of a time.Duration, ago and since of a time.Time.
		"span":  health.Span,
		"ago":   func(at time.Time) template.HTML { return timeElement(at, l.t("%s ago", p.span(at))) },
		"since": func(at time.Time) template.HTML { return timeElement(at, p.span(at)) },
		// Instants: stamp with the day, clock without it, day without the time. With
		// Text they are no elements, for where there may be none.
		"stamp":     func(at time.Time) template.HTML { return timeElement(at, stamp(at)) },
		"clock":     func(at time.Time) template.HTML { return timeElement(at, p.clock(at)) },
		"day":       func(at time.Time) template.HTML { return timeElement(at, date(at)) },
		"clockText": p.clock, "dayText": date,
		"pct": l.percent, "ms": l.latency, "tick": l.tick, "number": l.number,
		"count": func(n int) string { return l.number(float64(n)) }, "bytes": l.bytes,
		"mark": mark, "icon": icon, "asset": p.assets.address,
		// Addresses: of a service, of an incident, and whether one leads to the web.
		"serviceLink": serviceLink, "targetLink": targetLink, "incidentLink": incidentLink, "isWeb": isWeb,
	}
}

// none is written where there is nothing to write.
const none = "–"

// timeElement writes a time so that people and machines can read it exactly.
func timeElement(at time.Time, text string) template.HTML {
	if at.IsZero() {
		return none
	}
	at = at.UTC()
	return template.HTML(`<time datetime="` + at.Format(time.RFC3339) + `" title="` + stamp(at) + `">` + html.EscapeString(text) + `</time>`)
}

// span is how long ago, or how far ahead, a time is.
func (p *Pages) span(at time.Time) string { return health.Span(p.Now().Sub(at).Abs()) }

// stamp writes an instant with its day. All times are UTC, as all of the record is.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// date writes the day of an instant.
func date(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// clock writes an instant that is near, with its day only if that is another one.
func (p *Pages) clock(at time.Time) string {
	at = at.UTC()
	if at.Format(time.DateOnly) == p.Now().UTC().Format(time.DateOnly) {
		return at.Format("15:04 UTC")
	}
	return at.Format("2006-01-02 15:04 UTC")
}

// percent writes a share from 0 to 1; below that there is none. Only what is
// whole is written as whole: 99.999 % is not 100 %.
func (l *language) percent(share float64) string {
	if share < 0 || math.IsNaN(share) {
		return none
	}
	if share >= 1 {
		return "100 %"
	}
	return l.decimal(math.Floor(share*1e4)/100, 2) + " %"
}

// latency writes milliseconds as people read them: "0.4 ms", "12 ms", "2.5 s".
func (l *language) latency(ms float64) string {
	switch {
	case ms < 10:
		return l.decimal(ms, 1) + " ms"
	case ms < 1000:
		return l.decimal(ms, 0) + " ms"
	default:
		return l.decimal(ms/1000, 1) + " s"
	}
}

// tick writes round milliseconds at an axis: "0.25 ms", "2.5 s".
func (l *language) tick(ms float64) string {
	if ms < 1000 {
		return l.number(ms) + " ms"
	}
	return l.number(ms/1000) + " s"
}

// number writes a number with as many digits after the point as it needs, at
// most three, and thousands apart.
func (l *language) number(n float64) string {
	if math.Abs(n) >= 1e15 || math.IsNaN(n) {
		return strconv.FormatFloat(n, 'g', -1, 64)
	}
	text := strconv.FormatFloat(math.Round(n*1000)/1000, 'f', -1, 64)
	whole, fraction, found := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "\u202f" + whole[i:]
	}
	if found {
		whole += l.point + fraction
	}
	if strings.HasPrefix(text, "-") && text != "-0" {
		whole = "−" + whole
	}
	return whole
}

func (l *language) decimal(n float64, digits int) string {
	return strings.Replace(strconv.FormatFloat(n, 'f', digits, 64), ".", l.point, 1)
}

func serviceLink(name string) string { return "/services/" + url.PathEscape(name) }

func targetLink(service, target string) string {
	return serviceLink(service) + "/targets/" + url.PathEscape(target)
}

func incidentLink(id string) string { return "/incidents/" + url.PathEscape(id) }

// isWeb reports whether a text is an address that a browser can follow.
func isWeb(address string) bool {
	parsed, err := url.Parse(address)
	return err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// icon is the tab's icon: a dot in the colour of a state.
func icon(state string) template.URL {
	shown := lookOf(state)
	return template.URL(fmt.Sprintf("data:image/svg+xml,%%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%%3E"+
		"%%3Ccircle cx='8' cy='8' r='7' fill='%%23%s'/%%3E%%3C/svg%%3E", shown.colour))
}
