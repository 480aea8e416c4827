package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// printTable writes the rows as a table.
func printTable(out io.Writer, rows []row) {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "FIGURE\tMEASURED\tTARGET\t")
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", r.what, r.measured, r.target, verdict(r))
	}
	// The writer only fails with out, and there is nowhere else to say so.
	_ = table.Flush()
}

func verdict(r row) string {
	switch {
	case r.target == "":
		return ""
	case r.missed:
		return "MISSED"
	default:
		return "ok"
	}
}
