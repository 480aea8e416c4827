package probe

import (
	"strings"

	"paramedic/internal/option"
)

// checkQueries reports queries without a text.
func checkQueries(problems *option.Problems, queries map[string]string) {
	for _, name := range namesOf(queries) {
		if strings.TrimSpace(queries[name]) == "" {
			problems.Add("queries."+name, "is empty; write a query that returns one value")
		}
	}
}

// ask runs queries that return one value each, and adds the values. It ends with
// the first that fails.
func (r readings) ask(a *attempt, queries map[string]string, run func(query string) (any, error)) error {
	for _, name := range namesOf(queries) {
		a.doing("running the query %s", name)
		value, err := run(queries[name])
		if err != nil {
			return err
		}
		if err := r.add(name, value); err != nil {
			return err
		}
	}
	return nil
}
