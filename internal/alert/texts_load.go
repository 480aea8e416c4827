package alert

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"paramedic/internal/health"
)

//go:embed templates
var builtInTemplates embed.FS

// The templates of whole messages; they call the others by their file names.
const (
	subjectFile = "subject.txt.tmpl"
	plainFile   = "message.txt.tmpl"
	pageFile    = "message.html.tmpl"
)

// source is one template before it is parsed.
type source struct{ path, text string }

// templates are the parsed templates of one language, by file name.
type templates struct {
	text  *texttemplate.Template
	html  *htmltemplate.Template
	paths map[string]string
}

// Languages returns the languages that there are texts in.
func Languages() []string {
	entries, _ := builtInTemplates.ReadDir("templates")
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// readTemplates returns the templates of a language by file name, and whether
// the directory replaces one.
func readTemplates(language, directory string) (map[string]source, bool, error) {
	if !slices.Contains(Languages(), language) {
		return nil, false, fmt.Errorf("unknown language %q; there are: %s", language, strings.Join(Languages(), ", "))
	}
	sources := map[string]source{}
	within := path.Join("templates", language)
	entries, err := builtInTemplates.ReadDir(within)
	if err != nil {
		return nil, false, err
	}
	for _, entry := range entries {
		content, err := builtInTemplates.ReadFile(path.Join(within, entry.Name()))
		if err != nil {
			return nil, false, err
		}
		sources[entry.Name()] = source{path: path.Join(language, entry.Name()), text: string(content)}
	}
	if directory == "" {
		return sources, false, nil
	}
	general, err := replaceTemplates(sources, directory)
	if err != nil {
		return nil, false, err
	}
	special, err := replaceTemplates(sources, filepath.Join(directory, language))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return sources, general || special, err
}

func replaceTemplates(sources map[string]source, directory string) (bool, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return false, fmt.Errorf("templates: %w", err)
	}
	replaced := false
	for _, entry := range entries {
		name, file := entry.Name(), filepath.Join(directory, entry.Name())
		if entry.IsDir() || !strings.HasSuffix(name, ".tmpl") {
			continue
		}
		if _, known := sources[name]; !known {
			return false, fmt.Errorf("%s: replaces no template; there are: %s",
				file, strings.Join(slices.Sorted(maps.Keys(sources)), ", "))
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return false, fmt.Errorf("templates: %w", err)
		}
		sources[name], replaced = source{path: file, text: string(content)}, true
	}
	return replaced, nil
}

// functions are what templates may call besides what the language has.
var functions = map[string]any{
	// instant and clock write a time in UTC, with and without its date.
	"instant": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05 UTC") },
	// span writes a length of time as people say it.
	"span": func(d health.Duration) string { return health.Span(d.Std()) },
	// list joins names, within bounds.
	"list": func(names []string) string { return health.Clip(strings.Join(names, ", "), sentenceLimit) },
	// indent moves each line of a text to the right.
	"indent": func(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") },
	// link reports whether a text can be followed.
	"link": func(text string) bool {
		return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
	},
}

func parseTemplates(sources map[string]source) (templates, error) {
	parsed := templates{
		text:  texttemplate.New("").Funcs(functions),
		html:  htmltemplate.New("").Funcs(functions),
		paths: map[string]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		parsed.paths[name] = sources[name].path
		var err error
		if strings.HasSuffix(name, ".html.tmpl") {
			_, err = parsed.html.New(name).Parse(sources[name].text)
		} else {
			_, err = parsed.text.New(name).Parse(sources[name].text)
		}
		if err != nil {
			return templates{}, parsed.locate(err)
		}
	}
	return parsed, nil
}

// What the two template packages say: "template: NAME:LINE:COLUMN: executing
// "NAME" at <.X>: TEXT", "template: NAME:LINE: TEXT", "html/template:NAME:LINE:
// TEXT" and, of calls of templates that do not exist, the name alone.
var (
	templateError = regexp.MustCompile(`^(?:html/)?template: ?([^: ]+):(\d+(?::\d+)?): (?:executing "[^"]*" at <.*?>: )?((?s:.*))$`)
	unknownField  = regexp.MustCompile(`^can't evaluate field (\S+) in type \*?alert\.(\w+)$`)
	unknownCall   = regexp.MustCompile(`^function "[^"]*" not defined$`)
	missing       = regexp.MustCompile(`no such template|template "[^"]*" not defined`)
)

// locate puts the file and line of a mistake first, and adds what is known there.
func (t templates) locate(err error) error {
	match := templateError.FindStringSubmatch(err.Error())
	if match == nil {
		return err
	}
	file, text := match[1], match[3]
	if known := t.paths[file]; known != "" {
		file = known
	}
	switch field := unknownField.FindStringSubmatch(text); {
	case field != nil && field[2] == "group":
		text = fmt.Sprintf("can't evaluate field %s; fields: %s", field[1], fields(reflect.TypeFor[group]()))
	case field != nil && field[2] == "entry":
		text = fmt.Sprintf("can't evaluate field %s; fields: %s", field[1], fields(reflect.TypeFor[entry]()))
	case unknownCall.MatchString(text):
		text += "; besides those of the language there are: " + strings.Join(slices.Sorted(maps.Keys(functions)), ", ")
	case missing.MatchString(text):
		text += "; there are: " + strings.Join(slices.Sorted(maps.Keys(t.paths)), ", ")
	}
	return fmt.Errorf("%s:%s: %s", file, match[2], text)
}

// fields lists what a template may use of a value.
func fields(of reflect.Type) string {
	var names []string
	for _, field := range reflect.VisibleFields(of) {
		if field.IsExported() && !field.Anonymous {
			names = append(names, field.Name)
		}
	}
	for i := range of.NumMethod() {
		names = append(names, of.Method(i).Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
