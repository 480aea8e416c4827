package browser

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// scriptless has a tab run no script of a page.
var scriptless = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	return err
})

// TestWithoutScripts uses every form, and sees pages refresh, where no script
// runs.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	browser := launch(t)
	w, incidents := clinic(t, site{})
	t.Run("the page refreshes", func(t *testing.T) {
		p := browser.open(t)
		defer p.close()
		p.do(scriptless)
		p.visit(w.address + "/")
		loads, _ := p.seen()
		p.do(later(61))
		eventually(t, "the page is loaded again", func() bool { now, _ := p.seen(); return now > loads })
		p.requireQuiet()
	})
	for _, form := range forms(incidents) {
		t.Run(form.said, func(t *testing.T) {
			p := browser.open(t)
			defer p.close()
			p.do(scriptless)
			p.visit(w.address + form.page)
			p.fill(fmt.Sprintf("form[action=%q]", form.page+form.action))
			p.await("the notice", `document.querySelector(".notice[role=status]") !== null`)
			said := w.told.all()
			require.Equal(t, form.said, said[len(said)-1])
			p.requireQuiet()
		})
	}
}

// later lets seconds pass in a tab, at once.
func later(seconds float64) chromedp.Action[chromedp.Void] {
	budget := seconds * 1000
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetVirtualTimePolicy, emulation.SetVirtualTimePolicyParams{
			Policy: emulation.VirtualTimePolicyAdvance, Budget: &budget,
		})
		return err
	})
}

// form is one form of a page, and what an operator is told when it is sent.
type form struct{ page, action, said string }

// forms are all that there are.
func forms(incidents map[string]health.Incident) []form {
	down := pageOf(incidents["down"])
	return []form{
		{"/services/healthy", "/probe", "probe healthy"},
		{"/services/healthy", "/pause", "pause healthy Ana why"},
		{"/services/paused", "/resume", "resume paused Ana"},
		{"/services/healthy", "/maintain", "maintain healthy 1h Ana why"},
		{"/services/maintained", "/maintain", "maintain maintained 0s Ana "},
		{"/services/healthy", "/silence", "silence healthy 1h Ana why"},
		{"/services/silenced", "/silence", "silence silenced 0s Ana "},
		{"/services/observed", "/mode", "mode observed observe Ana"},
		{pageOf(incidents["approval"]), "/approve", "approve approval Ana why"},
		{down, "/acknowledge", "acknowledge down Ana why"},
		{pageOf(incidents["acknowledged"]), "/unacknowledge", "unacknowledge acknowledged Ana why"},
		{down, "/silence", "silence down 30m Ana why"},
		{down, "/retry", "retry down Ana why"},
		{down, "/rearm", "rearm down Ana why"},
		{down, "/resolve", "resolve down Ana why"},
	}
}

// fill opens what hides a form, writes who and why, and sends it, with the
// mouse and the keyboard alone.
func (p *tab) fill(form string) {
	p.t.Helper()
	if evaluate[bool](p, fmt.Sprintf(`(document.querySelector(%q).closest("details")?.open ?? true) === false`, form)) {
		p.do(chromedp.Click(chromedp.CSS(fmt.Sprintf("details:has(%s) > summary", form))))
	}
	for field, text := range map[string]string{"by": "Ana", "note": "why", "reason": "why"} {
		input := fmt.Sprintf("%s input[name=%s]", form, field)
		if evaluate[bool](p, fmt.Sprintf(`document.querySelector(%q) !== null`, input)) {
			p.do(chromedp.SendKeys(chromedp.CSS(input), text))
		}
	}
	p.do(chromedp.Click(chromedp.CSS(form + " button")))
}
