package probe

import (
	"context"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// openMany implements sharing. Headers, TLS and conditions are shared, so
// templates may stand in the address and the body only.
func (o *HTTP) openMany() (Many, error) {
	same := *o
	same.URL, same.Body = "", ""
	shared, ok := sharedBy(&same)
	if !ok {
		return nil, nil
	}
	checks, err := shared.(*HTTP).checks()
	if err != nil {
		return nil, err
	}
	asked := shared.(*HTTP).request()
	asked.url, asked.body = o.URL, o.Body
	return openWebMany(asked, checks)
}

// openMany implements sharing.
func (o *Prometheus) openMany() (Many, error) {
	same := *o
	same.URL = ""
	shared, ok := sharedBy(&same)
	if !ok {
		return nil, nil
	}
	checks, err := shared.(*Prometheus).checks()
	if err != nil {
		return nil, err
	}
	asked := shared.(*Prometheus).request()
	asked.url = o.URL
	return openWebMany(asked, checks)
}

// sharedBy returns what is the same for all targets; false if a template in it
// makes it differ.
func sharedBy(options Options) (Options, bool) {
	if HasTemplate(options) {
		return nil, false
	}
	// Braces that stand for themselves are written out.
	filled, problems := option.Expand(options, health.Target{}, isLanguage)
	shared, ok := filled.(Options)
	return shared, ok && len(problems) == 0
}

// webChecks judge the answer of a web service.
type webChecks interface {
	probe(ctx context.Context, service asker, asked page) health.Result
}

// webMany asks the web services of many targets.
type webMany struct {
	pages  pages
	ways   *ways
	checks webChecks
}

func openWebMany(asked request, checks webChecks) (Many, error) {
	pages, err := newPages(asked)
	if err != nil {
		return nil, err
	}
	ways, err := newWays(asked)
	if err != nil {
		return nil, err
	}
	return &webMany{pages: pages, ways: ways, checks: checks}, nil
}

// Probe implements Many.
func (m *webMany) Probe(ctx context.Context, target health.Target) health.Result {
	asked, problems := m.pages.of(target)
	if len(problems) > 0 {
		return misfit(problems)
	}
	return m.checks.probe(ctx, m.ways, asked)
}

// Host implements Many.
func (m *webMany) Host(target health.Target) string { return m.pages.host(target) }

// Close implements Many.
func (m *webMany) Close() error {
	m.ways.close()
	return nil
}
