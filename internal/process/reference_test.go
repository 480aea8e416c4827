package process

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tables of flags and commands are what --help says.
func TestReadmeReference(t *testing.T) {
	t.Parallel()
	requireTable(t, "worker flags", "| Flag | Meaning |\n|---|---|\n"+flagRows(help(t, workerProgram(t)), "Flags:", ""))

	commands, flags := &strings.Builder{}, &strings.Builder{}
	commands.WriteString("| Command | Meaning |\n|---|---|\n")
	flags.WriteString("| Flag | Of | Meaning |\n|---|---|---|\n")
	flags.WriteString(flagRows(help(t, starterProgram(t)), "Flags:", "every command"))
	writeCommands(t, nil, commands, flags)
	requireTable(t, "starter commands", commands.String())
	requireTable(t, "starter flags", flags.String())
}

// writeCommands writes the rows of the commands below a command of starter, and
// of their flags.
func writeCommands(t testing.TB, path []string, commands, flags *strings.Builder) {
	t.Helper()
	above := help(t, starterProgram(t), path...)
	for _, name := range commandNames(above) {
		inner := append(slices.Clone(path), name)
		text := help(t, starterProgram(t), inner...)
		usage, _, _ := strings.Cut(strings.TrimSpace(section(text, "Usage:")), "\n")
		usage = strings.ReplaceAll(strings.TrimSuffix(usage, " [flags]"), "|", `\|`)
		meaning := regexp.MustCompile(`(?m)^  ` + name + ` +(.+)$`).FindStringSubmatch(above)[1]
		fmt.Fprintf(commands, "| `%s` | %s |\n", usage, meaning)
		flags.WriteString(flagRows(text, "Flags:", "`"+strings.Join(inner, " ")+"`"))
		writeCommands(t, inner, commands, flags)
	}
}

func help(t testing.TB, program string, args ...string) string {
	t.Helper()
	got := execute(t, t.TempDir(), nil, program, append(args, "--help")...)
	require.Equal(t, 0, got.code, got.errors)
	return got.out
}

// section is the part of a help text under a heading.
func section(text, heading string) string {
	_, text, _ = strings.Cut("\n"+text, "\n"+heading+"\n")
	text, _, _ = strings.Cut(text, "\n\n")
	return text
}

func commandNames(root string) []string {
	var names []string
	for _, line := range strings.Split(section(root, "Available Commands:"), "\n") {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "help" {
			names = append(names, words[0])
		}
	}
	return names
}

// flagRows are the rows of a table for the flags under a heading, but --help.
func flagRows(text, heading, of string) string {
	var rows strings.Builder
	flag := regexp.MustCompile(`^ +(?:-(\w), )?--([\w-]+)(?: (\w+))? {2,}(.+)$`)
	for _, line := range strings.Split(section(text, heading), "\n") {
		match := flag.FindStringSubmatch(line)
		if match == nil || match[2] == "help" {
			continue
		}
		name := "`--" + match[2] + "`"
		if match[1] != "" {
			name += ", `-" + match[1] + "`"
		}
		cells := []string{name, match[4]}
		if of != "" {
			cells = []string{name, of, match[4]}
		}
		fmt.Fprintf(&rows, "| %s |\n", strings.Join(cells, " | "))
	}
	return rows.String()
}

// requireTable compares a marked table of README.md.
func requireTable(t *testing.T, name, want string) {
	t.Helper()
	_, rest, found := strings.Cut(document(t, readmeFile), "<!-- "+name+": compared with --help by a test -->\n")
	require.True(t, found, name)
	got, _, _ := strings.Cut(rest, "<!-- end -->")
	require.Equal(t, want, got, "the table of %s in README.md has to be:\n%s", name, want)
}
