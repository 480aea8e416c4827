package targets

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"paramedic/internal/health"
)

// Bounds on a target, so that its name can stand in addresses, ids and logs.
const (
	// NameLimit is the longest name of a target, in bytes.
	NameLimit = 200
	// LabelsLimit is how many labels a target may have.
	LabelsLimit = 20
	// ValueLimit is the longest value of a label, in bytes.
	ValueLimit = 200
)

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// CheckTarget says what is wrong with a target and what would be right.
func CheckTarget(target health.Target) error {
	if err := CheckName(target.Name); err != nil {
		return err
	}
	if len(target.Labels) > LabelsLimit {
		return fmt.Errorf("the target %s has %d labels; keep at most %d", target.Name, len(target.Labels), LabelsLimit)
	}
	for _, name := range slices.Sorted(maps.Keys(target.Labels)) {
		if err := CheckLabel(name, target.Labels[name]); err != nil {
			return fmt.Errorf("the target %s: %w", target.Name, err)
		}
	}
	return nil
}

// CheckName says what is wrong with the name of a target.
func CheckName(name string) error {
	switch i := strings.IndexFunc(name, forbidden); {
	case name == "":
		return fmt.Errorf("the name of a target is empty; write something like 10.0.0.1:80")
	case i >= 0:
		return fmt.Errorf("%q cannot name a target; write printable ASCII without spaces, quotes, backslashes, < and >", health.Clip(name, 80))
	case len(name) > NameLimit:
		return fmt.Errorf("the name of a target, %s, has %d bytes; write at most %d", health.Clip(name, 80), len(name), NameLimit)
	}
	return nil
}

// forbidden reports whether a target's name cannot hold r.
func forbidden(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\"'`\\<>", r)
}

// CheckLabel says what is wrong with a label of a target.
func CheckLabel(name, value string) error {
	switch {
	case len(name) > ValueLimit || !labelName.MatchString(name):
		return fmt.Errorf("%q cannot name a label; write letters, digits and underscores, not beginning with a digit, at most 200", health.Clip(name, 80))
	case len(value) > ValueLimit:
		return fmt.Errorf("the label %s has a value of %d bytes; write at most %d", name, len(value), ValueLimit)
	case strings.ContainsFunc(value, unicode.IsControl) || !utf8.ValidString(value):
		return fmt.Errorf("the label %s has a value with control characters; remove them", name)
	}
	return nil
}
