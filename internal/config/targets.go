package config

import (
	"fmt"
	"path/filepath"
	"reflect"

	"paramedic/internal/health"
	"paramedic/internal/targets"
)

// Targets says which targets a service has. At least one source is set.
type Targets struct {
	// List are those written in the configuration.
	List []health.Target `yaml:"list,omitempty" doc:"Targets by name, with labels."`
	// FileSD is the absolute path of a Prometheus file_sd file, JSON or YAML.
	FileSD string `yaml:"file_sd,omitempty" doc:"A file of targets as Prometheus's file_sd_configs reads it, JSON or YAML; a relative path starts at the configuration's directory. It is read again whenever it changes."`
	// API is set if targets may be registered by the API.
	API bool `yaml:"api" doc:"Whether targets may be registered by the API, in which case the store keeps them."`
}

var (
	targetType  = reflect.TypeFor[health.Target]()
	targetsType = reflect.TypeFor[Targets]()
)

// listedTarget is how a target with labels is written.
type listedTarget struct {
	Target string            `yaml:"target" required:"true" doc:"The target's name, unique in the service, which {{target}} stands for: at most 200 printable ASCII characters, no spaces, quotes, backslashes, < and >."`
	Labels map[string]string `yaml:"labels,omitempty" doc:"Names and values that {{label \"name\"}} stands for and that classes match: at most 20, names of letters, digits and underscores, values of at most 200 bytes."`
}

// target reads a target, which is a text or has labels too.
func (d *decoder) target(path string, n *node, v reflect.Value) {
	var listed listedTarget
	before := d.failures
	switch n.shape {
	case isMapping, isNull:
		d.structure(path, n, reflect.ValueOf(&listed).Elem())
	default:
		n.plainly = true
		listed.Target, _ = d.text(path, n)
	}
	if d.failures > before {
		d.mark(path)
		return
	}
	target := health.Target{Name: listed.Target, Labels: listed.Labels}
	if err := targets.CheckTarget(target); err != nil {
		d.fail(path, n, "%v", err)
		return
	}
	v.Set(reflect.ValueOf(target))
}

// targets reads a list of targets, or where they come from.
func (d *decoder) targets(path string, n *node, v reflect.Value) {
	switch n.shape {
	case isSequence:
	case isMapping, isNull:
		d.structure(path, n, v)
		return
	default:
		d.fail(path, n, "targets is %s where targets are expected; write a list of them like [one, two], or keys of: list, file_sd, api", n.describe())
		return
	}
	list, _ := v.Addr().Interface().(*Targets)
	d.decode(join(path, "list"), n, field{}, reflect.ValueOf(&list.List).Elem())
}

// targets checks where the targets of a service come from, and makes the path
// of their file absolute.
func (c *checker) targets(path string, t *Targets) {
	list, file := join(path, "list"), join(path, "file_sd")
	switch {
	case c.written(list) && len(t.List) == 0 && t.FileSD == "" && !t.API:
		c.wrong(list, "there are no targets here; write at least one, or file_sd or api: true")
	case !c.written(list) && t.FileSD == "" && !t.API:
		c.wrong(path, "targets says nothing of where they come from; write a list of them, or list, file_sd or api: true")
	}
	lines := make(map[string]int, len(t.List))
	for i, target := range t.List {
		item := fmt.Sprintf("%s[%d]", list, i)
		if c.d.isFailed(item) {
			continue
		}
		if first, twice := lines[target.Name]; twice {
			c.wrong(item, "the target %s is already in line %d; remove one of them", target.Name, first)
			continue
		}
		lines[target.Name] = c.d.at(item).line
	}
	if t.FileSD == "" {
		return
	}
	if err := targets.CheckFileSD(t.FileSD); err != nil {
		c.wrong(file, "%v", err)
		return
	}
	if !filepath.IsAbs(t.FileSD) {
		t.FileSD = filepath.Join(c.d.env.dir, t.FileSD)
	}
	absolute, err := filepath.Abs(t.FileSD)
	if err != nil {
		c.wrong(file, "file_sd: %v; write an absolute path", err)
	}
	t.FileSD = absolute
}
