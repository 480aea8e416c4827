package browser

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// screenshots is where the pictures are left.
const screenshots = "screenshots"

// TestGallery looks at every page in every state, in the light and in the dark,
// on a desk and on a phone, and leaves pictures of them.
func TestGallery(t *testing.T) {
	t.Parallel()
	browser := launch(t)
	require.NoError(t, os.MkdirAll(screenshots, 0o755))
	for _, one := range pictures(t) {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			browser.examine(t, one)
		})
	}
}

// examine opens a page once and looks at it in every way.
func (c *chromium) examine(t *testing.T, one picture) {
	p := c.open(t)
	defer p.close()
	p.do(still, sending(one.headers))
	p.visit(one.address)
	for _, view := range []struct {
		name, scheme string
		screen       screen
		rules        string
	}{
		{"desktop-light", "light", desktop, everything},
		{"desktop-dark", "dark", desktop, contrast},
		{"phone-dark", "dark", phone, ""}, // the colours of one, the places of another
		{"phone-light", "light", phone, everything},
	} {
		p.do(chromedp.EmulateViewport(view.screen.width, view.screen.height), preferring(view.scheme))
		p.requireFits(t, view.name)
		if view.rules != "" {
			p.requireAccessible(t, view.name, view.rules)
		}
		p.save(filepath.Join(screenshots, one.name+"-"+view.name+".png"))
	}
	if one.refused != "" {
		p.forgive("status of " + one.refused)
	}
	p.requireQuiet()
}

// still stops the clock of the pages' script, which loads them anew from time to
// time: what is looked at must not be replaced meanwhile.
var still = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := cdp.Call(ctx, t, cdppage.AddScriptToEvaluateOnNewDocument,
		cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: `window.setInterval = () => 0`})
	return err
})

// sending adds headers to all requests of a tab.
func sending(headers map[string]string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		all := network.Headers{}
		for name, value := range headers {
			all[name] = value
		}
		_, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: all})
		return err
	})
}

// preferring has a tab prefer the light or the dark, and nothing that moves.
func preferring(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	})
}

// requireFits checks that nobody has to scroll a page sideways, and names what
// sticks out.
func (p *tab) requireFits(t testing.TB, view string) {
	t.Helper()
	wide := evaluate[[]string](p, `(() => {
		const out = (e) => e.getBoundingClientRect().right > innerWidth + 1;
		return document.documentElement.scrollWidth <= innerWidth ? [] : Array.from(document.querySelectorAll("body *"))
			.filter((e) => out(e) && !Array.from(e.children).some(out)).map((e) => e.parentElement.outerHTML.slice(0, 300));
	})()`)
	require.Empty(t, wide, "%s: wider than the screen", view)
}

// save leaves a picture of the whole page.
func (p *tab) save(file string) {
	p.t.Helper()
	height := evaluate[float64](p, `document.documentElement.scrollHeight`)
	width := evaluate[float64](p, `innerWidth`)
	whole, quick := true, true
	ctx, cancel := context.WithTimeout(p.ctx, soon)
	defer cancel()
	shot, err := chromedp.Call(ctx, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{
		CaptureBeyondViewport: &whole, OptimizeForSpeed: &quick, Clip: &cdppage.Viewport{Width: width, Height: height, Scale: 1},
	})
	require.NoError(p.t, err, file)
	require.NoError(p.t, os.WriteFile(file, shot.Data, 0o644))
}
