package probe

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// Bounds of one condition: its length, its size when parsed, and how many
// values it may hold while it is evaluated. Its time is bounded by the probe's.
const (
	conditionLength = 1000
	conditionNodes  = 300
	conditionMemory = 1_000_000
)

// facts are what a condition can speak of.
type facts struct {
	Status  int               `expr:"status"`
	Headers map[string]string `expr:"headers"` // names in lower case, several values joined by ", "
	Body    any               `expr:"body"`    // parsed JSON; nil when it is none
	Text    string            `expr:"text"`
	Latency time.Duration     `expr:"latency"`
	// Age returns how long ago a time was.
	Age func(value any) (time.Duration, error) `expr:"age"`
	// Tick fails once the probe's time is up; see ticker.
	Tick func() (bool, error) `expr:"__tick"`
}

// condition is one sentence over facts that has to be true.
type condition struct {
	text    string
	program *vm.Program
	tree    ast.Node
}

// compile reads a condition. Errors say where in it the mistake is.
func compile(text string) (condition, error) {
	if len(text) > conditionLength {
		return condition{}, fmt.Errorf("is longer than %d bytes", conditionLength)
	}
	// What can only be known from an answer, such as body.ok, passes here, and
	// is compiled without the conversion to bool, which would hide its value.
	if _, err := compileExpression(text, expr.AsBool()); err != nil {
		return condition{}, located(err)
	}
	program, err := compileExpression(text)
	if err != nil {
		return condition{}, located(err)
	}
	tree, err := parser.Parse(text)
	if err != nil {
		return condition{}, located(err)
	}
	c := condition{text: text, program: program, tree: tree.Node}
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
		if _, err := evaluate(node.String(), facts{}); err != nil {
			failure = fmt.Errorf("%s: %s", node, reason(err))
		}
		return failure != nil
	})
	return failure
}

// check returns an empty text when the condition holds, and otherwise says what
// was observed instead: "status == 200: status is 503". An error means that it
// could not be evaluated: it asks for something that is not there.
func (c condition) check(f facts) (string, error) {
	outcome, err := run(c.program, f)
	if err != nil || outcome == true {
		return "", err
	}
	observed := explanation{facts: f}
	observed.explain(c.tree)
	if len(observed.seen) == 0 {
		return c.text + " is " + show(outcome), nil
	}
	return c.text + ": " + strings.Join(observed.seen, ", "), nil
}

// mentions reports whether the condition uses a fact.
func (c condition) mentions(name string) bool {
	return ast.Find(c.tree, func(node ast.Node) bool {
		identifier, ok := node.(*ast.IdentifierNode)
		return ok && identifier.Value == name
	}) != nil
}

// evaluate compiles and runs an expression of any type.
func evaluate(text string, f facts) (any, error) {
	program, err := compileExpression(text)
	if err != nil {
		return nil, err
	}
	return run(program, f)
}

func compileExpression(text string, more ...expr.Option) (*vm.Program, error) {
	options := []expr.Option{expr.Env(facts{}), expr.MaxNodes(conditionNodes), expr.Patch(ticker{})}
	return expr.Compile(text, append(options, more...)...)
}

func run(program *vm.Program, f facts) (any, error) {
	machine := vm.VM{MemoryBudget: conditionMemory}
	return machine.Run(program, f)
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
func located(err error) error {
	var at *file.Error
	if !errors.As(err, &at) {
		return err
	}
	return fmt.Errorf("%s (line %d, column %d)", at.Message, max(at.Line, 1), at.Column+1)
}

// reason is the message of an error without the source text around it.
func reason(err error) string {
	var at *file.Error
	if errors.As(err, &at) {
		return at.Message
	}
	return err.Error()
}
