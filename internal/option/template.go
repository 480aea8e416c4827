package option

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"paramedic/internal/health"
)

// templateLimit bounds a text that holds a template, before and after it is
// filled in, in bytes.
const templateLimit = 64 << 10

// Template is a text in which {{target}} and {{label "name"}} stand for what a
// target is called, and {{"{{"}} for the braces themselves. These are written
// as in text/template, of which nothing else is known here: no functions, no
// conditions, and nothing that has to be looked up by reflection at each probe.
// The zero value is the empty text. It is safe for concurrent use.
type Template struct{ parts []part }

// part is a piece of text, or what stands for one.
type part struct {
	text     string
	isTarget bool
	label    string // its name; empty if it is none
}

var (
	// templateMark is what makes a text a template.
	templateMark = regexp.MustCompile(`\{\{-?\s*(target|label)\b`)
	labelCall    = regexp.MustCompile(`^label\s+"([^"]*)"$`)
	labelName    = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// known lists what a template may say.
const known = `write {{target}} or {{label "name"}}, or {{"{{"}} for the braces themselves`

// IsTemplate reports whether a text asks for the name or a label of a target.
// Other braces, which may belong to another language, do not make it one.
func IsTemplate(text string) bool {
	return strings.Contains(text, "{{") && templateMark.MatchString(text)
}

// ParseTemplate reads a text. Errors say what is wrong and what would be right.
func ParseTemplate(text string) (Template, error) {
	var t Template
	if !strings.Contains(text, "{{") {
		return Template{parts: []part{{text: text}}}, nil
	}
	if len(text) > templateLimit {
		return t, fmt.Errorf("is longer than %d bytes, too long for a text with {{ in it", templateLimit)
	}
	for {
		before, rest, found := strings.Cut(text, "{{")
		if before != "" {
			t.parts = append(t.parts, part{text: before})
		}
		if !found {
			return t, nil
		}
		action, length, err := readAction(rest)
		if err != nil {
			return Template{}, err
		}
		t.parts = append(t.parts, action)
		text = rest[length:]
	}
}

// readAction reads what follows {{, and says how many bytes it is long.
func readAction(rest string) (part, int, error) {
	const braces = `"{{"`
	if after, isBraces := strings.CutPrefix(strings.TrimLeft(rest, " \t"), braces); isBraces {
		if end := strings.TrimLeft(after, " \t"); strings.HasPrefix(end, "}}") {
			return part{text: "{{"}, len(rest) - len(end) + len("}}"), nil
		}
	}
	action, _, closed := strings.Cut(rest, "}}")
	if !closed {
		return part{}, 0, fmt.Errorf("holds %q without the }} that ends it; %s", health.Clip("{{"+rest, 40), known)
	}
	length := len(action) + len("}}")
	shown := health.Clip(action, 40)
	switch action = strings.TrimSpace(action); {
	case action == "target":
		return part{isTarget: true}, length, nil
	case labelCall.MatchString(action):
		name := labelCall.FindStringSubmatch(action)[1]
		if !labelName.MatchString(name) {
			return part{}, 0, fmt.Errorf("{{%s}} does not name a label: names are letters, digits and _, and begin with no digit", shown)
		}
		return part{label: name}, length, nil
	default:
		return part{}, 0, fmt.Errorf("{{%s}} means nothing here; %s", shown, known)
	}
}

// IsConstant reports whether the text is the same for all targets.
func (t Template) IsConstant() bool {
	for _, p := range t.parts {
		if p.isTarget || p.label != "" {
			return false
		}
	}
	return true
}

// Fill writes the text for one target. It fails if the target lacks a label.
func (t Template) Fill(target health.Target) (string, error) { return t.fill(target, nil) }

// fill writes the text; check, if there is one, judges what is filled in.
func (t Template) fill(target health.Target, check func(value string) error) (string, error) {
	if len(t.parts) == 1 && !t.parts[0].isTarget && t.parts[0].label == "" {
		return t.parts[0].text, nil
	}
	var written strings.Builder
	length := 0
	for _, p := range t.parts {
		length += len(p.text) + len(target.Name)
	}
	written.Grow(length)
	for _, p := range t.parts {
		value, err := p.value(target, check)
		if err != nil {
			return "", err
		}
		written.WriteString(value)
	}
	if written.Len() > templateLimit {
		return "", fmt.Errorf("is longer than %d bytes for target %q", templateLimit, target.Name)
	}
	return written.String(), nil
}

// value is what a part stands for.
func (p part) value(target health.Target, check func(value string) error) (string, error) {
	value, what := p.text, ""
	switch {
	case p.isTarget:
		value, what = target.Name, "the target"
	case p.label != "":
		found := false
		if value, found = target.Labels[p.label]; !found {
			return "", fmt.Errorf("target %q has no label %q", target.Name, p.label)
		}
		what = "label " + p.label + " of target " + strconv.Quote(target.Name)
	}
	if what != "" && check != nil {
		if err := check(value); err != nil {
			return "", fmt.Errorf("%s is %q, which %w", what, health.Clip(value, 80), err)
		}
	}
	return value, nil
}

var errHarmful = errors.New("a shell or another language might misread here; " +
	"what is written here consists of letters, digits and . _ : / @ % + = , ~ - [ ], does not begin with -, and has no . or .. between slashes")

// harmless refuses values that mean something to a shell, that a command would
// take for an option, or that lead out of the folder that they are put behind.
func harmless(value string) error {
	const marks = "._:/@%+=,~-[]"
	isHarmful := strings.ContainsFunc(value, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(marks, r)
	})
	// One dot may stand before another one that the template holds.
	isAbove := slices.ContainsFunc(strings.Split(value, "/"), func(name string) bool { return name == "." || name == ".." })
	// Nothing at all turns "/data/{{label "shop"}}" into the folder of all.
	if isHarmful || isAbove || value == "" || value[0] == '-' {
		return errHarmful
	}
	return nil
}
