package browser

import (
	_ "embed"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// axe is axe-core by Deque Systems, under the Mozilla Public License 2.0 (see
// testdata/axe.LICENSE): it finds what keeps people with disabilities out.
//
//go:embed testdata/axe.min.js
var axe string

// violation is one rule that a page breaks.
type violation struct {
	ID, Help string
	Nodes    []struct {
		HTML, FailureSummary string
	}
}

// String says which rule is broken, where and why, for the failure's message.
func (v violation) String() string {
	const shown = 3
	var text strings.Builder
	fmt.Fprintf(&text, "\n%s: %s (%d times)", v.ID, v.Help, len(v.Nodes))
	for _, node := range v.Nodes[:min(shown, len(v.Nodes))] {
		fmt.Fprintf(&text, "\n  %.300s\n  %s", node.HTML, strings.ReplaceAll(node.FailureSummary, "\n", "\n  "))
	}
	return text.String()
}

// What is checked: the rules of WCAG 2.1, levels A and AA, and some that are
// only good practice; or contrast alone, where only colours are others.
const (
	everything = `runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]`
	contrast   = `runOnly: {type: "rule", values: ["color-contrast"]}`
)

// requireAccessible checks a page by rules. The script comes in by the DevTools,
// which no policy of a page concerns.
func (p *tab) requireAccessible(t testing.TB, view, rules string) {
	t.Helper()
	p.do(chromedp.Evaluate[chromedp.Void](`typeof axe === "object" ? void 0 : (() => {` + axe + `})()`))
	violations := evaluate[[]violation](p, `axe.run(document, {`+rules+`, resultTypes: ["violations"], preload: false})
		.then((found) => found.violations)`, chromedp.EvalAwaitPromise)
	var broken []string
	for _, v := range violations {
		broken = append(broken, v.String())
	}
	require.Empty(t, strings.Join(broken, "\n"), "%s: rules of accessibility", view)
}
