package config

import (
	"fmt"
	"reflect"
	"slices"

	"paramedic/internal/option"
)

// choice reads a mapping with exactly one key that names the kind, with its
// options, beside the keys that all kinds share.
func (d *decoder) choice(path string, n *node, v reflect.Value) {
	c, _ := v.Addr().Interface().(choice)
	shared := fieldsOf(v.Type())
	chosen, k, known := d.kindIn(path, n, c, fieldNames(shared))
	if known {
		d.options(path, chosen, c, k)
	}
	for _, f := range shared {
		key := join(path, f.name)
		if value := n.get(f.name); value != nil {
			d.decode(key, value, f, v.FieldByIndex(f.index))
		}
	}
}

// kindIn finds the entry that names the kind, and reports all that are neither
// that one nor shared.
func (d *decoder) kindIn(path string, n *node, c choice, shared []string) (chosen entry, k kind, known bool) {
	names := kindNames(c.from(d.kinds))
	candidates := d.candidates(path, n, names, shared)
	if n.shape != isMapping || len(candidates) == 0 {
		d.fail(path, n, "%s names no kind of %s; write exactly one of: %s", keyOf(path), c.what(), listed(names))
		return entry{}, kind{}, false
	}
	first := max(0, slices.IndexFunc(candidates, func(e entry) bool { return slices.Contains(names, e.key.text) }))
	chosen = candidates[first]
	for _, e := range slices.Delete(slices.Clone(candidates), first, first+1) {
		d.fail(path, e.key, "%q is a second kind of %s beside %q; keep exactly one%s", e.key.text, c.what(), chosen.key.text, beside(shared))
	}
	if k, known = find(c.from(d.kinds), chosen.key.text); !known {
		d.fail(path, chosen.key, "unknown kind of %s %q; %s", c.what(), chosen.key.text, suggest(chosen.key.text, names))
	}
	return chosen, k, known
}

// candidates are the entries that may name a kind. What looks like a shared
// key that is written wrongly is reported and is none.
func (d *decoder) candidates(path string, n *node, names, shared []string) []entry {
	var candidates []entry
	all := slices.Concat(names, shared)
	for _, e := range n.entries {
		switch {
		case slices.Contains(shared, e.key.text):
		case !slices.Contains(names, e.key.text) && slices.Contains(shared, nearest(e.key.text, all)):
			d.fail(join(path, e.key.text), e.key, "unknown key %q; %s", e.key.text, suggest(e.key.text, shared))
		default:
			candidates = append(candidates, e)
		}
	}
	return candidates
}

// beside names the keys that may stand beside a kind, for a message.
func beside(shared []string) string {
	if len(shared) == 0 {
		return ""
	}
	return fmt.Sprintf(", and beside it only: %s", listed(shared))
}

// options reads the options of the chosen kind.
func (d *decoder) options(path string, chosen entry, c choice, k kind) {
	options := k.options()
	c.choose(k, options)
	v := reflect.ValueOf(options)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return // nothing to set
	}
	base := join(path, k.name)
	// A key of its own for what a mapping as a whole lacks: its name.
	d.nodes[base] = chosen.key
	d.structure(base, withPosition(chosen), v.Elem())
	if !d.ofTargets(path) { // or it is checked once it is filled in
		d.problems(base, options.Validate())
	}
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

// problems reports what options say of themselves, each problem at the nearest
// value that is written. What failed before is not reported twice.
func (d *decoder) problems(base string, problems option.Problems) {
	for _, p := range problems {
		path := base
		if p.Path != "" {
			path = join(base, p.Path)
		}
		if d.isFailed(path) {
			continue
		}
		d.fail(path, d.at(path), "%s: %s", keyOf(path), p.Text)
	}
}
