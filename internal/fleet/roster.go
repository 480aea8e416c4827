package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"paramedic/activities"
	"paramedic/internal/alert"
	"paramedic/internal/config"
	"paramedic/internal/option"
	"paramedic/internal/probe"
)

// roster is everything that one configuration opened. It does not change.
type roster struct {
	services  map[string]service
	receivers map[string]receiver
	redactor  *option.Redactor
	closers   []io.Closer
	limits    activities.FleetLimits
	// webUI is the address of Temporal's Web UI, empty if it is not configured.
	webUI string
	// users counts the calls that hold this roster open.
	users sync.WaitGroup
}

type service struct {
	// prober is nil for a service with targets, crowd for any other.
	prober  probe.Prober
	crowd   *crowd
	timeout time.Duration
	steps   []step
}

// open builds every prober, remedy and receiver, or none.
func open(cfg *config.Config, g gear) (*roster, error) {
	r := &roster{
		services:  make(map[string]service, len(cfg.Services)),
		receivers: make(map[string]receiver, len(cfg.Receivers)),
		redactor:  option.NewRedactor(cfg.Secrets()),
		limits: activities.FleetLimits{
			ConcurrentRestarts: cfg.Limits.ConcurrentRestarts,
			MinHealthy:         cfg.Limits.MinHealthy,
			Services:           len(cfg.Services),
		},
		webUI: cfg.WebUI,
	}
	if err := r.openAll(cfg, g); err != nil {
		return nil, redact(errors.Join(err, r.close()), r.redactor)
	}
	return r, nil
}

func (r *roster) openAll(cfg *config.Config, g gear) error {
	for _, s := range cfg.Services {
		if err := r.openService(s, g); err != nil {
			return fmt.Errorf("service %s: %w", s.Name, err)
		}
	}
	books := library{directory: cfg.Templates, open: map[string]*alert.Texts{}}
	for _, configured := range cfg.Receivers {
		if err := r.openReceiver(configured, cmp.Or(configured.Language, cfg.Language), books); err != nil {
			return fmt.Errorf("receiver %s: %w", configured.Name, err)
		}
	}
	return nil
}

func (r *roster) openService(s config.Service, g gear) error {
	opened := service{timeout: s.Timeout.Std()}
	var err error
	if s.Targets != nil {
		opened.crowd, err = r.openCrowd(s, g)
	} else {
		opened.prober, err = r.openProbe(s.Probe)
	}
	if err != nil {
		return err
	}
	if s.Remediation != nil {
		for i, configured := range s.Remediation.Steps {
			made, err := r.openStep(configured, s)
			if err != nil {
				return fmt.Errorf("step %d, %s: %w", i+1, configured.Kind, err)
			}
			opened.steps = append(opened.steps, made)
		}
	}
	r.services[s.Name] = opened
	return nil
}

func (r *roster) openProbe(configured config.Probe) (probe.Prober, error) {
	prober, err := configured.Options.Open()
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", configured.Kind, err)
	}
	r.closers = append(r.closers, prober)
	return prober, nil
}

func (r *roster) openReceiver(configured config.Receiver, language string, books library) error {
	texts, err := books.texts(language)
	if err != nil {
		return err
	}
	opened, err := configured.Options.Open(texts)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, opened)
	r.receivers[configured.Name] = receiver{Receiver: opened, grouping: groupingOf(configured)}
	return nil
}

// groupingOf is how the alerts of a receiver are put together.
func groupingOf(configured config.Receiver) activities.Grouping {
	grouping := activities.Grouping{Wait: configured.GroupWait, Batch: 1}
	kinds := alert.Kinds()
	if i := slices.IndexFunc(kinds, func(k alert.Kind) bool { return k.Name == configured.Kind }); i >= 0 {
		grouping.Batch = max(1, kinds[i].Batch)
	}
	return grouping
}

// library holds the texts of each language that a receiver uses.
type library struct {
	// directory holds templates that replace built-in ones; may be empty.
	directory string
	open      map[string]*alert.Texts
}

func (l library) texts(language string) (*alert.Texts, error) {
	if known := l.open[language]; known != nil {
		return known, nil
	}
	texts, err := alert.NewTexts(language, l.directory)
	if err != nil {
		return nil, fmt.Errorf("texts in %s: %w", language, err)
	}
	l.open[language] = texts
	return texts, nil
}

func (r *roster) close() error {
	var failures []error
	for _, closer := range r.closers {
		failures = append(failures, closer.Close())
	}
	return errors.Join(failures...)
}
