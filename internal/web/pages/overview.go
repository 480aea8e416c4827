package pages

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"paramedic/internal/board"
	"paramedic/internal/supervise"
)

// perPage is how many services the overview shows at a time.
const perPage = 50

// overview is what overview.html shows.
type overview struct {
	// Overall is the worst state of all services, Total their number.
	Overall string
	Total   int
	// Counts are the states that there are, the most urgent first.
	Counts []stateCount
	// Query and State are what is searched for; Found counts what matches.
	Query, State string
	Found        int
	Rows         []row
	Pager        pager
	Parts        []part
}

// stateCount is how many services are in a state; Text says so.
type stateCount struct {
	State   string
	Count   int
	Text    string
	Current bool
}

// pager leads to the pages before and after this one; an empty address is none.
type pager struct {
	Page, Pages    int
	Before, After  string
	First, Through int
}

// part is one part of this process; State is that of a service that would be
// shown the same way.
type part struct {
	Name, State string
	Mark        supervise.Mark
}

func (p *Pages) overview(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	o := overview{Query: strings.TrimSpace(query.Get("q")), State: query.Get("state")}
	services := p.Board.Services()
	shown := o.choose(p.language(r), services)
	o.Found = len(shown)
	page, _ := strconv.Atoi(query.Get("page"))
	o.Pager = newPager(page, len(shown), func(page int) string { return overviewAddress(o.Query, o.State, page) })
	for _, at := range shown[o.Pager.First:o.Pager.Through] {
		o.Rows = append(o.Rows, p.row(&services[at.index]))
	}
	o.Parts = parts(p.Health())
	p.render(w, r, http.StatusOK, "overview", o)
}

// place is where a service stands in the order of the overview.
type place struct{ rank, index int }

// choose counts the states of all services, and returns those that are searched
// for, the worst first. The services are sorted by name.
func (o *overview) choose(l *language, services []board.Service) []place {
	o.Total = len(services)
	counts := make([]int, len(looks))
	shown := make([]place, 0, len(services))
	wanted := strings.ToLower(o.Query)
	for i := range services {
		s := &services[i]
		is := lookOfService(s)
		counts[is.rank]++
		if (o.State == "" || o.State == is.State) && matches(s, wanted) {
			shown = append(shown, place{is.rank, i})
		}
	}
	slices.SortFunc(shown, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.index, b.index))
	})
	for rank, count := range counts {
		if count > 0 {
			is := looks[rank]
			o.Counts = append(o.Counts, stateCount{is.State, count, l.tn(count, is.one, is.many), is.State == o.State})
		}
	}
	o.Overall = lookOf("").State
	if len(o.Counts) > 0 {
		o.Overall = o.Counts[0].State
	}
	return shown
}

// matches reports whether a service's name, kind or a label holds the wanted
// text, which is in lower case.
func matches(s *board.Service, wanted string) bool {
	if wanted == "" || strings.Contains(strings.ToLower(s.Name), wanted) || strings.Contains(strings.ToLower(s.Kind), wanted) {
		return true
	}
	for name, value := range s.Labels {
		if strings.Contains(strings.ToLower(name+"="+value), wanted) {
			return true
		}
	}
	return false
}

func overviewAddress(query, state string, page int) string {
	values := url.Values{}
	if query != "" {
		values.Set("q", query)
	}
	if state != "" {
		values.Set("state", state)
	}
	if page > 1 {
		values.Set("page", strconv.Itoa(page))
	}
	if len(values) == 0 {
		return "/"
	}
	return "/?" + values.Encode()
}

// newPager goes to a page, or the nearest that there is, of so many rows.
func newPager(page, rows int, address func(page int) string) pager {
	pages := max(1, (rows+perPage-1)/perPage)
	page = min(max(1, page), pages)
	p := pager{Page: page, Pages: pages, First: (page - 1) * perPage, Through: min(rows, page*perPage)}
	if page > 1 {
		p.Before = address(page - 1)
	}
	if page < pages {
		p.After = address(page + 1)
	}
	return p
}

// parts are those of this process, by name.
func parts(own supervise.Health) []part {
	alike := map[supervise.Status]string{supervise.Healthy: "healthy", supervise.Failed: "down"}
	all := make([]part, 0, len(own.Parts))
	for _, name := range slices.Sorted(maps.Keys(own.Parts)) {
		mark := own.Parts[name]
		all = append(all, part{name, lookOf(alike[mark.Status]).State, mark})
	}
	return all
}

// The words of the statuses of paramedic's own parts that no service has.
var _ = []string{key("starting"), key("stopped"), key("failed")}
