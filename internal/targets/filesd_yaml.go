package targets

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// columnBits is how many bits of a place are its column.
const columnBits = 27

func (g *gatherer) readYAML(text []byte) error {
	g.locate = func(at place) (line, column int) { return int(at) >> columnBits, int(at) & (1<<columnBits - 1) }
	var root yaml.Node
	from := yaml.NewDecoder(bytes.NewReader(text))
	err := decodeYAML(from, &root)
	if err != nil && !errors.Is(err, io.EOF) {
		return g.notYAML(err)
	}
	if err != nil || len(root.Content) == 0 {
		return g.wrong(placeAt(1, 1), "the file is empty; write a list of groups, or [] for no targets")
	}
	groups := resolve(root.Content[0])
	if groups.Kind != yaml.SequenceNode {
		return g.wrong(placeOf(groups), "%s stands where a list of groups is expected; write it like - targets: [one, two]", shapeOf(groups))
	}
	for _, group := range groups.Content {
		if err := g.yamlGroup(resolve(group)); err != nil {
			return err
		}
	}
	if err := decodeYAML(from, &root); !errors.Is(err, io.EOF) {
		return g.wrong(placeOf(&root), "something follows the list of groups; keep one document in the file")
	}
	return nil
}

// decodeYAML calls the YAML library. A panic in it must not end a worker that
// reads its files again.
func decodeYAML(from *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = errors.New("the YAML library cannot read this file")
		}
	}()
	return from.Decode(into)
}

// yamlGroup reads one group.
func (g *gatherer) yamlGroup(group *yaml.Node) error {
	from, at := len(g.all), placeOf(group)
	labels, seen := map[string]string{}, map[string]bool{}
	err := g.pairs(group, "a group, like {targets: [], labels: {}}", func(key, value *yaml.Node) error {
		if err := g.key(seen, key.Value, placeOf(key)); err != nil {
			return err
		}
		if key.Value == "targets" {
			return g.yamlTargets(value)
		}
		at = placeOf(key)
		return g.yamlLabels(labels, value)
	})
	if err != nil {
		return err
	}
	return g.group(from, labels, at)
}

func (g *gatherer) yamlTargets(list *yaml.Node) error {
	if list.Kind != yaml.SequenceNode {
		return g.wrong(placeOf(list), "%s stands where a list of targets is expected; write it like [one, two]", shapeOf(list))
	}
	for _, item := range list.Content {
		at := placeOf(item)
		if item = resolve(item); item.Kind != yaml.ScalarNode {
			return g.wrong(at, "%s stands where the name of a target is expected; write a text", shapeOf(item))
		}
		if err := g.target(item.Value, at); err != nil {
			return err
		}
	}
	return nil
}

func (g *gatherer) yamlLabels(labels map[string]string, all *yaml.Node) error {
	return g.pairs(all, "labels, like {name: value}", func(key, value *yaml.Node) error {
		if value.Kind != yaml.ScalarNode {
			return g.wrong(placeOf(value), "%s stands where the value of a label is expected; write a text", shapeOf(value))
		}
		text := value.Value
		if value.Tag == "!!null" {
			text = ""
		}
		return g.label(labels, key.Value, text, placeOf(key))
	})
}

// pairs hands over the keys and values of a mapping.
func (g *gatherer) pairs(mapping *yaml.Node, expected string, each func(key, value *yaml.Node) error) error {
	if mapping.Kind != yaml.MappingNode {
		return g.wrong(placeOf(mapping), "%s stands where %s is expected", shapeOf(mapping), expected)
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if err := each(mapping.Content[i], resolve(mapping.Content[i+1])); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns what an alias stands for.
func resolve(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

func placeOf(node *yaml.Node) place { return placeAt(node.Line, node.Column) }

// placeAt is a place as readYAML locates it.
func placeAt(line, column int) place { return place(max(line, 1)<<columnBits | max(column, 1)) }

// shapeOf names a node for a message.
func shapeOf(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case node.Tag == "!!null":
		return "nothing"
	default:
		return "text"
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)`)

// notYAML says where a file is no YAML; the library knows the line at most.
func (g *gatherer) notYAML(err error) error {
	parts := yamlLine.FindStringSubmatch(err.Error())
	if parts == nil {
		return fmt.Errorf("%s: %w", g.path, err)
	}
	line, _ := strconv.Atoi(parts[1]) // 0 without one
	return g.wrong(placeAt(line, 1), "this is not YAML: %s; correct the text here", parts[2])
}
