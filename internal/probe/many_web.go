package probe

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/resolve"
)

// Bounds of the idle connections to the targets of one service. Each costs a
// file here, and whatever it costs the target.
const (
	idleMost    = 1024
	idlePerHost = 64
	idleFor     = 90 * time.Second
)

// pages are what to ask targets for. They are safe for concurrent use.
type pages struct{ url, body option.Template }

func newPages(r request) (pages, error) {
	address, err := option.ParseTemplate(r.url)
	if err != nil {
		return pages{}, err
	}
	body, err := option.ParseTemplate(r.body)
	return pages{url: address, body: body}, err
}

// of returns the page of a target, and what is wrong with it.
func (p pages) of(target health.Target) (page, option.Problems) {
	var problems option.Problems
	address, err := p.url.Fill(target)
	if err != nil {
		problems.Add("url", "%v", err)
		return page{}, problems
	}
	parsed, wrong := readURL(address)
	if wrong != "" {
		problems.Add("url", "%s", wrong)
	}
	body, err := p.body.Fill(target)
	if err != nil {
		problems.Add("body", "%v", err)
	}
	return page{url: parsed, body: body, target: target.Name}, problems
}

// host names the host of a target's page.
func (p pages) host(target health.Target) string {
	address, err := p.url.Fill(target)
	if err != nil {
		return hostOf(target.Name)
	}
	return hostOf(address)
}

// ways are an asker of many targets.
//
// Most are asked on connections that are kept and shared. A target that gave no
// answer must not cost all others their connections, as closing the idle ones
// would. It is asked on connections of its own for as long as one that was kept
// from before, and whose other end may be gone, could still be there.
type ways struct {
	kept  *web // by HTTP/1.1
	fresh *web // connects anew for each request; HTTP/2 too
	wary  wary
}

func newWays(r request) (*ways, error) {
	kept, err := newDials(r.tls, resolve.Shared.DialContext, "http/1.1")
	if err != nil {
		return nil, err
	}
	fresh, err := newTransport(r.tls, resolve.Shared.DialContext)
	if err != nil {
		return nil, err
	}
	// To unpack is work for each answer, and those to probes are short.
	fresh.DisableKeepAlives, fresh.DisableCompression = true, true
	most := min(idleMost, resolve.Budget()/4)
	return &ways{
		kept: newWeb(r, &wire{dials: kept, idle: idle{
			most: most, perHost: idlePerHost, keep: idleFor, room: idleRoom(),
		}}),
		fresh: newWeb(r, fresh),
	}, nil
}

// ask implements asker.
func (w *ways) ask(ctx context.Context, p page) (*http.Response, error) {
	if w.wary.of(p.target) {
		return w.fresh.ask(ctx, p)
	}
	response, err := w.kept.ask(ctx, p)
	if err == nil || !isRefusal(err) {
		return response, err
	}
	w.wary.add(p.target) // it may speak nothing but HTTP/2
	return w.fresh.ask(ctx, p)
}

// isRefusal reports whether the server has ended a TLS handshake by an alert.
func isRefusal(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "remote error"
}

// lost implements asker.
func (w *ways) lost(p page) { w.wary.add(p.target) }

func (w *ways) close() {
	w.kept.close()
	w.fresh.close()
}

// wary knows the targets whose kept connections are not to be trusted. Its
// zero value knows none.
type wary struct {
	count atomic.Int64 // of until; read without the lock
	mu    sync.Mutex
	until map[string]time.Time
	tidy  time.Time // when to look for entries that are out of date
}

// of reports whether a target is among them.
func (w *wary) of(target string) bool {
	if w.count.Load() == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.until[target])
}

// add makes a target one of them until no connection from before is left.
func (w *wary) add(target string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if w.until == nil {
		w.until = map[string]time.Time{}
	}
	if now.After(w.tidy) {
		for name, until := range w.until {
			if now.After(until) {
				delete(w.until, name)
			}
		}
		w.tidy = now.Add(idleFor)
	}
	w.until[target] = now.Add(idleFor + time.Second)
	w.count.Store(int64(len(w.until)))
}
