package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"paramedic/internal/health"
)

func (a *app) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(a.out, format, args...)
	return err
}

// writeJSON writes one value, indented, for programs and for people with jq.
func (a *app) writeJSON(value any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// list makes an empty list one that JSON writes as [] and not as null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// columnGap stands between two columns of a table.
const columnGap = "  "

// table writes rows in aligned columns, below a heading unless it is nil. What
// comes from the services is put on one line, without control characters.
func (a *app) table(heading []string, rows [][]string) error {
	if heading != nil {
		rows = append([][]string{heading}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%-*s%s", widths[i], oneLine(cell), columnGap)
		}
		if err := a.printf("%s\n", strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// oneLine replaces what would break a table or steer a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// stamp writes an instant for people.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// ago writes how long something has lasted or how long ago it was.
func ago(at, now time.Time, suffix string) string {
	if at.IsZero() {
		return "-"
	}
	return health.Span(now.Sub(at)) + suffix
}

// milliseconds writes a latency with three digits at most.
func milliseconds(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// count writes a number of things: "1 service", "2 services", "3 entries".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if stem, ok := strings.CutSuffix(thing, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// notGoodUnless is the exit code 1 of a command that worked.
func notGoodUnless(good bool) error {
	if good {
		return nil
	}
	return errNotGood
}
