package probe

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"paramedic/internal/health"
)

// explanation collects the values behind a false condition.
type explanation struct {
	words words
	scene scene
	lets  string // declarations that enclose the node
	seen  []string
}

// explain walks down to the comparison that made node false.
func (e *explanation) explain(node ast.Node) {
	switch n := node.(type) {
	case *ast.VariableDeclaratorNode:
		e.lets += fmt.Sprintf("let %s = %s; ", n.Name, n.Value)
		e.explain(n.Expr)
	case *ast.UnaryNode:
		e.observe(n.Node)
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			if left, err := e.value(n.Left); err == nil && left == false {
				e.explain(n.Left)
			} else {
				e.explain(n.Right)
			}
		case "||", "or":
			e.explain(n.Left)
			e.explain(n.Right)
		default:
			e.observe(n.Left)
			e.observe(n.Right)
		}
	case *ast.MemberNode, *ast.IdentifierNode, *ast.ChainNode:
		e.observe(n)
	}
}

// observe notes the value of node, unless it is a constant.
func (e *explanation) observe(node ast.Node) {
	if isConstant(node) {
		return
	}
	value, err := e.value(node)
	if err != nil {
		return
	}
	note := node.String() + " is " + show(value)
	for _, known := range e.seen {
		if known == note {
			return
		}
	}
	e.seen = append(e.seen, note)
}

func (e *explanation) value(node ast.Node) (any, error) {
	return evaluate(e.lets+node.String(), e.words, e.scene)
}

// showLimit bounds a value in a message, in bytes.
const showLimit = 80

// show writes a value as people read it, in one short line.
func show(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case time.Duration:
		if v.Abs() >= time.Second {
			v = v.Round(time.Second)
		} else {
			v = v.Round(time.Millisecond)
		}
		return v.String()
	case time.Time:
		return v.Format(time.RFC3339)
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return health.Clip(fmt.Sprint(value), showLimit)
	}
	return health.Clip(strings.TrimSpace(text.String()), showLimit)
}
