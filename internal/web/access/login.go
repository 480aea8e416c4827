package access

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"paramedic/internal/health"
)

const (
	loginPath  = "/login"
	logoutPath = "/logout"
	// flowFor is how long somebody has to sign in at the provider.
	flowFor = 10 * time.Minute
	// longestReturn bounds the address to go back to, in bytes; it is in a cookie.
	longestReturn = 1024
)

// flow is one log-in on its way through the provider.
type flow struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	To       string    `json:"to"`
	Until    time.Time `json:"until"`
}

// Routes are the pages at which people sign in and out, by their paths; none
// without a provider.
func (g *Guard) Routes() map[string]http.Handler {
	if g.inForce.Load().provider == nil {
		return nil
	}
	by := func(answer func(*rules, http.ResponseWriter, *http.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(g.inForce.Load(), w, r) })
	}
	return map[string]http.Handler{
		loginPath:    only(by((*rules).login), http.MethodGet, http.MethodHead),
		callbackPath: only(by((*rules).callback), http.MethodGet),
		logoutPath:   only(g.SameOrigin(by((*rules).logout)), http.MethodPost),
	}
}

// PassedOnce reports whether a path is that of a page to which nobody can go
// back: what it was asked with holds for one answer.
func PassedOnce(path string) bool { return path == callbackPath }

func only(next http.Handler, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, method := range methods {
			if r.Method == method {
				next.ServeHTTP(w, r)
				return
			}
		}
		allowed := strings.Join(methods, ", ")
		w.Header().Set("Allow", allowed)
		http.Error(w, "This page answers to "+allowed+" only.", http.StatusMethodNotAllowed)
	})
}

// login sends the browser to the provider.
func (g *rules) login(w http.ResponseWriter, r *http.Request) {
	to := localPath(r.URL.Query().Get("to"))
	if r.URL.Query().Has(withPassword) && g.users.any() {
		g.passwordLogin(w, r, to)
		return
	}
	found, err := g.provider.discover(r.Context())
	if err != nil {
		g.log.Warn("sign-in is not possible", "error", err)
		g.refuse(w, r, true, &refusal{status: http.StatusServiceUnavailable, reason: reasonProvider, wait: discoverAgain})
		return
	}
	f := flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), To: to, Until: g.now().Add(flowFor)}
	sealed, err := g.sealer.seal(g.provider.purpose("flow"), f)
	if err != nil {
		g.log.Error("sign-in failed", "error", err)
		g.refuse(w, r, true, &refusal{status: http.StatusInternalServerError, reason: reasonSignIn})
		return
	}
	g.forgetFlows(w, r)
	http.SetCookie(w, g.cookie(flowCookie(f.State), sealed, flowFor))
	g.redirect(w, r, found.flow.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)))
}

// withPassword is the parameter by which people choose to show a password
// though there is a provider, for when that is down.
const withPassword = "password"

func (g *rules) passwordLogin(w http.ResponseWriter, r *http.Request, to string) {
	id, refused := g.identify(r)
	switch {
	case refused != nil:
		g.refuse(w, r, true, refused)
	case id.Role == Public:
		g.refuse(w, r, true, &refusal{status: http.StatusUnauthorized, reason: reasonNobody, challenge: true})
	default:
		g.redirect(w, r, to)
	}
}

// flowCookie names the cookie of one log-in: people may begin one in each tab.
func flowCookie(state string) string { return "login-" + state[:min(8, len(state))] }

// flowsAtOnce is how many log-ins a browser may have begun and not completed.
// Their cookies come with every request, and a request that is too long gets no
// answer.
const flowsAtOnce = 8

// forgetFlows makes room for one more log-in: the browser forgets the oldest.
func (g *rules) forgetFlows(w http.ResponseWriter, r *http.Request) {
	type begun struct {
		name  string
		until time.Time
	}
	var all []begun
	for _, cookie := range r.Cookies() {
		name, ours := strings.CutPrefix(cookie.Name, g.cookieName(""))
		if !ours || !strings.HasPrefix(name, flowCookie("")) {
			continue
		}
		var f flow // of one that cannot be opened, the oldest there is
		_ = g.sealer.open(g.provider.purpose("flow"), cookie.Value, &f)
		all = append(all, begun{name, f.Until})
	}
	slices.SortFunc(all, func(a, b begun) int { return a.until.Compare(b.until) })
	for i := range len(all) - flowsAtOnce + 1 {
		http.SetCookie(w, g.cookie(all[i].name, "", 0))
	}
}

