package targets

import (
	"maps"
	"slices"
	"strings"
)

// sets keeps one copy of each set of labels, and of each text in it: thousands
// of targets have few different ones.
type sets struct {
	known map[string]map[string]string
	texts map[string]string
}

func newSets() sets { return sets{map[string]map[string]string{}, map[string]string{}} }

// intern returns labels as they are kept; nil if there are none.
func (s sets) intern(labels map[string]string) map[string]string {
	if len(labels) == 0 {
		return nil
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		key.WriteString(name)
		key.WriteByte(0) // stands in no label
		key.WriteString(labels[name])
		key.WriteByte(0)
	}
	if known := s.known[key.String()]; known != nil {
		return known
	}
	kept := make(map[string]string, len(labels))
	for name, value := range labels {
		kept[s.text(name)] = s.text(value)
	}
	s.known[key.String()] = kept
	return kept
}

func (s sets) text(text string) string {
	if known, found := s.texts[text]; found {
		return known
	}
	text = strings.Clone(text) // which may be a part of a whole file
	s.texts[text] = text
	return text
}
