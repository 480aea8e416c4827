package config

import "paramedic/internal/health"

// Targets says which targets a service has. At least one source is set.
type Targets struct {
	// List are those written in the configuration.
	List []health.Target `yaml:"list,omitempty" doc:"Targets by name, with labels."`
	// FileSD is the absolute path of a Prometheus file_sd file, JSON or YAML.
	FileSD string `yaml:"file_sd,omitempty" doc:"A file of targets as Prometheus's file_sd_configs reads it, JSON or YAML; a relative path starts at the configuration's directory. It is read again whenever it changes."`
	// API is set if targets may be registered by the API.
	API bool `yaml:"api" doc:"Whether targets may be registered by the API, in which case the store keeps them."`
}

// Fleet says how the targets of a service are probed and judged.
type Fleet struct {
	// Batch is the most targets that one activity probes.
	Batch int `yaml:"batch" min:"1" max:"5000" doc:"How many targets one activity probes at most; 1000 unless set."`
	// Parallel is how many probes of a batch run at the same time.
	Parallel int `yaml:"parallel" min:"1" max:"1000" doc:"How many targets of a batch are probed at the same time; 64 unless set. A probe that takes longer than a second does not count."`
	// PerHost is how many probes of one host run at the same time; 0 for no limit.
	PerHost int `yaml:"per_host" min:"0" max:"1000" doc:"How many targets of one host are probed at the same time; 16 unless set, 0 for no limit."`
	// Retries is how often a target that fails is probed again within its tick.
	Retries int `yaml:"retries" min:"0" max:"5" doc:"How often a target that fails is tried again, after 1s, 2s, 4s ... and some jitter, before it counts as one failed probe; 2 unless set."`
	// MaxOpenIncidents is how many targets have an incident of their own.
	MaxOpenIncidents int `yaml:"max_open_incidents" min:"1" max:"1000" doc:"How many targets may have an open incident of their own; past it, one incident is opened for the service as a whole. 50 unless set."`
	// Control is probed when most targets of a batch fail; nil if there is none.
	Control *Probe `yaml:"control,omitempty" doc:"A probe of something that is always up, made when most targets fail at once: if it fails too, the worker is cut off, and nothing is held against the targets; exactly one kind."`
	// Vantage names the points from which to look; empty for any worker.
	Vantage []string `yaml:"vantage,omitempty" doc:"The points to look from, each served by workers started with --vantage NAME; any worker unless set."`
	// Quorum is how many vantage points must see a target fail; 0 with none.
	Quorum int `yaml:"quorum" min:"0" max:"100" doc:"How many vantage points must see a target fail for it to count; more than half of them unless set."`
	// Classes have intervals of their own; the first that matches is a target's.
	Classes []Class `yaml:"classes,omitempty" doc:"Targets with an interval of their own; the first class whose labels match is a target's."`
}

// Class is a kind of targets with an interval of its own.
type Class struct {
	Name     string            `yaml:"name" required:"true" doc:"The class's name: lower-case letters, digits, dots, dashes and underscores, at most 63."`
	Match    map[string]string `yaml:"match" required:"true" doc:"Labels that a target of the class has; all of them."`
	Interval health.Duration   `yaml:"interval" required:"true" min:"1s" doc:"The time between probes of these targets; the service's watch is a multiple of it."`
}

// ClassOf names the class of a target: the first that matches, or "".
func (f *Fleet) ClassOf(target health.Target) string {
	for _, class := range f.Classes {
		if class.matches(target) {
			return class.Name
		}
	}
	return ""
}

func (c Class) matches(target health.Target) bool {
	for name, value := range c.Match {
		if target.Labels[name] != value {
			return false
		}
	}
	return true
}
