package config

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// WriteYAML writes the configuration in force: defaults filled in, references
// replaced, secrets masked. Without secrets it reads back as the same.
func (c *Config) WriteYAML(w io.Writer) error {
	doc := document{
		Temporal: c.Temporal, HTTP: c.HTTP, Patient: c.Patient, Limits: c.Limits,
		Language: c.Language, Templates: c.Templates, WebUI: c.WebUI,
		ResponseTimes: c.ResponseTimes, Heartbeat: c.Heartbeat, Store: c.Store, Pipeline: c.Pipeline,
		Services: c.Services, Routes: c.Routes, Alerts: map[string]Receiver{},
	}
	for _, r := range c.Receivers {
		if r.Name != BuiltinReceiver {
			doc.Alerts[r.Name] = r
		}
	}
	text, err := c.yaml(&doc)
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

// shownTargets is how many listed targets ServiceYAML writes out: it is read
// by people, and there may be tens of thousands.
const shownTargets = 20

// ServiceYAML is the configuration in force of one service, secrets masked and
// a long list of targets cut.
func (c *Config) ServiceYAML(service Service) string {
	rest := ""
	if t := service.Targets; t != nil && len(t.List) > shownTargets {
		cut := *t
		cut.List = t.List[:shownTargets]
		rest = fmt.Sprintf("# and %d more targets in the list\n", len(t.List)-shownTargets)
		service.Targets = &cut
	}
	text, err := c.yaml(&service)
	if err != nil {
		return "" // what was read can be written
	}
	return string(text) + rest
}

// yaml writes what a pointer leads to.
func (c *Config) yaml(value any) ([]byte, error) {
	writer := dumper{option.NewRedactor(c.secrets)}
	return yaml.MarshalWithOptions(writer.value(reflect.ValueOf(value).Elem()), yaml.IndentSequence(true))
}

// dumper turns options into what the YAML library writes, by the tags that
// they are read with.
type dumper struct{ redactor *option.Redactor }

func (w dumper) value(v reflect.Value) any {
	switch {
	case isChoice(v.Type()):
		return w.choice(v)
	case v.Type() == secretType, v.Type() == durationType:
		return fmt.Sprint(v.Interface())
	case v.Type() == targetType:
		return w.target(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return w.value(v.Elem())
	case reflect.Struct:
		return w.object(v)
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = w.value(v.Index(i))
		}
		return list
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		all := yaml.MapSlice{}
		for _, key := range keys {
			all = append(all, yaml.MapItem{Key: key.String(), Value: w.value(v.MapIndex(key))})
		}
		return all
	case reflect.String:
		return literal(w.redactor.Redact(v.String()))
	default:
		return v.Interface()
	}
}

// object writes the keys of a struct; nothing is written for what is absent.
func (w dumper) object(v reflect.Value) yaml.MapSlice {
	all := yaml.MapSlice{}
	for _, f := range fieldsOf(v.Type()) {
		value := v.FieldByIndex(f.index)
		if f.omitEmpty && value.IsZero() || isAbsent(value) {
			continue
		}
		all = append(all, yaml.MapItem{Key: f.name, Value: w.value(value)})
	}
	return all
}

// target writes a target, which is a text unless it has labels.
func (w dumper) target(v reflect.Value) any {
	target, _ := v.Interface().(health.Target)
	if len(target.Labels) == 0 {
		return w.value(reflect.ValueOf(target.Name))
	}
	return w.object(reflect.ValueOf(listedTarget{Target: target.Name, Labels: target.Labels}))
}

// choice writes the kind with its options, and the keys that kinds share.
func (w dumper) choice(v reflect.Value) any {
	fresh := reflect.New(v.Type())
	fresh.Elem().Set(v)
	c, _ := fresh.Interface().(choice)
	name, options := c.chosen()
	item := yaml.MapItem{Key: name, Value: yaml.MapSlice{}}
	if o := reflect.ValueOf(options); o.Kind() == reflect.Pointer && o.Elem().Kind() == reflect.Struct {
		item.Value = w.object(o.Elem())
	}
	return append(yaml.MapSlice{item}, w.object(v)...)
}

// isAbsent reports whether v was neither written nor has a default: optional
// texts, secrets, sections and lists of options that are not set. An empty
// list that was written says something, and stays.
func isAbsent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		return v.IsNil()
	case reflect.String:
		return v.String() == ""
	}
	return v.Type() == secretType && v.IsZero()
}

// literal escapes what would be read as a reference to the environment.
func literal(text string) string { return strings.ReplaceAll(text, "${", "$${") }
