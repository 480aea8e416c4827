package config

import "reflect"

// choice reads a mapping with exactly one key, the kind, and its options.
func (d *decoder) choice(path string, n *node, c choice) {
	names := kindNames(c.from(d.kinds))
	if n.shape != isMapping || len(n.entries) == 0 {
		d.fail(path, n, "%s names no kind of %s; write exactly one of: %s", keyOf(path), c.what(), listed(names))
		return
	}
	for _, e := range n.entries[1:] {
		d.fail(path, e.key, "%q is a second kind of %s beside %q; keep exactly one", e.key.text, c.what(), n.entries[0].key.text)
	}
	chosen := n.entries[0]
	k, known := find(c.from(d.kinds), chosen.key.text)
	if !known {
		d.fail(path, chosen.key, "unknown kind of %s %q; %s", c.what(), chosen.key.text, suggest(chosen.key.text, names))
		return
	}
	options := k.options()
	c.choose(k.name, options)
	v := reflect.ValueOf(options)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return // nothing to set
	}
	base := join(path, k.name)
	before := d.failures
	// A key of its own for what a mapping as a whole lacks: its name.
	d.nodes[base] = chosen.key
	d.structure(base, withPosition(chosen), v.Elem())
	d.validate(base, options, d.failures > before)
}

// withPosition returns the value of e standing where its key stands, so that
// what is missing in it is reported at the name that people look for.
func withPosition(e entry) *node {
	moved := *e.value
	if moved.shape == isMapping {
		moved.line, moved.column = e.key.line, e.key.column
	}
	return &moved
}

// validate reports what the options say of themselves, each problem at the
// nearest value that is written. What failed before is not reported twice.
func (d *decoder) validate(base string, options validator, hadFailures bool) {
	for _, p := range options.Validate() {
		path := base
		if p.Path != "" {
			path = join(base, p.Path)
		}
		if d.isFailed(path) || p.Path == "" && hadFailures {
			continue
		}
		d.fail(path, d.at(path), "%s: %s", keyOf(path), p.Text)
	}
}
