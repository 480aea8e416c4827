package browser

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// reachable marks everything that people can use with a number, in the order
// of the page, and returns how many there are.
const reachable = `(() => {
	const all = Array.from(document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']"))
		.filter((e) => e.type !== "hidden" && e.checkVisibility());
	all.forEach((e, n) => { e.dataset.stop = n; });
	return all.length;
})()`

// focused is where the keyboard is, and whether people see that.
type focused struct {
	Stop    string
	Outline bool
	OnView  bool
	HTML    string
}

const here = `(() => {
	const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
	return {
		stop: e.dataset.stop ?? "", html: e.outerHTML.slice(0, 200),
		outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
		onView: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth,
	};
})()`

// TestKeyboard uses the pages without a mouse.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	browser := launch(t)
	states, incidents := clinic(t, site{panels: plantPanels()})
	t.Run("skip to the content", func(t *testing.T) {
		t.Parallel()
		p := browser.open(t)
		p.visit(states.address + "/")
		p.do(chromedp.KeyEvent(kb.Tab))
		at := evaluate[focused](p, here)
		require.Contains(t, at.HTML, `class="skip"`)
		require.True(t, at.OnView && at.Outline, "%+v", at)
		p.do(chromedp.KeyEvent(kb.Enter))
		p.await("the content has the focus", `document.activeElement.id === "main"`)
		p.do(chromedp.KeyEvent(kb.Tab))
		require.True(t, evaluate[bool](p, `document.activeElement.id === "q"`), "what comes next is in the content")
		p.requireQuiet()
	})
	for name, address := range map[string]string{
		"overview": "/", "service": "/services/down", "incident": pageOf(incidents["approval"]),
		"resolved": pageOf(incidents["resolved"]), "incidents": "/incidents", "pipeline": "/system/pipeline",
	} {
		t.Run("order of the "+name, func(t *testing.T) {
			t.Parallel()
			p := browser.open(t)
			p.do(still)
			p.visit(states.address + address)
			p.requireOrder(t)
			p.requireQuiet()
		})
	}
	t.Run("focus stays while the page changes", func(t *testing.T) {
		t.Parallel()
		keepFocus(t, browser.open(t))
	})
}

// requireOrder steps through a page: each stop comes in its turn and is seen.
func (p *tab) requireOrder(t testing.TB) {
	t.Helper()
	stops := evaluate[int](p, reachable)
	require.Greater(t, stops, 5)
	for stop := range stops {
		p.do(chromedp.KeyEvent(kb.Tab))
		at := evaluate[focused](p, here)
		require.Equal(t, fmt.Sprint(stop), at.Stop, "after %d steps the keyboard is at %s", stop+1, at.HTML)
		require.True(t, at.Outline, "nobody sees that the keyboard is at %s", at.HTML)
		require.True(t, at.OnView, "out of sight: %s", at.HTML)
	}
}

// keepFocus has a service die while the keyboard is at the link to another.
func keepFocus(t *testing.T, p *tab) {
	w := well(t)
	p.do(still) // events alone change the page
	p.visit(w.address + "/")
	p.do(chromedp.Focus(chromedp.CSS(`a[href="/services/reports"]`)))
	_, told := p.seen()
	w.stands("gateway", health.StateDown, time.Second, health.Result{At: time.Now(), Status: health.Unhealthy, Message: "connection refused"})
	p.await("the change is seen", stands("gateway", ".down"))
	_, now := p.seen()
	require.Greater(t, now, told, "an event told of it")
	require.True(t, evaluate[bool](p, `document.activeElement.getAttribute("href") === "/services/reports"`))
	p.do(chromedp.KeyEvent(kb.Enter))
	p.await("the link leads on", `location.pathname === "/services/reports"`)
	p.requireQuiet()
}
