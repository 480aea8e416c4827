package config

import (
	"fmt"
	"time"

	"paramedic/internal/health"
)

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

// builtinFleet is what holds when the file says nothing.
func builtinFleet() Fleet {
	return Fleet{Batch: 1000, Parallel: 64, PerHost: 16, Retries: 2, MaxOpenIncidents: 50}
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

// fleet checks what only a service with targets has, or that the service is
// none, and fills in what is not written.
func (c *checker) fleet(path string, s *Service) {
	at := join(path, "fleet")
	if s.Targets == nil {
		if s.Fleet != nil && !c.written(join(path, "targets")) {
			c.wrong(at, "fleet says how the targets of a service are probed, and this one has none; write targets too, or remove it")
		}
		return
	}
	c.targets(join(path, "targets"), s.Targets)
	if s.Fleet == nil {
		fleet := builtinFleet()
		s.Fleet = &fleet
	}
	c.unfit(path, s)
	c.vantage(at, s.Fleet)
	c.classes(path, s)
	c.expansion(path, s)
}

// unfit refuses what does not go with targets.
func (c *checker) unfit(path string, s *Service) {
	if s.Cron != "" {
		c.wrong(join(path, "cron"), "the targets of a service are probed evenly over an interval; write interval in place of cron")
		return
	}
	if s.Interval.Std()%time.Second != 0 {
		c.wrong(c.place(path, "interval"), "the interval of a service with targets, %s, is no whole number of seconds; make it %s", s.Interval, rounded(s.Interval))
	}
	if c.written(join(path, "flapping")) && s.Flapping.High != 0 {
		c.wrong(join(path, "flapping"), "flapping is not looked for in single targets; remove it, and see retries and failure_threshold")
	}
	s.Flapping = Flapping{} // nor are the defaults for it
}

// place is where a key of a service is written, in the service or the defaults.
func (c *checker) place(path, key string) string {
	if at := join("defaults", key); !c.written(join(path, key)) && c.written(at) {
		return at
	}
	return join(path, key)
}

// rounded is an interval in whole seconds.
func rounded(d health.Duration) health.Duration {
	return health.Duration(max(d.Std().Round(time.Second), time.Second))
}

// vantage checks the points to look from, and fills in the quorum.
func (c *checker) vantage(path string, f *Fleet) {
	list, quorum := join(path, "vantage"), join(path, "quorum")
	seen := map[string]bool{}
	for i, name := range f.Vantage {
		item := fmt.Sprintf("%s[%d]", list, i)
		switch {
		case c.d.isFailed(item):
		case !hostName.MatchString(name):
			c.wrong(item, "%q cannot name a vantage point; write the name that its workers were given with --vantage: letters, digits, dots, dashes and underscores, at most 63", health.Clip(name, 80))
		case seen[name]:
			c.wrong(item, "the vantage point %q is listed twice; remove one of them", name)
		}
		seen[name] = true
	}
	switch points := len(f.Vantage); {
	case points == 0 && f.Quorum > 0:
		c.wrong(quorum, "quorum counts vantage points, and there are none; write vantage too, or remove it")
	case points > 0 && !c.written(quorum):
		f.Quorum = points/2 + 1
	case points > 0 && f.Quorum == 0:
		c.wrong(quorum, "with quorum 0 a target would fail without being seen to; write at least 1, or leave it out for %d of %d", points/2+1, points)
	case f.Quorum > points:
		c.wrong(quorum, "quorum is %d, and there are %d vantage points; write at most %d", f.Quorum, points, points)
	}
}
