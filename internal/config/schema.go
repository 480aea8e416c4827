package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"

	"paramedic/internal/health"
)

// durationPattern is what health.ParseDuration reads, or a reference to the
// environment.
const durationPattern = `^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)|\$\{`

// Schema returns the JSON Schema (draft 2020-12) of the configuration. Editors
// complete and check with it; what it accepts may still hold mistakes that
// only Load finds.
func Schema() ([]byte, error) { return allKinds().schema() }

func (t tables) schema() ([]byte, error) {
	root := t.object(reflect.ValueOf(blank()))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "paramedic.yml"
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema of the configuration: %w", err)
	}
	return append(text, '\n'), nil
}

// schema is one JSON Schema.
type schema = map[string]any

// object describes the struct v; the values it holds are the defaults shown.
func (t tables) object(v reflect.Value) schema {
	properties, required := schema{}, []string{}
	for _, f := range fieldsOf(v.Type()) {
		property := t.value(f, v.FieldByIndex(f.index))
		if f.doc != "" {
			property["description"] = f.doc
		}
		properties[f.name] = property
		if f.required {
			required = append(required, f.name)
		}
	}
	s := schema{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["type"], s["required"] = "object", required
	}
	return s
}

// value describes one value of a field, or an element of it.
func (t tables) value(f field, v reflect.Value) schema {
	f.typ = v.Type()
	switch {
	case isChoice(f.typ):
		return t.choice(v)
	case f.typ == secretType:
		return t.secret()
	case f.typ == durationType:
		return withDefault(schema{"type": "string", "pattern": durationPattern}, v)
	case f.typ == targetType:
		return schema{"anyOf": []schema{{"type": "string"}, t.object(reflect.ValueOf(listedTarget{}))}}
	case f.typ == targetsType:
		return t.targets(v)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return t.value(f, defaultsOf(f.typ.Elem()))
	case reflect.Struct:
		return t.object(v)
	case reflect.Slice:
		return withDefault(t.list(f), v)
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": t.value(f, reflect.Zero(f.typ.Elem()))}
	case reflect.String:
		s := schema{"type": "string"}
		if len(f.enum) > 0 {
			s = schema{"anyOf": []schema{{"enum": f.enum}, {"type": "string", "pattern": `\$\{`}}}
		}
		return withDefault(s, v)
	case reflect.Bool:
		return withDefault(schema{"type": "boolean"}, v)
	case reflect.Float64:
		return withDefault(bounded(schema{"type": "number"}, f), v)
	default:
		return withDefault(bounded(schema{"type": "integer"}, f), v)
	}
}

// defaultsOf is what a section that can be left out starts from.
func defaultsOf(typ reflect.Type) reflect.Value {
	if typ == reflect.TypeFor[Fleet]() {
		return reflect.ValueOf(builtinFleet())
	}
	return reflect.Zero(typ)
}

// choice describes a mapping with exactly one kind, and the keys that kinds
// share.
func (t tables) choice(v reflect.Value) schema {
	c, _ := reflect.New(v.Type()).Interface().(choice)
	all := t.object(v)
	delete(all, "required")
	kinds, _ := all["properties"].(schema)
	var one []schema
	for _, k := range c.from(t) {
		options := schema{"type": []string{"object", "null"}}
		if v := reflect.ValueOf(k.options()); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
			options = t.object(v.Elem())
		}
		options["description"] = k.doc
		kinds[k.name] = options
		one = append(one, schema{"required": []string{k.name}})
	}
	all["type"], all["oneOf"] = "object", one
	return all
}

// secret describes text or {file: path}.
func (t tables) secret() schema {
	return schema{"anyOf": []schema{{"type": "string"}, t.object(reflect.ValueOf(fileSecret{}))}}
}

// targets describes a list of targets, or where they come from.
func (t tables) targets(v reflect.Value) schema {
	list := t.list(field{typ: reflect.TypeFor[[]health.Target](), required: true})
	return schema{"anyOf": []schema{list, t.object(v)}}
}

// list describes a list, or that one text may stand for a list of one.
func (t tables) list(f field) schema {
	s := schema{"type": "array", "items": t.value(f, reflect.Zero(f.typ.Elem()))}
	if f.required {
		s["minItems"] = 1
	}
	if f.single {
		s = schema{"anyOf": []schema{{"type": "string"}, s}}
	}
	return s
}

// bounded adds the bounds of a number, and that it may be a percentage.
func bounded(s schema, f field) schema {
	if low, err := strconv.ParseFloat(f.min, 64); err == nil {
		s["minimum"] = low
	}
	if high, err := strconv.ParseFloat(f.max, 64); err == nil {
		s["maximum"] = high
	}
	if f.percent {
		return schema{"anyOf": []schema{s, {"type": "string", "pattern": percentage.String()}}}
	}
	return s
}

// withDefault adds the value that holds when nothing is written.
func withDefault(s schema, v reflect.Value) schema {
	if !v.IsZero() {
		s["default"] = v.Interface()
	}
	return s
}
