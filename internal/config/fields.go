package config

import (
	"reflect"
	"strconv"
	"strings"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

var (
	secretType   = reflect.TypeFor[option.Secret]()
	durationType = reflect.TypeFor[health.Duration]()
	choiceType   = reflect.TypeFor[choice]()
)

// field is one key of an options struct, read from its tags. Besides the tags
// that package option describes, numbers and durations may have min and max, numbers
// percent, and lists single.
type field struct {
	name      string
	index     []int
	typ       reflect.Type
	doc       string
	required  bool
	omitEmpty bool
	enum      []string
	min, max  string
	// percent says that a number may be written like 51%.
	percent bool
	// single says that a list of one may be written as that one.
	single bool
}

// fieldsOf lists the keys of a struct type in the order of declaration; the
// keys of embedded structs stand in the place of the embedding.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			for _, inner := range fieldsOf(sf.Type) {
				inner.index = append([]int{i}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		name, flags, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if !sf.IsExported() || name == "" || name == "-" {
			continue
		}
		f := field{
			name: name, index: []int{i}, typ: sf.Type,
			doc:      sf.Tag.Get("doc"),
			required: sf.Tag.Get("required") == "true", omitEmpty: flags == "omitempty",
			min: sf.Tag.Get("min"), max: sf.Tag.Get("max"),
			percent: sf.Tag.Get("percent") == "true", single: sf.Tag.Get("single") == "true",
		}
		if enum := sf.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		fields = append(fields, f)
	}
	return fields
}

func fieldNames(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// isChoice reports whether values of t are written as one kind.
func isChoice(t reflect.Type) bool { return reflect.PointerTo(t).Implements(choiceType) }

// outOfRange says which bound of the tags value breaks, or nothing.
func (f field) outOfRange(value float64) string {
	if low, ok := f.bound(f.min); ok && value < low {
		return "it must be at least " + f.min
	}
	if high, ok := f.bound(f.max); ok && value > high {
		return "it must be at most " + f.max
	}
	return ""
}

// bound reads a bound as a number, durations in nanoseconds.
func (f field) bound(text string) (float64, bool) {
	if text == "" {
		return 0, false
	}
	if d, err := health.ParseDuration(text); err == nil && f.typ == durationType {
		return float64(d), true
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}
