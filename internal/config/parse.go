package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds on the text, so that reading it takes bounded time and memory. The
// YAML library recurses with the nesting and takes the square of the number of
// keys in one block.
const (
	sizeLimit    = 1 << 20 // bytes, enough for some thousand services
	nestingLimit = 64      // brackets, and dashes in one line
	keysLimit    = 4000    // keys in a row
	anchorsLimit = 1000
)

// tree reads text as one YAML document. It reports problems; nil means that
// there is nothing to go on with.
func tree(text string, report func(line, column int, format string, args ...any)) *node {
	if !checkText(text, report) {
		return nil
	}
	tokens := lexer.Tokenize(text)
	if !checkTokens(tokens, report) {
		return nil
	}
	file, err := parse(tokens)
	if err != nil {
		line, column, message := syntaxError(err)
		report(line, column, "%s", message)
		return nil
	}
	b := &builder{report: report, anchors: map[string]*node{}}
	root := &node{line: 1, column: 1, shape: isNull}
	for i, doc := range file.Docs {
		if i > 0 {
			line, column := 1, 1
			if doc.Start != nil {
				line, column = doc.Start.Position.Line, doc.Start.Position.Column
			} else if doc.Body != nil {
				line, column = position(doc.Body)
			}
			report(line, column, "a second YAML document begins; keep one document in the file")
			break
		}
		if doc.Body != nil {
			root = b.build(doc.Body)
		}
	}
	if b.stopped {
		return nil
	}
	return root
}

// parse calls the YAML library. A panic in it must not end a worker that
// reloads its configuration.
func parse(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			file, err = nil, errors.New("the YAML library cannot read this file")
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// syntaxError takes position and message out of the YAML library's error.
func syntaxError(err error) (line, column int, message string) {
	line, column = 1, 1
	var positioned interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &positioned) {
		return line, column, err.Error() + "; write it as plain YAML"
	}
	message = positioned.GetMessage() // Error would also format the whole file
	if tk := positioned.GetToken(); tk != nil && tk.Position != nil {
		line, column = tk.Position.Line, tk.Position.Column
	}
	if strings.Contains(message, "'\t'") {
		return line, column, "a tab is not allowed here; indent with spaces"
	}
	message, _, _ = strings.Cut(message, "\n")
	return line, column, "this is not YAML: " + maskLine(message) + "; correct the text here"
}

// checkText looks for bytes that do not belong into a text file.
func checkText(text string, report func(line, column int, format string, args ...any)) bool {
	line, column := 1, 0
	for i, r := range text {
		column++
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			report(line, column, "the byte 0x%02x is not valid UTF-8; save the file as UTF-8", text[i])
			return false
		case r < ' ' && r != '\t', r == 0x7f:
			report(line, column, "the control character %U is not allowed; remove it", r)
			return false
		}
	}
	return true
}

// checkTokens refuses what is not used in a configuration, or too deep or too
// much for the parser.
func checkTokens(tokens token.Tokens, report func(line, column int, format string, args ...any)) bool {
	var c tokenCounts
	for _, tk := range tokens {
		if tk.Position == nil {
			continue
		}
		if wrong := c.add(tk); wrong != "" {
			report(tk.Position.Line, tk.Position.Column, "%s", wrong)
			return false
		}
	}
	return true
}

// tokenCounts is what checkTokens has seen so far.
type tokenCounts struct{ brackets, dashes, line, keys, anchors int }

// add counts a token and says what is wrong with it, if anything.
func (c *tokenCounts) add(tk *token.Token) string {
	if tk.Position.Line != c.line {
		c.line, c.dashes = tk.Position.Line, 0
	}
	switch tk.Type {
	case token.TagType:
		return "tags are not used in a configuration; remove it, or put the text in quotes"
	case token.MappingKeyType:
		return "keys with \"?\" are not used in a configuration; write key: value"
	case token.DirectiveType:
		return "directives are not used in a configuration; remove this line and the \"---\" after it"
	case token.MappingStartType, token.SequenceStartType:
		c.brackets++
	case token.MappingEndType, token.SequenceEndType:
		c.brackets--
	case token.SequenceEntryType:
		c.dashes++
		c.keys = 0
	case token.MappingValueType:
		if c.brackets == 0 {
			c.keys++
		}
	case token.AnchorType:
		c.anchors++
	case token.CollectEntryType:
		if tk.Prev != nil && (tk.Prev.Type == token.CollectEntryType || tk.Prev.Type == token.SequenceStartType) {
			return "there is nothing before this comma; write a value, or remove it"
		}
	}
	switch {
	case c.brackets > nestingLimit || c.dashes > nestingLimit:
		return fmt.Sprintf("this is nested more than %d deep; write it flatter", nestingLimit)
	case c.keys > keysLimit:
		return fmt.Sprintf("these are more than %d keys in a row; write less, or split the configuration over several workers", keysLimit)
	case c.anchors > anchorsLimit:
		return fmt.Sprintf("these are more than %d anchors; write less by aliases", anchorsLimit)
	}
	return ""
}
