package browser

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is one tab with cookies of its own. It writes down what goes on in it.
type tab struct {
	t     testing.TB
	ctx   context.Context
	close func()

	mu sync.Mutex
	// complaints are errors and warnings in the console, refused by the policy
	// of the page among them; foreign are requests to other machines.
	complaints, foreign []string
	// loads counts the documents that were asked for, changes the events that
	// told the page of changes.
	loads, changes int
}

// open opens a tab, which is closed when the test ends.
func (c *chromium) open(t testing.TB) *tab {
	t.Helper()
	p := &tab{t: t}
	ctx, closeTab := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	p.close = closeTab
	t.Cleanup(closeTab)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(desktop.width, desktop.height)), "open a tab")
	p.ctx = ctx
	return p
}

// hear takes an event of the tab.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		p.complain(string(e.Type), fmt.Sprint(spoken(e.Args)))
	case *runtime.EventExceptionThrown:
		p.complain("exception", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *log.EventEntryAdded:
		p.complain(string(e.Entry.Source)+" "+string(e.Entry.Level), e.Entry.Text+" "+e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if e.Type == network.ResourceTypeDocument {
			p.loads++
		}
		if !local(e.Request.URL) {
			p.foreign = append(p.foreign, e.Request.URL)
		}
	case *network.EventEventSourceMessageReceived:
		p.changes++
	}
}

// complain writes a message down. Whatever a page says in the console is too
// much.
func (p *tab) complain(kind, text string) { p.complaints = append(p.complaints, kind+": "+text) }

func spoken(args []*runtime.RemoteObject) []string {
	var texts []string
	for _, arg := range args {
		texts = append(texts, strings.TrimSpace(string(arg.Value)+" "+arg.Description))
	}
	return texts
}

// local reports whether a request stays on this machine.
func local(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "data" || u.Scheme == "about" || u.Hostname() == "127.0.0.1")
}

// seen returns how many documents were asked for, and how many changes the page
// was told of.
func (p *tab) seen() (loads, changes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loads, p.changes
}

// requireQuiet checks that nothing has gone wrong and nothing left the machine.
func (p *tab) requireQuiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(p.t, p.complaints, "in the console")
	require.Empty(p.t, p.foreign, "requests to other machines")
}

// forgive forgets complaints that hold a text: those that are what the test is
// about.
func (p *tab) forgive(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = slices.DeleteFunc(p.complaints, func(c string) bool { return strings.Contains(c, text) })
}

// do runs steps one after the other.
func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, soon)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, steps...))
}

// visit goes to an address and waits for the page.
func (p *tab) visit(address string) {
	p.t.Helper()
	p.do(chromedp.Navigate(address))
}

// evaluate returns what an expression is in a page.
func evaluate[T any](p *tab, expression string, options ...chromedp.EvaluateOption) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, soon)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	require.NoError(p.t, err, expression)
	return value
}

// await waits until an expression is true in the page, also if the page is left
// for another one meanwhile. chromedp.Poll would need eval, which the pages
// forbid.
func (p *tab) await(what, expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, soon)
	defer cancel()
	var lastErr error
	eventually(p.t, what, func() bool {
		var holds bool
		holds, lastErr = chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		return lastErr == nil && holds
	})
}
