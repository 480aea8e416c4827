package probe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// Bounds of one condition: its length, its size when parsed, and how many
// values it may hold while it is evaluated. Its time is bounded by the probe's.
const (
	conditionLength = 1000
	conditionNodes  = 300
	conditionMemory = 1_000_000
)

// words are what a condition can speak of, each with the type of its value;
// types.Any where that shows only in a probe.
type words = types.Map

// scene is what conditions are judged on.
type scene struct {
	// values holds the value of each word; what is not there is null.
	values map[string]any
	// absent says why a word has no value, where that is known.
	absent map[string]string
}

// everyWord returns words and those that every kind of probe has.
func everyWord(own words) words {
	all := words{
		"latency": types.TypeOf(time.Duration(0)),
		// __tick fails once the probe's time is up; see ticker.
		"__tick": types.TypeOf(tick(context.Background())),
	}
	maps.Copy(all, own)
	return all
}

// newScene returns the scene of a probe that began at start and has just read
// its last value.
func newScene(ctx context.Context, start time.Time) scene {
	return scene{
		values: map[string]any{"latency": time.Since(start), "__tick": tick(ctx)},
		absent: map[string]string{},
	}
}

// condition is one sentence over a scene that has to be true.
type condition struct {
	text    string
	words   words
	program *vm.Program
	tree    ast.Node
}

// compile reads a condition. Errors say where in it the mistake is.
func compile(text string, words words) (condition, error) {
	compiled, err := compileValue(text, words)
	if err != nil {
		return condition{}, err
	}
	// What can only be known from an answer, such as body.ok, passes here. It is
	// run without the conversion to bool, which would hide its value.
	if _, err := compileExpression(text, words, expr.AsBool()); err != nil {
		return condition{}, located(err, words)
	}
	return compiled, nil
}

// compileValue reads an expression of any type.
func compileValue(text string, words words) (condition, error) {
	if len(text) > conditionLength {
		return condition{}, fmt.Errorf("is longer than %d bytes", conditionLength)
	}
	program, err := compileExpression(text, words)
	if err != nil {
		return condition{}, located(err, words)
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return condition{}, located(err, words)
	}
	c := condition{text: text, words: words, program: program, tree: tree.Node}
	return c, c.checkConstants()
}

// checkConstants evaluates the calls that depend on nothing, such as
// duration('30m'): a mistake in one is better found now than in every probe.
func (c condition) checkConstants() error {
	var failure error
	ast.Find(c.tree, func(node ast.Node) bool {
		if _, isCall := node.(*ast.BuiltinNode); !isCall || !isConstant(node) {
			return false
		}
		if _, err := evaluate(node.String(), c.words, scene{}); err != nil {
			failure = fmt.Errorf("%s: %s", node, reason(err))
		}
		return failure != nil
	})
	return failure
}

// check returns an empty text when the condition holds, and otherwise says what
// was observed instead: "status == 200: status is 503". An error means that it
// could not be evaluated: it asks for something that is not there.
func (c condition) check(s scene) (string, error) {
	outcome, err := run(c.program, s)
	if err != nil || outcome == true {
		return "", err
	}
	observed := explanation{words: c.words, scene: s}
	observed.explain(c.tree)
	if len(observed.seen) == 0 {
		return c.text + " is " + show(outcome), nil
	}
	return c.text + ": " + strings.Join(observed.seen, ", "), nil
}

// obstacle says why the condition could not be judged: a value that it uses is
// missing, or what the language says.
func (c condition) obstacle(s scene, err error) string {
	found := ast.Find(c.tree, func(node ast.Node) bool {
		identifier, ok := node.(*ast.IdentifierNode)
		if !ok {
			return false
		}
		_, known := c.words[identifier.Value]
		return known && s.values[identifier.Value] == nil
	})
	if found == nil {
		return reason(err)
	}
	if why, ok := s.absent[found.String()]; ok {
		return why
	}
	return found.String() + " is null"
}

// speaksOf reports whether a word is used; $env stands for all of them.
func (c condition) speaksOf(word string) bool {
	return ast.Find(c.tree, func(node ast.Node) bool {
		identifier, ok := node.(*ast.IdentifierNode)
		return ok && (identifier.Value == word || identifier.Value == "$env")
	}) != nil
}

// evaluate compiles and runs an expression of any type.
func evaluate(text string, words words, s scene) (any, error) {
	program, err := compileExpression(text, words)
	if err != nil {
		return nil, err
	}
	return run(program, s)
}

func compileExpression(text string, words words, more ...expr.Option) (*vm.Program, error) {
	options := []expr.Option{expr.Env(words), expr.MaxNodes(conditionNodes), expr.Patch(ticker{})}
	return expr.Compile(text, append(options, more...)...)
}

func run(program *vm.Program, s scene) (any, error) {
	machine := vm.VM{MemoryBudget: conditionMemory}
	return machine.Run(program, s.values)
}

// ticker has every pass through a predicate look at the clock first: two nested
// loops over a large body would otherwise outlive the probe by hours.
type ticker struct{}

// Visit implements ast.Visitor.
func (ticker) Visit(node *ast.Node) {
	if predicate, ok := (*node).(*ast.PredicateNode); ok {
		tick := &ast.CallNode{Callee: &ast.IdentifierNode{Value: "__tick"}}
		predicate.Node = &ast.SequenceNode{Nodes: []ast.Node{tick, predicate.Node}}
	}
}

// tick returns the Tick of a probe.
func tick(ctx context.Context) func() (bool, error) {
	return func() (bool, error) { return true, ctx.Err() }
}

// isConstant reports whether node depends on no fact and on no loop variable.
func isConstant(node ast.Node) bool {
	return ast.Find(node, func(node ast.Node) bool {
		switch node.(type) {
		case *ast.IdentifierNode, *ast.PointerNode, *ast.PredicateNode:
			return true
		}
		return false
	}) == nil
}

// located writes an error of the expression language in one line with its place.
func located(err error, words words) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return err
	}
	words = maps.Clone(words)
	delete(words, "__tick")
	hint := ""
	if strings.HasPrefix(at.Message, "unknown name") {
		hint = "; known are " + strings.Join(namesOf(words), ", ")
	}
	return fmt.Errorf("%s (line %d, column %d)%s", at.Message, max(at.Line, 1), at.Column+1, hint)
}

// reason is the message of an error without the source text around it.
func reason(err error) string {
	var at *file.Error
	if errors.As(err, &at) {
		return at.Message
	}
	return err.Error()
}