var stateForm = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// callback receives the browser back from the provider.
func (g *rules) callback(w http.ResponseWriter, r *http.Request) {
	address := g.address(r)
	// It counts as failed until the provider has vouched for somebody, so that
	// many at once cannot slip through to the provider.
	if wait := g.limits.begin(address, ""); wait > 0 {
		g.refuse(w, r, true, tooMany(wait))
		return
	}
	f, ok := g.openFlow(w, r)
	if !ok {
		g.callbackFailed(w, r, reasonState, nil)
		return
	}
	if code := r.URL.Query().Get("error"); code != "" {
		g.log.Warn("the provider refused the sign-in", "code", health.Clip(code, 60), "from", address.String())
		g.callbackFailed(w, r, reasonSignIn, nil)
		return
	}
	who, err := g.provider.redeem(r.Context(), r.URL.Query().Get("code"), f)
	if err != nil {
		g.callbackFailed(w, r, reasonSignIn, err)
		return
	}
	g.limits.takeBack(address, "")
	role := g.provider.role(who.values)
	if role == Public {
		g.log.Warn("signed in without a role", "name", who.name, "from", address.String())
		g.refuse(w, r, true, &refusal{status: http.StatusForbidden, reason: reasonNoRole, id: Identity{Name: who.name}})
		return
	}
	s := session{ID: rand.Text(), Name: who.name, Values: who.values, Until: g.now().Add(sessionFor)}
	sealed, err := g.sealer.seal(g.provider.purpose("session"), s)
	if err != nil {
		g.callbackFailed(w, r, reasonSignIn, err)
		return
	}
	g.log.Info("signed in", "name", who.name, "role", role.String(), "from", address.String())
	http.SetCookie(w, g.cookie("session", sealed, sessionFor))
	g.redirect(w, r, f.To)
}

// openFlow finds the log-in that the provider answers. Each is answered once.
func (g *rules) openFlow(w http.ResponseWriter, r *http.Request) (flow, bool) {
	state := r.URL.Query().Get("state")
	if !stateForm.MatchString(state) {
		return flow{}, false
	}
	cookie, err := r.Cookie(g.cookieName(flowCookie(state)))
	if err != nil {
		return flow{}, false
	}
	http.SetCookie(w, g.cookie(flowCookie(state), "", 0))
	var f flow
	if err := g.sealer.open(g.provider.purpose("flow"), cookie.Value, &f); err != nil {
		return flow{}, false
	}
	if subtle.ConstantTimeCompare([]byte(f.State), []byte(state)) != 1 || !g.now().Before(f.Until) {
		return flow{}, false
	}
	return f, g.spent.put("flow "+f.State, struct{}{}, f.Until)
}

// callbackFailed reports a sign-in that did not succeed.
func (g *rules) callbackFailed(w http.ResponseWriter, r *http.Request, reason string, err error) {
	address := g.address(r)
	g.log.Warn("sign-in failed", "reason", reason, "error", err, "from", address.String())
	// No 401: signing in again is what the page offers.
	g.refuse(w, r, true, &refusal{status: http.StatusForbidden, reason: reason})
}

// logout ends the session, also for copies of its cookie.
func (g *rules) logout(w http.ResponseWriter, r *http.Request) {
	if s, ok := g.openSession(r); ok {
		g.spent.put("session "+s.ID, struct{}{}, s.Until)
		g.log.Info("signed out", "name", s.Name)
	}
	http.SetCookie(w, g.cookie("session", "", 0))
	g.show(w, r, http.StatusOK, reasonSignedOut, Identity{}, Public)
}

func (g *rules) redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// localPath returns to if it is a page of ours, else the first page. Browsers
// read a backslash as a slash, leave out control characters, and take what
// follows two slashes for a host.
func localPath(to string) string {
	const first = "/"
	if len(to) > longestReturn || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsFunc(to, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return first
	}
	parsed, err := url.Parse(to)
	if err != nil || parsed.IsAbs() || parsed.Host != "" || parsed.User != nil {
		return first
	}
	switch parsed.Path {
	case loginPath, logoutPath, callbackPath:
		return first
	}
	// Dots are resolved by browsers too, and must not uncover two slashes.
	if strings.Contains(parsed.Path, "//") || strings.Contains(parsed.Path, "/.") {
		return first
	}
	return to
}
