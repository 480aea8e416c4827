package fleet

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"paramedic/internal/alert"
	"paramedic/internal/config"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// roster is everything that one configuration opened. It does not change.
type roster struct {
	services  map[string]service
	receivers map[string]alert.Receiver
	redactor  *option.Redactor
	closers   []io.Closer
	// concurrentRestarts is the fleet's limit.
	concurrentRestarts int
	// users counts the calls that hold this roster open.
	users sync.WaitGroup
}

type service struct {
	prober  probe.Prober
	timeout time.Duration
	steps   []remedy.Remedy
}

// open builds every prober, remedy and receiver, or none.
func open(cfg *config.Config) (*roster, error) {
	r := &roster{
		services:  make(map[string]service, len(cfg.Services)),
		receivers: make(map[string]alert.Receiver, len(cfg.Receivers)),
		redactor:  option.NewRedactor(cfg.Secrets()),

		concurrentRestarts: cfg.Limits.ConcurrentRestarts,
	}
	if err := r.openAll(cfg); err != nil {
		return nil, redact(errors.Join(err, r.close()), r.redactor)
	}
	return r, nil
}

func (r *roster) openAll(cfg *config.Config) error {
	for _, s := range cfg.Services {
		if err := r.openService(s); err != nil {
			return fmt.Errorf("service %s: %w", s.Name, err)
		}
	}
	for _, configured := range cfg.Receivers {
		receiver, err := configured.Options.Open()
		if err != nil {
			return fmt.Errorf("receiver %s: %w", configured.Name, err)
		}
		r.closers = append(r.closers, receiver)
		r.receivers[configured.Name] = receiver
	}
	return nil
}

func (r *roster) openService(s config.Service) error {
	prober, err := s.Probe.Options.Open()
	if err != nil {
		return fmt.Errorf("probe %s: %w", s.Probe.Kind, err)
	}
	r.closers = append(r.closers, prober)
	opened := service{prober: prober, timeout: s.Timeout.Std()}
	if s.Remediation != nil {
		for i, step := range s.Remediation.Steps {
			applied, err := step.Options.Open()
			if err != nil {
				return fmt.Errorf("step %d, %s: %w", i+1, step.Kind, err)
			}
			r.closers = append(r.closers, applied)
			opened.steps = append(opened.steps, applied)
		}
	}
	r.services[s.Name] = opened
	return nil
}

func (r *roster) close() error {
	var failures []error
	for _, closer := range r.closers {
		failures = append(failures, closer.Close())
	}
	return errors.Join(failures...)
}
