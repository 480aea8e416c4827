package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// scalar reads text, numbers and true or false.
func (d *decoder) scalar(path string, n *node, f field, v reflect.Value) {
	n.plainly = true
	switch v.Kind() {
	case reflect.String:
		if text, ok := d.text(path, n); ok && d.inEnum(path, n, f, text) {
			v.SetString(text)
		}
	case reflect.Bool:
		if n.shape != isBool {
			d.fail(path, n, "%s is %s where true or false is expected; write true or false without quotes", keyOf(path), n.describe())
			return
		}
		v.SetBool(strings.EqualFold(n.text, "true"))
	case reflect.Int, reflect.Int64:
		d.integer(path, n, f, v)
	case reflect.Float64:
		number, err := strconv.ParseFloat(n.text, 64)
		if n.shape != isNumber || err != nil {
			d.fail(path, n, "%s is %s where a number is expected; write a number without quotes, like 0.5", keyOf(path), d.numberSeen(n))
			return
		}
		if d.inRange(path, n, f, number) {
			v.SetFloat(number)
		}
	default:
		d.fail(path, n, "%s cannot be set in a configuration; remove it", keyOf(path))
	}
}

// integer reads a whole number, or a percentage if the field may be one.
func (d *decoder) integer(path string, n *node, f field, v reflect.Value) {
	expected := "a whole number is expected; write a number without quotes, like 3"
	if f.percent {
		expected = "a percentage is expected; write it like 51% or 51"
		if n.shape == isText && percentage.MatchString(n.text) {
			n = n.withoutPercent()
		}
	}
	number, err := strconv.ParseInt(n.text, 0, v.Type().Bits())
	switch {
	case digits.MatchString(n.raw) && err != nil:
		d.fail(path, n, "%s is too large; write a smaller number", keyOf(path))
	case n.shape != isNumber || err != nil:
		d.fail(path, n, "%s is %s where %s", keyOf(path), d.numberSeen(n), expected)
	case d.inRange(path, n, f, float64(number)):
		v.SetInt(number)
	}
}

var (
	digits     = regexp.MustCompile(`^[+-]?[0-9]+$`)
	percentage = regexp.MustCompile(`^(0|[1-9][0-9]*)%$`)
)

// withoutPercent returns a percentage as the number that it is.
func (n *node) withoutPercent() *node {
	number := *n
	number.shape, number.text = isNumber, strings.TrimSuffix(n.text, "%")
	number.raw = number.text
	return &number
}

// numberSeen describes what stands where a number should; a number that does
// not fit is shown, anything else only named.
func (d *decoder) numberSeen(n *node) string {
	if n.shape == isNumber {
		return health.Clip(n.text, 40)
	}
	return n.describe()
}

// text reads a string and replaces the references to the environment in it.
func (d *decoder) text(path string, n *node) (string, bool) {
	switch n.shape {
	case isText:
	case isNumber, isBool:
		d.fail(path, n, "%s is %s where text is expected; put it in quotes", keyOf(path), n.describe())
		return "", false
	default:
		d.fail(path, n, "%s is %s where text is expected; write a text, or leave the key out", keyOf(path), n.describe())
		return "", false
	}
	expanded, wrong := d.env.expand(n.text)
	for _, text := range wrong {
		d.fail(path, n, "%s", text)
	}
	d.noteTemplate(path, expanded)
	return expanded, len(wrong) == 0
}

// inEnum reports a text that is not one of the field's values.
func (d *decoder) inEnum(path string, n *node, f field, text string) bool {
	if len(f.enum) == 0 || slices.Contains(f.enum, text) {
		return true
	}
	d.fail(path, n, "%s cannot be %q; %s", keyOf(path), health.Clip(n.text, 80), suggest(n.text, f.enum))
	return false
}

// inRange reports a number beyond the field's bounds.
func (d *decoder) inRange(path string, n *node, f field, value float64) bool {
	wrong := f.outOfRange(value)
	if wrong != "" {
		d.fail(path, n, "%s is %s; %s", keyOf(path), health.Clip(n.text, 40), wrong)
	}
	return wrong == ""
}

// duration reads text like 60s. Durations are never negative.
func (d *decoder) duration(path string, n *node, f field, v reflect.Value) {
	n.plainly = true
	if n.shape == isNumber {
		d.fail(path, n, "%s has no unit; write %ss if seconds are meant", keyOf(path), health.Clip(n.text, 40))
		return
	}
	if n.shape != isText {
		d.fail(path, n, "%s is %s where a duration is expected; write it like 60s, 500ms or 1h30m", keyOf(path), n.describe())
		return
	}
	text, ok := d.text(path, n)
	if !ok {
		return
	}
	value, err := health.ParseDuration(text)
	switch {
	case err != nil:
		d.fail(path, n, "%s: %q is not a duration; write it like 60s, 500ms or 1h30m", keyOf(path), health.Clip(n.text, 80))
	case value < 0:
		d.fail(path, n, "%s is negative; write a duration like 60s", keyOf(path))
	case d.inRange(path, n, f, float64(value)):
		v.SetInt(int64(value))
	}
}

// secret reads text that is never shown, or {file: path}.
func (d *decoder) secret(path string, n *node, v reflect.Value) {
	if n.shape == isMapping {
		d.secretFile(path, n, v)
		return
	}
	d.hide(n)
	value, ok := d.text(path, n)
	if !ok {
		return
	}
	d.env.keep(value)
	v.Set(reflect.ValueOf(option.NewSecret(value)))
}

// fileSecret is how a secret that stands in a file is written.
type fileSecret struct {
	File string `yaml:"file" required:"true" doc:"The file that holds the secret; a relative path starts at the configuration's directory, then at $CREDENTIALS_DIRECTORY."`
}

func (d *decoder) secretFile(path string, n *node, v reflect.Value) {
	var from fileSecret
	before := d.failures
	d.structure(path, n, reflect.ValueOf(&from).Elem())
	if d.failures > before {
		d.mark(path)
		return
	}
	value, err := d.env.readSecret(from.File)
	if err != nil {
		d.fail(path, d.at(join(path, "file")), "%s", fmt.Sprint(err))
		return
	}
	v.Set(reflect.ValueOf(option.NewSecret(value)))
}

// hide masks every text below n wherever its line is shown. A reference to the
// environment holds no value and stays, so that its name can be read.
func (d *decoder) hide(n *node) {
	if n.hidden {
		return
	}
	n.hidden = true
	for _, item := range n.items {
		d.hide(item)
	}
	for _, e := range n.entries {
		d.hide(e.value)
	}
	if onlyReference.MatchString(n.raw) || n.raw == "" || n.shape == isNull {
		return
	}
	d.src.hide(n.rawLine, n.column, n.raw)
}

// hideBySound masks values under keys that sound like secrets and that no
// option has read as anything else: those below unknown keys and kinds.
func (d *decoder) hideBySound(n *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	for _, item := range n.items {
		d.hideBySound(item, seen)
	}
	for _, e := range n.entries {
		if secretKey.MatchString(e.key.text) {
			d.hideUnread(e.value)
		}
		d.hideBySound(e.value, seen)
	}
}

// hideUnread masks the scalars below n that were not read as plain options.
func (d *decoder) hideUnread(n *node) {
	if n.hidden || n.plainly {
		return
	}
	if len(n.items)+len(n.entries) == 0 {
		d.hide(n)
		return
	}
	for _, item := range n.items {
		d.hideUnread(item)
	}
	for _, e := range n.entries {
		d.hideUnread(e.value)
	}
}
