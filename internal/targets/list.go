package targets

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"paramedic/internal/health"
)

// List is all targets of a service at one moment, by name. It does not change.
type List struct {
	all     []health.Target
	classes map[string][]health.Target
}

// NewList sorts targets by name and by class; without classOf, all are of the
// class "". It keeps no reference to the slice. An error names the targets that
// are there more than once.
func NewList(targets []health.Target, classOf func(health.Target) string) (*List, error) {
	all := slices.Clone(targets)
	slices.SortFunc(all, byName)
	if twice := duplicates(all); len(twice) > 0 {
		return nil, fmt.Errorf("%s; a target is listed once", some("listed twice: ", twice))
	}
	return &List{all: all, classes: classify(all, classOf)}, nil
}

func byName(a, b health.Target) int { return strings.Compare(a.Name, b.Name) }

// duplicates are the names that sorted targets hold more than once.
func duplicates(sorted []health.Target) []string {
	var twice []string
	for i := 1; i < len(sorted); i++ {
		if name := sorted[i].Name; name == sorted[i-1].Name && (len(twice) == 0 || twice[len(twice)-1] != name) {
			twice = append(twice, name)
		}
	}
	return twice
}

// classify takes sorted targets apart by class. Without classes nothing is copied.
func classify(all []health.Target, classOf func(health.Target) string) map[string][]health.Target {
	classes := map[string][]health.Target{}
	if classOf == nil {
		if len(all) > 0 {
			classes[""] = all
		}
		return classes
	}
	for _, target := range all {
		class := classOf(target)
		classes[class] = append(classes[class], target)
	}
	for class, members := range classes {
		classes[class] = slices.Clip(members)
	}
	return classes
}

// disguised is the list with other labels for some targets, by name; itself if
// there are none. The classes stay as they are.
func (l *List) disguised(labels map[string]map[string]string) *List {
	if len(labels) == 0 {
		return l
	}
	classes := make(map[string][]health.Target, len(l.classes))
	for class, members := range l.classes {
		classes[class] = disguise(members, labels)
	}
	return &List{all: disguise(l.all, labels), classes: classes}
}

func disguise(targets []health.Target, labels map[string]map[string]string) []health.Target {
	shown := slices.Clone(targets)
	for i := range shown {
		if other, hidden := labels[shown[i].Name]; hidden {
			shown[i].Labels = other
		}
	}
	return shown
}

// disguises are the labels of targets whose values hold something that mask
// hides, without it, by the target's name.
func disguises(targets []health.Target, mask func(string) string) map[string]map[string]string {
	if mask == nil {
		return nil
	}
	found := map[string]map[string]string{}
	for _, target := range targets {
		shown := make(map[string]string, len(target.Labels))
		for name, value := range target.Labels {
			shown[name] = mask(value)
		}
		if !maps.Equal(shown, target.Labels) {
			found[target.Name] = shown
		}
	}
	return found
}

// some writes the first of many names for a message.
func some(before string, names []string) string {
	const most = 5
	text := before + strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}

// Len counts the targets.
func (l *List) Len() int { return len(l.all) }

// All returns the targets by name. They are not to be changed.
func (l *List) All() []health.Target { return l.all }

// Find looks a target up.
func (l *List) Find(name string) (health.Target, bool) {
	i, found := slices.BinarySearchFunc(l.all, name, func(target health.Target, name string) int {
		return strings.Compare(target.Name, name)
	})
	if !found {
		return health.Target{}, false
	}
	return l.all[i], true
}

// Class returns the targets of a class, by name; the class "" holds those that
// no class of the service matches. They are not to be changed.
func (l *List) Class(class string) []health.Target { return l.classes[class] }

// Counts returns how many targets each class has; empty ones are absent.
func (l *List) Counts() map[string]int {
	counts := make(map[string]int, len(l.classes))
	for class, members := range l.classes {
		counts[class] = len(members)
	}
	return counts
}
