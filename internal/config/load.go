package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Load reads and checks the configuration file at path with the environment of
// the process. Mistakes in it come as Errors, all at once; any other error
// means that the file could not be read.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("configuration %s does not exist; name one with --config", path)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, sizeLimit+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data, os.LookupEnv)
}

// Parse reads and checks a configuration. The name stands in messages, and its
// directory is where relative paths of secret files start; env looks up
// environment variables. The error is of type Errors.
func Parse(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	return reader{allKinds(), env}.read(name, data)
}

// mistakesLimit bounds the list of mistakes; nobody reads more, and a hostile
// file could hold a million.
const mistakesLimit = 1000

// reader reads configurations that may name the given kinds.
type reader struct {
	kinds tables
	env   func(string) (string, bool)
}

func (r reader) read(name string, data []byte) (*Config, error) {
	if len(data) > sizeLimit {
		return nil, Errors{{File: name, Line: 1, Column: 1, Text: fmt.Sprintf(
			"the file is larger than %d KiB; split the services over several workers", sizeLimit>>10)}}
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	src := newSource(text)
	var problems []problem
	report := func(line, column int, format string, args ...any) {
		if len(problems) < mistakesLimit {
			problems = append(problems, problem{line, column, fmt.Sprintf(format, args...)})
		}
	}
	root := tree(text, report)
	if root == nil {
		src.unparsed = true
		return nil, present(name, src, problems, func(text string) string { return text })
	}
	var secrets []string
	d := &decoder{
		report: report, kinds: r.kinds, src: src,
		env:   environment{lookup: r.env, dir: filepath.Dir(name), secrets: &secrets},
		nodes: map[string]*node{}, failed: map[string]bool{}, failedBelow: map[string]bool{},
		fresh: map[reflect.Type]func() reflect.Value{},
	}
	config := d.document(root)
	d.hideBySound(root, map[*node]bool{})
	slices.Sort(secrets)
	config.secrets = slices.Compact(secrets)
	if len(problems) > 0 {
		return nil, present(name, src, problems, redactor(config.secrets))
	}
	return config, nil
}

// document decodes the whole file onto the defaults and checks what no single
// option can know.
func (d *decoder) document(root *node) *Config {
	doc := blank()
	d.after = func(path string) {
		if path != "defaults" {
			return
		}
		d.fresh[reflect.TypeFor[Service]()] = func() reflect.Value {
			return reflect.ValueOf(Service{Policy: doc.Defaults.Policy})
		}
		d.fresh[reflect.TypeFor[Remediation]()] = func() reflect.Value {
			return reflect.ValueOf(Remediation{RemediationPolicy: doc.Defaults.Remediation})
		}
	}
	d.fresh[reflect.TypeFor[Receiver]()] = func() reflect.Value {
		return reflect.ValueOf(Receiver{Language: doc.Language})
	}
	d.fresh[reflect.TypeFor[Fleet]()] = func() reflect.Value { return reflect.ValueOf(builtinFleet()) }
	d.fresh[reflect.TypeFor[OIDC]()] = func() reflect.Value { return reflect.ValueOf(builtinOIDC()) }
	d.fresh[reflect.TypeFor[Heartbeat]()] = func() reflect.Value {
		return reflect.ValueOf(Heartbeat{Every: minutes(1)})
	}
	d.panelDefaults()
	d.decode("", root, field{}, reflect.ValueOf(&doc).Elem())
	c := checker{d: d, doc: &doc, endless: map[string]bool{}}
	c.check()
	return &Config{
		Temporal: doc.Temporal, HTTP: doc.HTTP, Patient: doc.Patient, Limits: doc.Limits,
		Services: doc.Services, Receivers: c.receivers(), Routes: doc.Routes, ResponseTimes: doc.ResponseTimes,
		Language: doc.Language, Templates: doc.Templates, WebUI: doc.WebUI, Heartbeat: doc.Heartbeat,
		Store: doc.Store, Pipeline: doc.Pipeline,
	}
}

// blank returns what holds when the file says nothing. Interval, RetryInterval
// and Timeout depend on what else is written and are filled in later.
func blank() document {
	return document{
		Temporal: Temporal{TaskQueue: "paramedic"},
		HTTP:     HTTP{Listen: "127.0.0.1:8080"},
		Limits:   FleetLimits{ConcurrentRestarts: 1, MinHealthy: 51},
		Language: "en",
		ResponseTimes: ResponseTimes{
			P0: minutes(15), P1: minutes(60), P2: minutes(4 * 60), P3: minutes(24 * 60),
		},
		Store:    builtinStore(),
		Defaults: builtin(),
	}
}

func builtin() Defaults {
	return Defaults{
		Policy: Policy{
			FailureThreshold: 3, SuccessThreshold: 2, Watch: 10,
			Severity: "P1", Alerts: []string{BuiltinReceiver}, Timezone: "UTC",
			Flapping: Flapping{Low: health.FlapLow, High: health.FlapHigh}, Reminder: minutes(60),
		},
		Remediation: RemediationPolicy{
			Mode: health.ModeAct, ApproveWithin: minutes(30), StableFor: minutes(10),
			Settle: health.Duration(10 * time.Second),
			Backoff: []health.Duration{
				health.Duration(10 * time.Second), health.Duration(30 * time.Second), health.Duration(90 * time.Second),
			},
			Limits: IncidentLimits{PerIncident: 3, IncidentsPerHour: 1, RestartsPerDay: 3},
		},
	}
}

func minutes(n int) health.Duration { return health.Duration(time.Duration(n) * time.Minute) }

// redactor masks secrets in messages, also as they look in quotes and in
// addresses.
func redactor(secrets []string) func(string) string {
	all := slices.Clone(secrets)
	for _, secret := range secrets {
		all = append(all, disguises(secret)...)
	}
	return option.NewRedactor(all).Redact
}
