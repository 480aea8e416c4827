package access

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"paramedic/internal/web/problem"
)

// refusal is why somebody is not let in.
type refusal struct {
	status int
	reason string
	// wait is how long to wait before another try; 0 for none.
	wait time.Duration
	// id and needed say who lacks which role.
	id     Identity
	needed Role
	// challenge asks a browser for name and password though there is a provider.
	challenge bool
}

// Error implements error.
func (r *refusal) Error() string { return r.reason }

// Notice is what a person is told who is not let in.
type Notice struct {
	Status int
	// Title and Text are in the person's language, Language is "en" or "es".
	Title, Text, Language string
	// Links are where to go from here; may be empty.
	Links []Link
}

// Link is one way on.
type Link struct{ Address, Text string }

// refuse answers r with what the reader understands: a page, or a problem.
func (g *rules) refuse(w http.ResponseWriter, r *http.Request, page bool, refused *refusal) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if refused.wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int((refused.wait+time.Second-1)/time.Second)))
	}
	if refused.status == http.StatusUnauthorized {
		if page && !refused.challenge && g.leadsToProvider(r) {
			g.redirect(w, r, loginPath+"?to="+url.QueryEscape(localPath(r.URL.RequestURI())))
			return
		}
		g.challenge(header, r, page, refused)
	}
	if !page {
		problem.Write(w, r, refused.status, sentence("en", refused.reason, refused.id, refused.needed))
		return
	}
	g.show(w, r, refused.status, refused.reason, refused.id, refused.needed)
}

// leadsToProvider reports whether r is somebody going to a page without having
// shown anything, whom the provider can ask who they are.
func (g *rules) leadsToProvider(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	return g.provider != nil && r.Header.Get("Authorization") == "" &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) && (mode == "" || mode == "navigate")
}

// challenge says what has to be shown. Programs are not asked for a password,
// for then a browser would ask in the name of a script; people are led to the
// provider, if there is one.
func (g *rules) challenge(header http.Header, r *http.Request, page bool, refused *refusal) {
	switch {
	case page && (g.provider == nil || refused.challenge || r.Header.Get("Authorization") != ""):
		header.Set("WWW-Authenticate", `Basic realm="paramedic", charset="UTF-8"`)
	case refused.reason == reasonToken:
		header.Set("WWW-Authenticate", `Bearer realm="paramedic", error="invalid_token"`)
	default:
		header.Set("WWW-Authenticate", `Bearer realm="paramedic"`)
	}
}

// wantsPage reports whether a person looks at the answer to r.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

//go:embed notice.html
var noticeText string

var noticePage = template.Must(template.New("notice").Parse(noticeText))

// show tells a person why they are not let in, and how they may be.
func (g *rules) show(w http.ResponseWriter, r *http.Request, status int, reason string, id Identity, needed Role) {
	lang := languageOf(r)
	notice := Notice{
		Status: status, Language: lang, Title: titleOf(lang, reason),
		Text: sentence(lang, reason, id, needed), Links: g.links(r, lang, reason),
	}
	if page := g.page.Load(); page != nil {
		(*page)(w, r, notice)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", lang)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An error here means that the reader has gone.
	_ = noticePage.Execute(w, notice)
}

// links are the ways on from a notice.
func (g *rules) links(r *http.Request, lang, reason string) []Link {
	if g.provider == nil || reason == reasonOrigin || reason == reasonRole {
		return []Link{{"/", word(lang, wordHome)}}
	}
	to := "/"
	if r.URL.Path == loginPath {
		to = localPath(r.URL.Query().Get("to"))
	}
	links := []Link{{loginPath + "?to=" + url.QueryEscape(to), word(lang, wordSignIn)}}
	if g.users.any() && (reason == reasonProvider || reason == reasonSignIn) {
		links = append(links, Link{loginPath + "?" + withPassword + "&to=" + url.QueryEscape(to), word(lang, wordPassword)})
	}
	return links
}
