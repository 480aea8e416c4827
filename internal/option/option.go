// Package option holds what the options of probes, remedies and receivers are
// made of: secrets that cannot be printed by accident, and problems that name
// the place of a mistake. It lets each kind declare and check its options in
// its own file, while the configuration knows lines and columns.
//
// An options struct uses exported fields with these tags:
//
//	yaml:"name"      the key (required on every field)
//	doc:"..."        one sentence for the schema and the documentation
//	required:"true"  the key must be there
//	enum:"a,b"       the only values allowed
//
// Field types: string, bool, int, float64, health.Duration, Secret, structs of
// these, pointers to structs, slices, and maps with string keys. Defaults are
// the values the struct has before decoding.
package option

import "fmt"

// Problem is one mistake in the options of a kind.
type Problem struct {
	// Path leads from the options to the mistake: "expect[1]", "tls.ca".
	// Empty means the options as a whole.
	Path string
	// Text says what is wrong and what would be right.
	Text string
}

// Problems collects mistakes, so that all are reported at once.
type Problems []Problem

// Add appends one problem.
func (p *Problems) Add(path, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}
