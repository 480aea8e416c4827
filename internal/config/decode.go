package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills option structs from nodes and remembers where every value
// stands, so that later checks can point at it.
type decoder struct {
	report func(line, column int, format string, args ...any)
	env    environment
	kinds  tables
	src    *source
	// nodes holds the node of each path that was written: "services[0].probe".
	nodes map[string]*node
	// failed holds the paths that were reported, failedBelow those that hold
	// one; their values mean nothing.
	failed, failedBelow map[string]bool
	failures            int
	// fresh gives the value that a type is decoded onto, if not the zero value.
	fresh map[reflect.Type]func() reflect.Value
	// templates are the paths of texts that hold {{target}} or {{label "name"}}.
	templates []string
	// after is called when the key of a path was read.
	after func(path string)
}

// fail reports a mistake in the value of path.
func (d *decoder) fail(path string, n *node, format string, args ...any) {
	d.mark(path)
	d.report(n.line, n.column, format, args...)
}

// mark remembers that the value of path means nothing.
func (d *decoder) mark(path string) {
	d.failures++
	d.failed[path] = true
	for up := parent(path); up != ""; up = parent(up) {
		d.failedBelow[up] = true
	}
}

// decode reads n into v, which is settable.
func (d *decoder) decode(path string, n *node, f field, v reflect.Value) {
	d.nodes[path] = n
	f.typ = v.Type()
	switch {
	case n.broken:
		d.mark(path)
	case isChoice(v.Type()):
		d.choice(path, n, v)
	case v.Type() == secretType:
		d.secret(path, n, v)
	case v.Type() == durationType:
		d.duration(path, n, f, v)
	case v.Type() == targetType:
		d.target(path, n, v)
	case v.Type() == targetsType:
		d.targets(path, n, v)
	case v.Kind() == reflect.Pointer:
		fresh := d.make(v.Type().Elem())
		d.decode(path, n, f, fresh)
		v.Set(fresh.Addr())
	case v.Kind() == reflect.Struct:
		d.structure(path, n, v)
	case v.Kind() == reflect.Slice:
		d.slice(path, n, f, v)
	case v.Kind() == reflect.Map:
		d.mapping(path, n, f, v)
	default:
		d.scalar(path, n, f, v)
	}
}

// make returns a settable value to decode onto.
func (d *decoder) make(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	if fresh := d.fresh[t]; fresh != nil {
		v.Set(fresh())
	}
	return v
}

// structure reads the keys of a mapping into the fields of a struct. An empty
// value is an empty mapping, for that is what remains when all keys of a
// section are commented out.
func (d *decoder) structure(path string, n *node, v reflect.Value) {
	if n.shape != isMapping && n.shape != isNull {
		d.fail(path, n, "%s is %s where keys are expected; write %s", keyOf(path), n.describe(), keysOf(v.Type()))
		return
	}
	fields := fieldsOf(v.Type())
	for _, e := range n.entries {
		if !slices.Contains(fieldNames(fields), e.key.text) {
			d.unknownKey(path, e, fields)
		}
	}
	for _, f := range fields {
		key := join(path, f.name)
		value := n.get(f.name)
		if value != nil {
			d.decode(key, value, f, v.FieldByIndex(f.index))
		} else if f.required {
			d.fail(key, n, "the key %q is missing; add it: %s", f.name, f.doc)
		}
		if d.after != nil {
			d.after(key)
		}
	}
}

func (d *decoder) unknownKey(path string, e entry, fields []field) {
	d.fail(join(path, e.key.text), e.key, "unknown key %q; %s", e.key.text, suggest(e.key.text, fieldNames(fields)))
	best := nearest(e.key.text, fieldNames(fields))
	if slices.ContainsFunc(fields, func(f field) bool {
		return f.typ == secretType && (best == "" || best == f.name)
	}) {
		d.hide(e.value) // it may be a secret under a wrong name
	}
}

// slice reads a list; what the slice held before is replaced.
func (d *decoder) slice(path string, n *node, f field, v reflect.Value) {
	items := n.items
	switch {
	case f.single && n.shape == isText:
		items = []*node{n}
	case f.single && n.shape != isSequence:
		d.fail(path, n, "%s is %s where one text or a list is expected; write it like one, or [one, two]", keyOf(path), n.describe())
		return
	case n.shape != isSequence:
		d.fail(path, n, "%s is %s where a list is expected; write it like [one, two], or [] for none", keyOf(path), n.describe())
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, item := range items {
		if d.failures > mistakesLimit {
			break
		}
		element := d.make(v.Type().Elem())
		d.decode(fmt.Sprintf("%s[%d]", path, i), item, f, element)
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// mapping reads a mapping with free keys.
func (d *decoder) mapping(path string, n *node, f field, v reflect.Value) {
	if n.shape != isMapping {
		d.fail(path, n, "%s is %s where names and values are expected; write it like {name: value}", keyOf(path), n.describe())
		return
	}
	all := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		element := d.make(v.Type().Elem())
		d.decode(join(path, e.key.text), e.value, f, element)
		d.nodes[join(path, e.key.text)] = e.key // people look for the name
		all.SetMapIndex(reflect.ValueOf(e.key.text).Convert(v.Type().Key()), element)
	}
	v.Set(all)
}

// isFailed reports whether path, something above it or something below it was
// reported.
func (d *decoder) isFailed(path string) bool {
	for up := path; up != ""; up = parent(up) {
		if d.failed[up] {
			return true
		}
	}
	return d.failedBelow[path]
}

// at returns the node of path, or of the nearest parent that is written.
func (d *decoder) at(path string) *node {
	for ; path != ""; path = parent(path) {
		if n := d.nodes[path]; n != nil {
			return n
		}
	}
	return d.nodes[""]
}

// parent returns the path of what holds path: "a.b" of "a.b[1]".
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// keyOf returns the last part of a path, as people call it.
func keyOf(path string) string {
	if path == "" {
		return "the configuration"
	}
	key := path[strings.LastIndex(path, ".")+1:]
	if name, index, isItem := strings.Cut(key, "["); isItem {
		if i, err := strconv.Atoi(strings.TrimSuffix(index, "]")); err == nil {
			return fmt.Sprintf("entry %d of %s", i+1, name)
		}
	}
	return key
}

// keysOf lists the keys of a struct for a message.
func keysOf(t reflect.Type) string { return "keys of: " + listed(fieldNames(fieldsOf(t))) }
