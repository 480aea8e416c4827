package probe

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// readingsLimit is how many values an operator may name for one probe; a result
// has room for these and for the kind's own.
const readingsLimit = 16

// readings are the values that a probe has read under names that the operator
// gave: numbers become observations, texts become facts.
type readings struct {
	at      time.Time
	numbers map[string]float64
	texts   map[string]string
}

// newReadings returns readings without a value, made now.
func newReadings() readings {
	return readings{at: time.Now(), numbers: map[string]float64{}, texts: map[string]string{}}
}

// add takes one value. A time becomes its age and a duration its length, both
// in seconds; true is 1 and false 0; null is left out.
func (r readings) add(name string, value any) error {
	switch v := value.(type) {
	case nil:
		return nil
	case time.Time:
		r.numbers[name] = r.at.Sub(v).Seconds()
		return nil
	case time.Duration:
		r.numbers[name] = v.Seconds()
		return nil
	}
	switch v := reflect.ValueOf(value); {
	case v.Kind() == reflect.Bool:
		r.numbers[name] = map[bool]float64{true: 1}[v.Bool()]
	case v.CanInt():
		r.numbers[name] = float64(v.Int())
	case v.CanUint():
		r.numbers[name] = float64(v.Uint())
	case v.CanFloat():
		r.numbers[name] = v.Float()
	case v.Kind() == reflect.String:
		r.texts[name] = v.String()
	default:
		return fmt.Errorf("%s is not a number, a text or a time", show(value))
	}
	return nil
}

// into lets conditions speak of the values.
func (r readings) into(s scene) {
	for name, number := range r.numbers {
		s.values[name] = number
	}
	for name, text := range r.texts {
		s.values[name] = text
	}
}

// note writes the values into a result.
func (r readings) note(result *health.Result) {
	if result.Observations == nil {
		result.Observations = map[string]float64{}
	}
	maps.Copy(result.Observations, r.numbers)
	if len(r.texts) > 0 {
		result.Facts = maps.Clone(r.texts)
	}
}

// readingName is what a value may be called: as conditions, metrics and pages
// can all write it.
var readingName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checkReadings reports names at path that conditions could not speak of, or
// that mean something already, as the kind's own words do.
func checkReadings(problems *option.Problems, path string, names []string, own words) {
	own = everyWord(own)
	if len(names) > readingsLimit {
		problems.Add(path, "holds %d values; at most %d fit into one probe", len(names), readingsLimit)
	}
	for _, name := range names {
		place := path + "." + name
		_, taken := own[name]
		switch {
		case !readingName.MatchString(name):
			problems.Add(place, "%s is not a name for a value; write small letters, digits and _, like lag_seconds", strconv.Quote(name))
		case len(name) > nameLimit:
			problems.Add(place, "is longer than %d bytes", nameLimit)
		case taken:
			problems.Add(place, "%s means something else in conditions already; take another name", name)
		case !isWord(name):
			problems.Add(place, "%s is a word of the language of conditions; take another name", name)
		}
	}
}

// readingWords returns the words of conditions that may also speak of values.
func readingWords(own words, names []string) words {
	all := everyWord(own)
	for _, name := range names {
		all[name] = types.Any
	}
	return all
}

// isWord reports whether the language of conditions reads name as a value.
func isWord(name string) bool {
	tree, err := parser.Parse(name)
	if err != nil {
		return false
	}
	_, ok := tree.Node.(*ast.IdentifierNode)
	return ok
}

// namesOf returns the names in an option, sorted.
func namesOf[V any](values map[string]V) []string { return slices.Sorted(maps.Keys(values)) }
