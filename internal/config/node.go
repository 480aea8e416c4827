package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// shape is what a node is, in the words of messages.
type shape string

const (
	isNull     shape = "empty"
	isBool     shape = "true or false"
	isNumber   shape = "a number"
	isText     shape = "text"
	isSequence shape = "a list"
	isMapping  shape = "a mapping"
)

// node is a value of the file with its position. Aliases are resolved: an
// aliased node is shared by all that refer to it, and there are no cycles.
type node struct {
	line, column int
	shape        shape
	text         string // of a scalar, quotes and escapes resolved
	raw          string // of a scalar, as it stands in the file
	rawLine      int    // where raw begins; a block text begins below its "|"
	items        []*node
	entries      []entry
	// weight counts the node and all below it, aliases written out.
	weight int
	// broken says that a mistake was reported in place of the value.
	broken bool
	// hidden says that the scalar was marked as a secret.
	hidden bool
	// plainly says that the scalar was read as an option that is no secret.
	plainly bool
}

// entry is one key of a mapping and its value.
type entry struct{ key, value *node }

// get returns the value of a key, nil if it is not there.
func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key.text == key {
			return e.value
		}
	}
	return nil
}

// expansionLimit bounds the nodes that aliases may stand for in one file.
const expansionLimit = 200_000

// builder turns goccy's tree into nodes and reports what configuration does
// not use of YAML.
type builder struct {
	report   func(line, column int, format string, args ...any)
	anchors  map[string]*node
	expanded int
	stopped  bool
}

// build converts one value; it never returns nil.
func (b *builder) build(from ast.Node) *node {
	n := &node{shape: isNull, weight: 1}
	if from == nil || b.stopped {
		return n
	}
	n.line, n.column = position(from)
	switch from := from.(type) {
	case *ast.MappingNode:
		b.mapping(n, from.Values, from.IsFlowStyle)
	case *ast.MappingValueNode:
		b.mapping(n, []*ast.MappingValueNode{from}, from.IsFlowStyle)
	case *ast.SequenceNode:
		n.shape = isSequence
		for _, item := range from.Values {
			n.items = append(n.items, b.build(item))
			n.weight = add(n.weight, n.items[len(n.items)-1].weight)
		}
	case *ast.AnchorNode:
		return b.anchor(from)
	case *ast.AliasNode:
		return b.alias(from, n)
	default:
		b.scalar(n, from)
	}
	return n
}

func (b *builder) scalar(n *node, from ast.Node) {
	tk := from.GetToken()
	n.rawLine = n.line
	switch from := from.(type) {
	case *ast.StringNode:
		n.shape, n.text = isText, from.Value
	case *ast.LiteralNode:
		n.shape, n.text = isText, from.Value.Value
		tk, n.rawLine = from.Value.GetToken(), n.line+1
	case *ast.BoolNode:
		n.shape = isBool
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		n.shape = isNumber
	case *ast.NullNode:
	default:
		n.broken = true
		b.report(n.line, n.column, "this part of YAML is not read in a configuration; write plain keys, values and lists")
	}
	if tk == nil {
		return
	}
	n.raw = strings.TrimSpace(tk.Origin)
	if n.rawLine > n.line { // the indentation is part of what a block text shows
		n.raw = "\n" + tk.Origin
		n.rawLine = n.line
	}
	if n.shape != isText {
		n.text = tk.Value
	}
	n.weight += len(n.text) / 16
}

func (b *builder) mapping(n *node, values []*ast.MappingValueNode, flow bool) {
	n.shape = isMapping
	lines := map[string]int{}
	var merged []entry
	for i, value := range values {
		key := b.key(value.Key)
		if i == 0 && !flow {
			n.line, n.column = key.line, key.column
		}
		built := b.build(value.Value)
		if built.shape == isNull && !built.broken { // where nothing is written, the key is what one can point at
			built.line, built.column = key.line, key.column
		}
		n.weight = add(n.weight, built.weight+1)
		if _, merge := value.Key.(*ast.MergeKeyNode); merge {
			merged = append(merged, b.merge(built)...)
			continue
		}
		if first, twice := lines[key.text]; twice {
			b.report(key.line, key.column, "the key %q appears twice, first in line %d; remove one of them", key.text, first)
			continue
		}
		lines[key.text] = key.line
		n.entries = append(n.entries, entry{key, built})
	}
	for _, e := range merged { // what is written wins over what is merged in
		if _, written := lines[e.key.text]; !written {
			lines[e.key.text] = e.key.line
			n.entries = append(n.entries, e)
		}
	}
}

// key converts a key; anything but a scalar is reported.
func (b *builder) key(from ast.MapKeyNode) *node {
	n := &node{shape: isText, weight: 1}
	n.line, n.column = position(from)
	if tk := from.GetToken(); tk != nil {
		n.text = tk.Value
	}
	switch from.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.MergeKeyNode:
	default:
		b.report(n.line, n.column, "this is not a key; write a plain word before the colon")
	}
	return n
}

// merge returns what "<<: value" stands for.
func (b *builder) merge(value *node) []entry {
	switch value.shape {
	case isMapping:
		return value.entries
	case isSequence:
		var all []entry
		for _, item := range value.items {
			if item.shape != isMapping {
				b.report(item.line, item.column, "\"<<\" merges mappings, and this is %s; refer to mappings only", item.shape)
			}
			all = append(all, item.entries...)
		}
		return all
	default:
		b.report(value.line, value.column, "\"<<\" merges mappings, and this is %s; refer to a mapping like *name", value.shape)
		return nil
	}
}

func (b *builder) anchor(from *ast.AnchorNode) *node {
	n := b.build(from.Value)
	if n.line == 0 {
		n.line, n.column = position(from)
	}
	if from.Name != nil && from.Name.GetToken() != nil {
		b.anchors[from.Name.GetToken().Value] = n
	}
	return n
}

func (b *builder) alias(from *ast.AliasNode, missing *node) *node {
	name := ""
	if from.Value != nil && from.Value.GetToken() != nil {
		name = from.Value.GetToken().Value
	}
	target, known := b.anchors[name]
	if !known {
		missing.broken = true
		b.report(missing.line, missing.column, "the alias *%s refers to nothing above it; define &%s before it is used", name, name)
		return missing
	}
	b.expanded = add(b.expanded, target.weight)
	if b.expanded > expansionLimit {
		b.report(missing.line, missing.column, "the aliases up to here stand for more than %d values; write out less by aliases", expansionLimit)
		b.stopped = true
	}
	return target
}

// position is where a node begins.
func position(n ast.Node) (line, column int) {
	var tk *token.Token
	if tk = n.GetToken(); tk == nil || tk.Position == nil {
		return 0, 0
	}
	return tk.Position.Line, tk.Position.Column
}

// add sums weights without overflow.
func add(a, b int) int { return min(a+b, 1<<40) }

// describe names what a node is, for messages; never its value.
func (n *node) describe() string {
	if n.shape == isText && n.text == "" {
		return "empty text"
	}
	return fmt.Sprint(n.shape)
}
