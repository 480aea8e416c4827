package probe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/expr-lang/expr/types"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Prometheus are the options of kind prometheus.
type Prometheus struct {
	URL             string                   `yaml:"url" required:"true" doc:"Address of the metrics of an application, http or https."`
	Headers         map[string]option.Secret `yaml:"headers" doc:"Request headers; their values are treated as secrets."`
	Token           option.Secret            `yaml:"token" doc:"Bearer token for the header Authorization."`
	Metric          string                   `yaml:"metric" required:"true" doc:"Name of the metric to check, like worker_status; there has to be at least one series of it."`
	Labels          map[string]string        `yaml:"labels" doc:"Labels that a series has to have to be checked; without any, all are."`
	Expect          []string                 `yaml:"expect" doc:"Conditions that have to hold for each series, else unhealthy. They speak of value, labels (like labels.name) and latency, and are written in the language of expr-lang.org."`
	ExpectDegraded  []string                 `yaml:"expect_degraded" doc:"Conditions that have to hold for each series, else degraded."`
	FollowRedirects bool                     `yaml:"follow_redirects" doc:"Follow up to 10 redirects; headers and token stay with the first host."`
	TLS             HTTPTLS                  `yaml:"tls" doc:"How the server's certificate is verified."`
}

func prometheusKind() Kind {
	return Kind{
		Name: "prometheus",
		Doc:  "Reads the metrics that an application exports for Prometheus and checks one of them, in all its series or those with certain labels. No series is unhealthy.",
		Options: func() Options {
			return &Prometheus{Expect: []string{"value == 1"}, FollowRedirects: true}
		},
	}
}

var prometheusWords = words{"value": types.Float64, "labels": types.TypeOf(map[string]string{})}

// Validate implements Options.
func (o *Prometheus) Validate() option.Problems {
	var problems option.Problems
	o.request().check(&problems)
	if o.Metric != "" && !model.IsValidLegacyMetricName(o.Metric) {
		problems.Add("metric", "%q is not the name of a metric; labels go into labels", o.Metric)
	}
	for _, name := range namesOf(o.Labels) {
		if !model.LabelName(name).IsValidLegacy() {
			problems.Add("labels."+name, "is not the name of a label")
		}
	}
	_, mistakes := o.rules()
	return append(problems, mistakes...)
}

func (o *Prometheus) request() request {
	return request{
		url: o.URL, method: http.MethodGet, headers: o.Headers, token: o.Token,
		follow: o.FollowRedirects, tls: o.TLS, accept: string(expfmt.NewFormat(expfmt.TypeTextPlain)),
	}
}

func (o *Prometheus) rules() (rules, option.Problems) {
	return compileRules(everyWord(prometheusWords), o.Expect, o.ExpectDegraded)
}

// Open implements Options.
func (o *Prometheus) Open() (Prober, error) {
	checks, err := o.checks()
	if err != nil {
		return nil, err
	}
	asked, page, err := openWeb(o.request())
	if err != nil {
		return nil, err
	}
	return &prometheusProber{web: asked, page: page, checks: checks}, nil
}

// seriesChecks are what probes hold the metrics of applications against.
type seriesChecks struct {
	options Prometheus
	rules   rules
	hide    *option.Redactor
}

func (o *Prometheus) checks() (*seriesChecks, error) {
	rules, mistakes := o.rules()
	if err := firstMistake(mistakes); err != nil {
		return nil, err
	}
	return &seriesChecks{options: *o, rules: rules, hide: o.request().hide()}, nil
}

// probe reads the metrics of an application and judges them.
func (c *seriesChecks) probe(ctx context.Context, service asker, asked page) health.Result {
	a := beginHiding(ctx, c.hide)
	a.doing("waiting for the metrics of %s", asked.url.Host)
	response, err := service.ask(ctx, asked)
	if err != nil {
		service.lost(asked)
		return a.failed(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, response.Body, drainLimit)
		return a.unhealthy("status is %d, not 200", response.StatusCode)
	}
	a.doing("reading the metrics of %s", asked.url.Host)
	all, err := readSeries(response.Body, c.options.Metric)
	if err != nil {
		service.lost(asked)
		return a.failed(err)
	}
	return a.mask(c.judge(all, newScene(ctx, a.start)))
}

// prometheusProber reads the metrics of one application.
type prometheusProber struct {
	web    *web
	page   page
	checks *seriesChecks
}

// Probe implements Prober.
func (p *prometheusProber) Probe(ctx context.Context) health.Result {
	return p.checks.probe(ctx, p.web, p.page)
}

// judge holds each series that has the labels against the rules.
func (c *seriesChecks) judge(all []series, s scene) health.Result {
	checked := slices.DeleteFunc(slices.Clone(all), func(one series) bool { return !one.has(c.options.Labels) })
	if len(checked) == 0 {
		return health.Result{Status: health.Unhealthy, Message: c.absent(all), Observations: map[string]float64{"series": 0}}
	}
	found := verdict{health.Healthy: nil}
	for _, one := range checked {
		s.values["value"], s.values["labels"] = one.value, one.labels
		status, message := c.rules.judge(s)
		found[status] = append(found[status], finding{one, message})
	}
	result := found.result(len(checked))
	if len(checked) == 1 {
		result.Observations["value"] = checked[0].value
	}
	return result
}

// absent says which series there are instead.
func (c *seriesChecks) absent(all []series) string {
	wanted := series{metric: c.options.Metric, labels: c.options.Labels}
	if len(all) == 0 {
		return fmt.Sprintf("there is no %s", c.options.Metric)
	}
	return fmt.Sprintf("there is no %s, only %s", wanted, listed(all, series.String))
}

// finding is what the rules say of one series.
type finding struct {
	series  series
	message string
}

// String writes it as worker_status{name="mailer"} is 0 (value == 1).
func (f finding) String() string {
	is := "is " + f.series.number()
	return fmt.Sprintf("%s %s (%s)", f.series, is, strings.TrimSuffix(f.message, ": value "+is))
}

// verdict holds the findings of all series by their status.
type verdict map[health.Status][]finding

// result writes the worst of them.
func (v verdict) result(checked int) health.Result {
	result := health.Result{Status: health.Healthy, Observations: map[string]float64{
		"series": float64(checked), "series_failing": float64(len(v[health.Unhealthy]) + len(v[health.Degraded])),
	}}
	for _, status := range []health.Status{health.Unhealthy, health.Degraded} {
		if len(v[status]) > 0 {
			result.Status, result.Message = status, listed(v[status], finding.String)
			return result
		}
	}
	result.Message = fmt.Sprintf("%d series as expected", checked)
	if checked == 1 {
		one := v[health.Healthy][0].series
		result.Message = fmt.Sprintf("%s is %s", one, one.number())
	}
	return result
}

// listedLimit is how many series a message names.
const listedLimit = 5

// listed names the first few of many.
func listed[T any](all []T, write func(T) string) string {
	var texts []string
	for _, one := range all[:min(len(all), listedLimit)] {
		texts = append(texts, write(one))
	}
	if more := len(all) - listedLimit; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(texts, ", ")
}

// Close implements Prober.
func (p *prometheusProber) Close() error {
	p.web.close()
	return nil
}
