package option

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"paramedic/internal/health"
)

// HasTemplate reports whether a text in options, a pointer to a struct of
// options, asks for the name or a label of a target.
func HasTemplate(options any) bool {
	found := false
	w := walker{visit: func(_, text string, _ bool) (string, error) {
		found = found || IsTemplate(text)
		return text, nil
	}}
	w.copy("", reflect.ValueOf(options))
	return found
}

// Expand returns a copy of options, a pointer to a struct of options, in whose
// texts, lists, maps and nested structs each template is filled in for the
// target. Secrets and names hold none. In the places of which careful says so,
// only values that are harmless in a shell are filled in. The copy is of use
// only if there is no problem; its own checks are the caller's to make.
func Expand(options any, target health.Target, careful func(path string) bool) (any, Problems) {
	w := walker{visit: func(path, text string, isFixed bool) (string, error) {
		if isFixed {
			return text, refuseTemplate(text)
		}
		parsed, err := ParseTemplate(text)
		if err != nil {
			return text, err
		}
		if careful(path) {
			return parsed.fill(target, harmless)
		}
		return parsed.Fill(target)
	}}
	filled := w.copy("", reflect.ValueOf(options))
	return filled.Interface(), w.problems
}

// StandIn returns a target that has every label that options ask for, to try
// them on while no real one is known, and says which paths its values are
// filled in at, or below: a mistake there may be that of the stand-in.
func StandIn(options any) (target health.Target, isFilled func(path string) bool) {
	target = health.Target{Name: "192.0.2.1:80", Labels: map[string]string{}}
	var filled []string
	w := walker{visit: func(path, text string, isFixed bool) (string, error) {
		parsed, err := ParseTemplate(text)
		if err != nil || isFixed || parsed.IsConstant() {
			return text, nil
		}
		filled = append(filled, path)
		for _, p := range parsed.parts {
			if p.label != "" {
				target.Labels[p.label] = "1"
			}
		}
		return text, nil
	}}
	w.copy("", reflect.ValueOf(options))
	return target, func(path string) bool {
		return slices.ContainsFunc(filled, func(at string) bool {
			return path == "" || at == path || strings.HasPrefix(at, path+".") || strings.HasPrefix(at, path+"[")
		})
	}
}

// refuseTemplate reports a template where there is none. The text, which may
// be a secret, is not repeated.
func refuseTemplate(text string) error {
	if !IsTemplate(text) {
		return nil
	}
	return errors.New(`holds {{target}} or {{label "name"}}, and secrets and names are the same for all targets`)
}

// walker copies options and has each text in them visited on the way.
type walker struct {
	// visit returns what takes the place of a text; isFixed says that it is a
	// secret or the name of an entry, and cannot be replaced.
	visit    func(path, text string, isFixed bool) (string, error)
	problems Problems
}

var secretType = reflect.TypeFor[Secret]()

// copy returns a copy of v that shares nothing with it that could be changed.
func (w *walker) copy(path string, v reflect.Value) reflect.Value {
	switch {
	case v.Type() == secretType:
		secret, _ := v.Interface().(Secret)
		w.text(path, secret.Reveal(), true)
	case v.Kind() == reflect.String:
		filled := reflect.New(v.Type()).Elem()
		filled.SetString(w.text(path, v.String(), false))
		return filled
	case v.Kind() == reflect.Pointer && !v.IsNil():
		pointed := reflect.New(v.Type().Elem())
		pointed.Elem().Set(w.copy(path, v.Elem()))
		return pointed
	case v.Kind() == reflect.Struct:
		return w.structure(path, v)
	case v.Kind() == reflect.Slice && !v.IsNil():
		list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			list.Index(i).Set(w.copy(fmt.Sprintf("%s[%d]", path, i), v.Index(i)))
		}
		return list
	case v.Kind() == reflect.Map && !v.IsNil():
		return w.mapping(path, v)
	}
	return v
}

func (w *walker) structure(path string, v reflect.Value) reflect.Value {
	filled := reflect.New(v.Type()).Elem()
	filled.Set(v)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		filled.Field(i).Set(w.copy(under(path, key), v.Field(i)))
	}
	return filled
}

func (w *walker) mapping(path string, v reflect.Value) reflect.Value {
	filled := reflect.MakeMapWithSize(v.Type(), v.Len())
	names := v.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, name := range names {
		below := under(path, name.String())
		w.text(below, name.String(), true)
		filled.SetMapIndex(name, w.copy(below, v.MapIndex(name)))
	}
	return filled
}

// text visits one text and notes what is wrong with it.
func (w *walker) text(path, text string, isFixed bool) string {
	filled, err := w.visit(path, text, isFixed)
	if err != nil {
		w.problems.Add(path, "%v", err)
	}
	return filled
}

// under appends a key to a path; an embedded struct has none of its own.
func under(path, key string) string {
	if path == "" || key == "" {
		return path + key
	}
	return path + "." + key
}
