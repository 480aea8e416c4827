package config

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"paramedic/internal/option"
)

// source is the text of the file, for showing offending lines. Parts that hold
// secrets are marked while the file is read and masked when a line is shown.
type source struct {
	lines [][]rune
	// hidden marks the characters to mask, for each line that has any.
	hidden map[int][]bool
	// unparsed is set when the text could not be read as YAML, so that nobody
	// knows where the secrets are and lines are masked by their looks.
	unparsed bool
}

// margin is how many characters of a line are shown on each side of a column.
const margin = 80

// looksSecret are the keys whose values are masked even where nothing is known
// about them.
const looksSecret = `pas+w|pass|pwd|secret|token|key|cred|auth|dsn|cookie`

var (
	secretKey = regexp.MustCompile(`(?i)` + looksSecret)
	// secretPair is a secret key with its value in a line that is not YAML.
	secretPair = regexp.MustCompile(`(?i)((?:` + looksSecret + `)[\w."' -]*[:=]\s*)\S.*`)
	userinfo   = regexp.MustCompile(`://[^\s/@]*@`)
)

func newSource(text string) *source {
	src := &source{hidden: map[int][]bool{}}
	for line := range strings.SplitSeq(text, "\n") {
		src.lines = append(src.lines, []rune(line))
	}
	return src
}

// clamp moves a position into the text.
func (s *source) clamp(line, column int) (int, int) {
	line = min(max(line, 1), len(s.lines))
	return line, min(max(column, 1), len(s.lines[line-1])+1)
}

// hide masks the scalar that was written as raw at the given position.
func (s *source) hide(line, column int, raw string) {
	parts := strings.Split(raw, "\n")
	for i, part := range parts {
		from, to := 1, endOfLine
		if i == 0 {
			from = column
		}
		if len(parts) == 1 {
			to = column + utf8.RuneCountInString(part)
		}
		s.hideColumns(line+i, from, to)
	}
}

// endOfLine is a column beyond every line.
const endOfLine = 1 << 30

// hideColumns masks a part of one line, to exclusive.
func (s *source) hideColumns(line, from, to int) {
	if line < 1 || line > len(s.lines) {
		return
	}
	runes := s.lines[line-1]
	if s.hidden[line] == nil {
		s.hidden[line] = make([]bool, len(runes))
	}
	for column := max(from, 1); column < min(to, len(runes)+1); column++ {
		s.hidden[line][column-1] = true
	}
}

// show returns a line as it may be shown, long ones cut, and a line with a
// caret that points to column.
func (s *source) show(line, column int) (shown, caret string) {
	length := len(s.lines[line-1])
	from, to := max(1, column-margin), min(length+1, column+margin)
	before, after := s.masked(line, from, column), s.masked(line, column, to)
	if s.unparsed {
		before, after = maskByLooks(before, after)
	}
	before, after = printable(maskUserinfo(before)), printable(maskUserinfo(after))
	if from > 1 {
		before = "…" + before
	}
	if to <= length {
		after += "…"
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	return before + after, pad + "^"
}

// masked returns the characters of a line from one column up to another with
// every hidden stretch masked.
func (s *source) masked(line, from, to int) string {
	var text strings.Builder
	runes, hidden := s.lines[line-1], s.hidden[line]
	for column := from; column < to; column++ {
		switch {
		case hidden == nil || !hidden[column-1]:
			text.WriteRune(runes[column-1])
		case column == 1 || !hidden[column-2] || column == from:
			text.WriteString(option.Mask)
		}
	}
	return text.String()
}

// maskByLooks masks what follows a key that sounds like a secret in a line
// that could not be read as YAML.
func maskByLooks(before, after string) (string, string) {
	if masked := secretPair.ReplaceAllString(before, "${1}"+option.Mask); masked != before {
		return masked, ""
	}
	if whole := before + after; secretPair.MatchString(whole) {
		at := secretPair.FindStringSubmatchIndex(whole)
		return before, whole[len(before):max(at[3], len(before))] + option.Mask
	}
	return before, after
}

// maskUserinfo masks name and password in addresses.
func maskUserinfo(text string) string {
	return userinfo.ReplaceAllString(text, "://"+option.Mask+"@")
}

// printable replaces what would disturb a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// maskLine masks by its looks a text that may quote the file.
func maskLine(text string) string {
	return maskUserinfo(secretPair.ReplaceAllString(text, "${1}"+option.Mask))
}
