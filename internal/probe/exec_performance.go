package probe

import (
	"regexp"
	"strconv"
	"strings"
)

// performanceValue is one value as plugins for Nagios write it: 'a label'=12.5ms;20;40
var performanceValue = regexp.MustCompile(`(?:'([^'|=]+)'|([^\s'|=]+))=([-+]?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?)`)

// performance reads the numbers after the | in the output of a plugin, without
// their units: those of the first line, and all from the next | on.
func performance(stdout string) map[string]float64 {
	numbers := map[string]float64{}
	parts := strings.SplitN(stdout, "|", 3)
	if len(parts) < 2 {
		return numbers
	}
	first, _, _ := strings.Cut(parts[1], "\n")
	text := first + " " + strings.Join(parts[2:], " ")
	taken := everyWord(execWords)
	for _, match := range performanceValue.FindAllStringSubmatch(text, -1) {
		name := performanceName(match[1] + match[2])
		number, err := strconv.ParseFloat(strings.Replace(match[3], ",", ".", 1), 64)
		_, isWord := taken[name]
		_, known := numbers[name]
		if err == nil && !isWord && !known && len(numbers) < readingsLimit {
			numbers[name] = number
		}
	}
	return numbers
}

// performanceName makes a label what an observation may be called: "/var" is
// var, "Load 1" is load_1, and "/" alone is value.
func performanceName(label string) string {
	words := strings.FieldsFunc(strings.ToLower(label), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := strings.Join(words, "_")
	switch {
	case name == "":
		return "value"
	case name[0] < 'a':
		return "value_" + name
	}
	return name
}
