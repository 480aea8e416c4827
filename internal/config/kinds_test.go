package config

import (
	"context"
	"strings"
	"time"

	"paramedic/internal/alert"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// The kinds of these tests have every type of option, and stay as they are
// when the real kinds change.
type testProbe struct {
	URL     string                   `yaml:"url" required:"true" doc:"The address to ask."`
	Method  string                   `yaml:"method" enum:"GET,HEAD" doc:"The request method."`
	Token   option.Secret            `yaml:"token" doc:"The bearer token."`
	Headers map[string]option.Secret `yaml:"headers" doc:"Request headers."`
	Expect  []string                 `yaml:"expect" doc:"Conditions that must hold."`
	MinRows int                      `yaml:"min_rows" doc:"The least number of rows."`
	Ratio   float64                  `yaml:"ratio" doc:"A share of one."`
	Follow  bool                     `yaml:"follow" doc:"Whether redirects are followed."`
	Within  health.Duration          `yaml:"within" doc:"How fresh rows must be."`
	TLS     *testTLS                 `yaml:"tls" doc:"How certificates are verified."`
}

type testTLS struct {
	CA string `yaml:"ca" required:"true" doc:"A file of certificate authorities."`
}

func (p *testProbe) Validate() (problems option.Problems) {
	if p.URL == "" {
		problems.Add("url", "is empty; write an address")
	} else if !strings.Contains(p.URL, "://") {
		problems.Add("url", "%q is no address; write it with http://", p.URL)
	}
	for i, condition := range p.Expect {
		if !strings.Contains(condition, "==") {
			problems.Add("expect["+string(rune('0'+i))+"]", "this condition compares nothing; write it with ==")
		}
	}
	if p.TLS != nil && p.TLS.CA == "nowhere" {
		problems.Add("tls.ca.path", "there is no such file; name one")
	}
	if p.Token.Reveal() == "refused" {
		problems.Add("", "the token %s is no good; use another one", p.Token.Reveal())
	}
	return problems
}

func (p *testProbe) Open() (probe.Prober, error) { return nil, nil }

// testOther can be left empty; what it has by default is not zero.
type testOther struct {
	Samples int `yaml:"samples" min:"1" doc:"How often to ask."`
}

func (*testOther) Validate() option.Problems   { return nil }
func (*testOther) Open() (probe.Prober, error) { return nil, nil }

type testRemedy struct {
	Unit string `yaml:"unit" required:"true" doc:"The unit to restart."`
	// seen says that the remedy collects evidence.
	seen bool
}

func (r *testRemedy) Validate() option.Problems { return nil }
func (r *testRemedy) Title() string             { return "restart " + r.Unit }
func (r *testRemedy) Limit() time.Duration      { return time.Minute }
func (r *testRemedy) Open() (remedy.Remedy, error) {
	if r.seen {
		return testWitness{}, nil
	}
	return testPlain{}, nil
}

// testPlain is a remedy that can only be closed.
type testPlain struct{ remedy.Remedy }

func (testPlain) Close() error { return nil }

// testWitness is one that collects evidence too.
type testWitness struct{ testPlain }

func (testWitness) Evidence(context.Context, int) (string, error) { return "", nil }

type testReceiver struct {
	URL   string        `yaml:"url" required:"true" doc:"Where alerts are posted."`
	Token option.Secret `yaml:"token" doc:"The bearer token."`
}

func (r *testReceiver) Validate() option.Problems                 { return nil }
func (r *testReceiver) Open(*alert.Texts) (alert.Receiver, error) { return nil, nil }

type testLog struct{}

func (*testLog) Validate() option.Problems                 { return nil }
func (*testLog) Open(*alert.Texts) (alert.Receiver, error) { return nil, nil }

func testKinds() tables {
	return tables{
		probes: []kind{
			{name: "http", doc: "Asks a web server.", options: func() validator { return &testProbe{Method: "GET"} }},
			{name: "other", doc: "Asks something else.", options: func() validator { return &testOther{Samples: 4} }},
		},
		remedies: []kind{
			{name: "systemd", doc: "Restarts a unit.", options: func() validator { return &testRemedy{seen: true} }},
			{name: "exec", doc: "Runs a command.", options: func() validator { return &testRemedy{} }},
		},
		receivers: []kind{
			{name: "log", doc: "Writes to the log.", options: func() validator { return &testLog{} }},
			{name: "webhook", doc: "Posts to an address.", options: func() validator { return &testReceiver{} }, groupWait: seconds(30)},
		},
	}
}

// testEnv is the environment of these tests.
func testEnv(name string) (string, bool) {
	values := map[string]string{"API_TOKEN": "tok-12345", "HOST": "db.internal", "EMPTY": "", "BAD_URL": "no-address"}
	value, set := values[name]
	return value, set
}

func read(name, text string) (*Config, error) {
	return reader{testKinds(), testEnv}.read(name, []byte(text))
}
