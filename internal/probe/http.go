package probe

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// HTTP are the options of kind http.
type HTTP struct {
	URL             string                   `yaml:"url" required:"true" doc:"Address to ask, http or https."`
	Method          string                   `yaml:"method" enum:"GET,HEAD,POST" doc:"Request method."`
	Headers         map[string]option.Secret `yaml:"headers" doc:"Request headers; their values are treated as secrets."`
	Token           option.Secret            `yaml:"token" doc:"Bearer token for the header Authorization."`
	Body            string                   `yaml:"body" doc:"Request body, with method POST."`
	Expect          []string                 `yaml:"expect" doc:"Conditions that all have to hold, else unhealthy. They speak of status, headers (names in lower case), body (parsed JSON), text, latency (until the whole answer is there) and age(time), and are written in the language of expr-lang.org."`
	ExpectDegraded  []string                 `yaml:"expect_degraded" doc:"Conditions that all have to hold, else degraded."`
	Observe         map[string]string        `yaml:"observe" doc:"Values to observe, by name: expressions in the language of the conditions; one that begins with a dot is looked up in the body, like .data.lag. Numbers, true and false, times (their age in seconds) and texts; conditions can speak of them."`
	FollowRedirects bool                     `yaml:"follow_redirects" doc:"Follow up to 10 redirects; headers and token stay with the first host."`
	TLS             HTTPTLS                  `yaml:"tls" doc:"How the server's certificate is verified."`
}

func httpKind() Kind {
	return Kind{
		Name: "http",
		Doc:  "Asks a web service and checks its answer: status, headers, JSON body, response time, age of its data. Proxies of the environment are not used.",
		Options: func() Options {
			return &HTTP{
				Method:          http.MethodGet,
				Expect:          []string{"status >= 200 && status < 300"},
				FollowRedirects: true,
			}
		},
	}
}

// httpWords are what conditions can speak of, besides what is observed.
var httpWords = words{
	"status":  types.Int,
	"headers": types.TypeOf(map[string]string{}), // names in lower case, several values joined by ", "
	"body":    types.Any,                         // parsed JSON
	"text":    types.String,
	"age":     types.TypeOf(func(any) (time.Duration, error) { return 0, nil }), // how long ago a time was
}

// httpReserved are the words that cannot be observed: those of conditions, and
// the names of what is observed anyway.
var httpReserved = readingWords(httpWords, []string{"status_code", "response_bytes"})

// Validate implements Options.
func (o *HTTP) Validate() option.Problems {
	var problems option.Problems
	o.request().check(&problems)
	if o.Body != "" && o.Method != http.MethodPost {
		problems.Add("body", "needs method POST")
	}
	checkReadings(&problems, "observe", namesOf(o.Observe), httpReserved)
	_, mistakes := o.observed()
	problems = append(problems, mistakes...)
	_, mistakes = o.rules()
	return append(problems, mistakes...)
}

func (o *HTTP) request() request {
	return request{
		url: o.URL, method: o.Method, body: o.Body, headers: o.Headers, token: o.Token,
		follow: o.FollowRedirects, tls: o.TLS,
	}
}

func (o *HTTP) rules() (rules, option.Problems) {
	return compileRules(readingWords(httpWords, namesOf(o.Observe)), o.Expect, o.ExpectDegraded)
}

// observed compiles what is to be observed, in the order of the names.
func (o *HTTP) observed() ([]observed, option.Problems) {
	var problems option.Problems
	all := make([]observed, 0, len(o.Observe))
	for _, name := range namesOf(o.Observe) {
		value, err := compileValue(ofBody(o.Observe[name]), everyWord(httpWords))
		if err != nil {
			problems.Add("observe."+name, "%v", err)
		}
		all = append(all, observed{name: name, value: value})
	}
	return all, problems
}

// ofBody writes out what a leading dot stands for: .data.lag and .[0].lag are
// looked up in the body.
func ofBody(text string) string {
	if path, isPath := strings.CutPrefix(text, "."); isPath && !strings.HasPrefix(path, "[") {
		return "body." + path
	} else if isPath {
		return "body" + path
	}
	return text
}

// Open implements Options.
func (o *HTTP) Open() (Prober, error) {
	checks, err := o.checks()
	if err != nil {
		return nil, err
	}
	asked, page, err := openWeb(o.request())
	if err != nil {
		return nil, err
	}
	return &httpProber{web: asked, page: page, checks: checks}, nil
}

// httpChecks are what probes hold the answers of web services against.
type httpChecks struct {
	rules    rules
	observed []observed
	needs    needs
	hide     *option.Redactor
}

func (o *HTTP) checks() (*httpChecks, error) {
	rules, mistakes := o.rules()
	observed, more := o.observed()
	if err := firstMistake(append(mistakes, more...)); err != nil {
		return nil, err
	}
	return &httpChecks{rules: rules, observed: observed, needs: needsOf(rules, observed), hide: o.request().hide()}, nil
}

// probe asks for a page and judges the answer.
func (c *httpChecks) probe(ctx context.Context, service asker, asked page) health.Result {
	a := beginHiding(ctx, c.hide)
	a.doing("waiting for the answer of %s", asked.url.Host)
	response, err := service.ask(ctx, asked)
	if err != nil {
		service.lost(asked)
		return a.failed(err)
	}
	a.doing("reading the answer of %s", asked.url.Host)
	found, err := readAnswerOf(ctx, response, a.start, c.needs)
	if err != nil {
		service.lost(asked)
		return a.failed(err)
	}
	return a.mask(found.judge(c.rules, c.observed))
}

// httpProber asks one web service.
type httpProber struct {
	web    *web
	page   page
	checks *httpChecks
}

// Probe implements Prober.
func (p *httpProber) Probe(ctx context.Context) health.Result {
	return p.checks.probe(ctx, p.web, p.page)
}

// Close implements Prober.
func (p *httpProber) Close() error {
	p.web.close()
	return nil
}
