package config

import (
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in the configuration.
type Error struct {
	File string `json:"file"`
	// Line and Column count from 1; columns count characters, not bytes.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Text says what is wrong and, after a semicolon, what would be right.
	Text string `json:"text"`
	// Source is the offending line with secrets masked; Caret is the line
	// that points into it.
	Source string `json:"source,omitempty"`
	Caret  string `json:"-"`
}

// Error writes the position, the text, the offending line and a caret below it.
func (e Error) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
	if e.Source != "" {
		text += "\n    " + e.Source + "\n    " + e.Caret
	}
	return text
}

// Errors are all mistakes of one configuration, sorted by position. There is
// at least one.
type Errors []Error

// Error writes one mistake after the other.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, mistake := range e {
		texts[i] = mistake.Error()
	}
	return strings.Join(texts, "\n")
}

// problem is a mistake before its line was looked up.
type problem struct {
	line, column int
	text         string
}

// present turns problems into Errors: sorted, without repetitions (an alias
// would repeat those of its anchor), and without secrets.
func present(name string, src *source, problems []problem, redact func(string) string) Errors {
	slices.SortStableFunc(problems, func(a, b problem) int {
		if a.line != b.line {
			return a.line - b.line
		}
		return a.column - b.column
	})
	problems = slices.Compact(problems)
	list := make(Errors, 0, len(problems))
	for _, p := range problems {
		line, column := src.clamp(p.line, p.column)
		shown, caret := src.show(line, column)
		list = append(list, Error{
			File: name, Line: line, Column: column,
			Text: printable(redact(p.text)), Source: shown, Caret: caret,
		})
	}
	return list
}

// listed writes names as a list for a message, cut when there are very many.
func listed(names []string) string {
	const most = 30
	if len(names) == 0 {
		return "none"
	}
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// suggest starts the second half of a message about an unknown name: the
// nearest valid one, if one is near, and all valid ones.
func suggest(name string, valid []string) string {
	if best := nearest(name, valid); best != "" {
		return fmt.Sprintf("did you mean %q? Valid here: %s", best, listed(valid))
	}
	return "valid here: " + listed(valid)
}

// nearest returns the valid name that name most likely was meant to be, or "".
func nearest(name string, valid []string) string {
	const longest, most = 64, 500
	if len(name) > longest {
		return ""
	}
	valid = valid[:min(len(valid), most)]
	plain := strings.NewReplacer("-", "_", " ", "_")
	best, least := "", len(name)/3+1
	for _, candidate := range valid {
		if max(len(candidate)-len(name), len(name)-len(candidate)) >= least {
			continue
		}
		distance := editDistance(plain.Replace(strings.ToLower(name)), plain.Replace(strings.ToLower(candidate)))
		if distance < least {
			best, least = candidate, distance
		}
	}
	return best
}

// editDistance counts insertions, deletions and substitutions (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
