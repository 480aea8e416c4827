package alert

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"paramedic/internal/health"
)

// What people read is bounded: some mail services cut a page at 100 kB, and
// nobody reads forty reports to the end.
const (
	// subjectLimit is how many bytes a subject has at most.
	subjectLimit = 200
	// sentenceLimit is how many bytes of a reason, an impact, an action are kept.
	sentenceLimit = 500
	// shortLimit is how many bytes of a reason stand in a list.
	shortLimit = 160
	// nameBytes is how many bytes of a name are kept.
	nameBytes = 120
	// linkLimit is how many bytes a link may have; a longer one is left out.
	linkLimit = 2000
	// detailsLimit is how many services of a group are told in full.
	detailsLimit = 10
	// evidenceAlone and evidenceInGroup are how many bytes of evidence are kept.
	evidenceAlone, evidenceInGroup = 8000, 1000
	// earlierLimit is how many earlier alerts of a service are kept.
	earlierLimit = 5
)

// The levels of an alert, as templates see them.
const (
	levelCritical = "critical"
	levelWarning  = "warning"
	levelInfo     = "info"
	levelResolved = "resolved"
	levelClosed   = "closed"
)

// group is what the templates of a whole message see.
type group struct {
	// Level is that of the worst service that is down, "resolved" if none is.
	Level string
	// Down and Recovered hold one entry a service, worst first, then by name.
	Down, Recovered []entry
	// Details are those that are told in full, Omitted is how many are not.
	Details []entry
	Omitted int
}

// Only returns the one service that the message is about, nil if there are many.
func (g group) Only() *entry {
	if len(g.Down)+len(g.Recovered) != 1 {
		return nil
	}
	return &g.Details[0]
}

// entry is what the templates see of one service: its newest alert, each text
// of which is one line but for the evidence.
type entry struct {
	health.Alert
	// Name is the service, or service/target.
	Name string
	// Level is critical (P0, P1), warning (P2) or info (P3), resolved, or closed
	// if it was given up.
	Level string
	// Short is the reason cut for a list.
	Short string
	// Earlier are the alerts of the same group that this one has overtaken.
	Earlier []entry
}

// newGroup puts alerts, oldest first, together by service.
func newGroup(alerts []health.Alert) group {
	var all []entry
	place := map[string]int{}
	for _, a := range alerts {
		next := newEntry(a)
		i, seen := place[next.Name]
		if !seen {
			place[next.Name] = len(all)
			all = append(all, next)
			continue
		}
		all[i] = overtake(all[i], next)
	}
	slices.SortStableFunc(all, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Name, b.Name))
	})
	first := slices.IndexFunc(all, func(e entry) bool { return e.Stage == health.AlertResolution })
	if first < 0 {
		first = len(all)
	}
	shown := min(len(all), detailsLimit)
	g := group{
		Level: all[0].Level, Down: all[:first], Recovered: all[first:],
		Details: slices.Clone(all[:shown]), Omitted: len(all) - shown,
	}
	limit := evidenceAlone
	if len(all) > 1 {
		limit = evidenceInGroup
		if first == 0 {
			g.Level = levelResolved
		}
	}
	for i := range g.Details {
		g.Details[i].Evidence = health.Clip(g.Details[i].Evidence, limit)
	}
	return g
}

// overtake replaces what was told of a service by what came later. Who has not
// read the first alert yet gets what that would have said.
func overtake(old, next entry) entry {
	next.Earlier = append(old.Earlier, old)
	next.Earlier = next.Earlier[max(0, len(next.Earlier)-earlierLimit):]
	if old.Incident == next.Incident && old.Stage == health.AlertInitial && next.Stage == health.AlertUpdate {
		next.Stage = health.AlertInitial
	}
	return next
}

func newEntry(a health.Alert) entry {
	if a.Stage == "" {
		a.Stage = health.AlertInitial
	}
	if a.Status == health.AlertRecovered {
		a.Stage = health.AlertResolution
	}
	for _, name := range []*string{&a.Service, &a.Target, &a.Severity, &a.Owner} {
		*name = line1(*name, nameBytes)
	}
	for _, sentence := range []*string{&a.Impact, &a.Reason, &a.News, &a.Action} {
		*sentence = line1(*sentence, sentenceLimit)
	}
	for _, link := range []*string{&a.Runbook, &a.Link} {
		if *link = line1(*link, linkLimit+1); len(*link) > linkLimit {
			*link = ""
		}
	}
	affected := make([]string, 0, len(a.Affected))
	for _, name := range a.Affected {
		affected = append(affected, line1(name, nameBytes))
	}
	a.Affected, a.Evidence = affected, lines(a.Evidence)
	if a.Since.IsZero() {
		a.Since = a.At.Add(-a.Downtime.Std())
	}
	if a.Downtime == 0 && a.At.After(a.Since) {
		a.Downtime = health.Duration(a.At.Sub(a.Since))
	}
	e := entry{Alert: a, Name: a.Service, Level: level(a), Short: health.Clip(a.Reason, shortLimit)}
	if a.Target != "" {
		e.Name += "/" + a.Target
	}
	return e
}

// level is critical for a severity that is unknown: better too loud.
func level(a health.Alert) string {
	switch {
	case a.Stage == health.AlertResolution && a.Outcome == health.Abandoned:
		return levelClosed
	case a.Stage == health.AlertResolution:
		return levelResolved
	}
	switch strings.ToLower(a.Severity) {
	case "p2", "warning":
		return levelWarning
	case "p3", "info":
		return levelInfo
	default:
		return levelCritical
	}
}

// rank orders levels, the worst first.
func (e entry) rank() int {
	return slices.Index([]string{levelCritical, levelWarning, levelInfo, levelClosed, levelResolved}, e.Level)
}

// line1 makes one line of a text, without control characters and invisible
// ones that could reorder it, at most limit bytes long.
func line1(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	}, strings.ToValidUTF8(text, ""))
	return health.Clip(strings.Join(strings.Fields(text), " "), limit)
}

// lines keeps the line breaks and indentation of a text.
func lines(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, strings.ToValidUTF8(text, ""))
	return strings.Trim(text, "\n")
}

func visible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return -1
}
