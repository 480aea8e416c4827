package config

import (
	"paramedic/internal/alert"
	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/probe"
	"paramedic/internal/remedy"
)

// validator is what the options of all kinds have in common.
type validator interface{ Validate() option.Problems }

// kind is a probe, a remedy or a receiver, as far as reading it goes.
type kind struct {
	name, doc string
	options   func() validator
	// groupWait is how long alerts of a kind of receiver wait for others.
	groupWait health.Duration
}

// tables are the kinds that a configuration may name.
type tables struct{ probes, remedies, receivers []kind }

// allKinds gathers the tables of the packages that own the kinds.
func allKinds() tables {
	var t tables
	for _, k := range probe.Kinds() {
		t.probes = append(t.probes, kind{name: k.Name, doc: k.Doc, options: func() validator { return k.Options() }})
	}
	for _, k := range remedy.Kinds() {
		t.remedies = append(t.remedies, kind{name: k.Name, doc: k.Doc, options: func() validator { return k.Options() }})
	}
	for _, k := range alert.Kinds() {
		t.receivers = append(t.receivers, kind{
			name: k.Name, doc: k.Doc, options: func() validator { return k.Options() },
			groupWait: health.Duration(k.GroupWait),
		})
	}
	return t
}

// choice is a value written as a mapping with exactly one key that names its
// kind. Fields of it with tags are keys that all kinds share.
type choice interface {
	// what names the kinds in messages: "probe".
	what() string
	from(t tables) []kind
	choose(k kind, options validator)
	chosen() (kind string, options validator)
}

func (p *Probe) what() string         { return "probe" }
func (p *Probe) from(t tables) []kind { return t.probes }
func (p *Probe) choose(k kind, options validator) {
	p.Kind = k.name
	p.Options, _ = options.(probe.Options)
}
func (p *Probe) chosen() (string, validator) { return p.Kind, p.Options }

func (s *Step) what() string         { return "remedy" }
func (s *Step) from(t tables) []kind { return t.remedies }
func (s *Step) choose(k kind, options validator) {
	s.Kind = k.name
	s.Options, _ = options.(remedy.Options)
}
func (s *Step) chosen() (string, validator) { return s.Kind, s.Options }

func (r *Receiver) what() string         { return "receiver" }
func (r *Receiver) from(t tables) []kind { return t.receivers }
func (r *Receiver) choose(k kind, options validator) {
	r.Kind, r.GroupWait = k.name, k.groupWait
	r.Options, _ = options.(alert.Options)
}
func (r *Receiver) chosen() (string, validator) { return r.Kind, r.Options }

// find returns the kind of that name.
func find(kinds []kind, name string) (kind, bool) {
	for _, k := range kinds {
		if k.name == name {
			return k, true
		}
	}
	return kind{}, false
}

func kindNames(kinds []kind) []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}
