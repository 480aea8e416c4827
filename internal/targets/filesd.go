package targets

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"paramedic/internal/health"
)

// fileLimit bounds a file of targets, in bytes: enough for a million of them.
const fileLimit = 64 << 20

// ReadFileSD reads a file as Prometheus's file_sd_configs does: a list of
// groups, each with targets and the labels that they have in common, as JSON
// if its name ends in .json and as YAML if it ends in .yml or .yaml. Labels
// whose names begin with __ are for Prometheus itself and are left out. The
// error begins with file:line:column where a place is known.
func ReadFileSD(path string) ([]health.Target, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return parseFileSD(path, text)
}

// CheckFileSD says what is wrong with the name of a file of targets.
func CheckFileSD(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".yml", ".yaml":
		return nil
	}
	return fmt.Errorf("%s is neither JSON nor YAML by its name; let it end in .json, .yml or .yaml", path)
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err // which names the file
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, fileLimit+1))
	if err == nil && len(text) > fileLimit {
		err = fmt.Errorf("%s: it is larger than %d MiB; split it over several services", path, fileLimit>>20)
	}
	return text, err
}

func parseFileSD(path string, text []byte) ([]health.Target, error) {
	if err := CheckFileSD(path); err != nil {
		return nil, err
	}
	g := &gatherer{path: path, seen: map[string]place{}, sets: newSets()}
	read := g.readYAML
	if strings.EqualFold(filepath.Ext(path), ".json") {
		read = g.readJSON
	}
	if err := read(text); err != nil {
		return nil, err
	}
	return g.all, nil
}

// place is where something stands in a file, as its parser tells it.
type place int

// gatherer puts together the targets of the groups of a file.
type gatherer struct {
	path string
	all  []health.Target
	// seen holds where each target stands.
	seen map[string]place
	sets sets
	// locate turns a place into a line and a column, both from 1. It may take
	// long, and is for mistakes only.
	locate func(place) (line, column int)
}

// wrong is a mistake with its place.
func (g *gatherer) wrong(at place, format string, args ...any) error {
	line, column := g.locate(at)
	return fmt.Errorf("%s:%d:%d: %s", g.path, line, column, fmt.Sprintf(format, args...))
}

// key takes up a key of a group.
func (g *gatherer) key(seen map[string]bool, key string, at place) error {
	if key != "targets" && key != "labels" {
		return g.wrong(at, "unknown key %q; write targets or labels", health.Clip(key, 80))
	}
	if seen[key] {
		return g.wrong(at, "the key %s is written twice; keep one of them", key)
	}
	seen[key] = true
	return nil
}

// target takes up one target of a group.
func (g *gatherer) target(name string, at place) error {
	if err := CheckName(name); err != nil {
		return g.wrong(at, "%v", err)
	}
	if first, twice := g.seen[name]; twice {
		line, _ := g.locate(first)
		return g.wrong(at, "the target %s is already in line %d; remove one of them", name, line)
	}
	g.seen[name] = at
	g.all = append(g.all, health.Target{Name: name})
	return nil
}

// group gives labels to the targets that were taken up since from.
func (g *gatherer) group(from int, labels map[string]string, at place) error {
	if len(labels) > LabelsLimit {
		return g.wrong(at, "the group has %d labels; keep at most %d", len(labels), LabelsLimit)
	}
	labels = g.sets.intern(labels)
	for i := from; i < len(g.all); i++ {
		g.all[i].Labels = labels
	}
	return nil
}

// label takes up one label of a group.
func (g *gatherer) label(labels map[string]string, name, value string, at place) error {
	if strings.HasPrefix(name, "__") {
		return nil
	}
	if err := CheckLabel(name, value); err != nil {
		return g.wrong(at, "%v", err)
	}
	if _, twice := labels[name]; twice {
		return g.wrong(at, "the label %s is written twice; keep one of them", name)
	}
	labels[name] = value
	return nil
}
