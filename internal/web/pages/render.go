package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"paramedic/internal/web/access"
)

//go:embed templates/*.html
var templateFiles embed.FS

// frame is what layout.html shows around a page.
type frame struct {
	*language
	Languages []languageLink
	// Section is the entry of the navigation that the page belongs to.
	Section string
	// Viewer is set for who may see more than the public does.
	Viewer  bool
	Who     access.Identity
	WebUI   string
	Notice  string
	Version string
	// Pipeline is set if there is something to show on the pipeline's page.
	Pipeline bool
	// Live is set if the page is kept up to date.
	Live bool
	Data any
}

type languageLink struct {
	*language
	Address string
	Current bool
}

// shared are the templates that all pages use.
var shared = []string{"layout.html", "parts.html", "service_parts.html"}

// parse reads every page in a language, by its name without the extension.
func (p *Pages) parse(l *language) (map[string]*template.Template, error) {
	base := template.New("layout.html").Funcs(p.functions(l))
	for _, name := range shared {
		if _, err := base.ParseFS(templateFiles, "templates/"+name); err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, file := range files {
		if slices.Contains(shared, path.Base(file)) {
			continue
		}
		clone, err := base.Clone()
		if err != nil {
			return nil, fmt.Errorf("copy the layout: %w", err)
		}
		if pages[strings.TrimSuffix(path.Base(file), ".html")], err = clone.ParseFS(templateFiles, file); err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
	}
	return pages, nil
}

// render answers with templates/<page>.html inside the layout, or with 500 and
// no half page. A page defines the templates "title" and "main", which get
// data; it may define "live", the address of its events.
func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, page string, data any) {
	var buffer bytes.Buffer
	l := p.language(r)
	found := l.pages[page]
	if found == nil {
		p.broken(w, page, fmt.Errorf("no template templates/%s.html", page))
		return
	}
	if err := found.ExecuteTemplate(&buffer, "layout.html", p.frame(r, l, status, data)); err != nil {
		p.broken(w, page, err)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Language", l.Tag)
	header.Set("Cache-Control", "no-store")
	header.Add("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	// An error here means that the reader has gone.
	_, _ = buffer.WriteTo(w)
}

func (p *Pages) broken(w http.ResponseWriter, page string, err error) {
	p.Log.Error("page failed", "page", page, "error", err)
	http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
}

func (p *Pages) frame(r *http.Request, l *language, status int, data any) frame {
	who := access.From(r.Context())
	f := frame{
		language: l, Section: section(r.URL.Path), Who: who, Viewer: who.Role >= access.Viewer,
		WebUI: p.WebUI("", ""), Notice: l.notice(r.URL.Query().Get("notice")), Version: p.Version,
		Pipeline: p.pipelineShown() && who.Role >= access.Admin, Live: status == http.StatusOK && r.Method == http.MethodGet && who.Role >= access.Viewer, Data: data,
	}
	for _, other := range p.languages {
		address := "/language?to=" + other.Tag + "&back=" + template.URLQueryEscaper(back(r))
		f.Languages = append(f.Languages, languageLink{other, address, other == l})
	}
	return f
}

// back is the address that shows this page again. What was posted is not
// posted again.
func back(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return path.Dir(r.URL.Path)
	}
	if access.PassedOnce(r.URL.Path) {
		return "/"
	}
	query := r.URL.Query()
	query.Del("notice")
	if len(query) == 0 {
		return r.URL.EscapedPath()
	}
	return r.URL.EscapedPath() + "?" + query.Encode()
}

func section(address string) string {
	switch {
	case address == "/", strings.HasPrefix(address, "/services/"):
		return "overview"
	case address == "/incidents", strings.HasPrefix(address, "/incidents/"):
		return "incidents"
	case strings.HasPrefix(address, "/system/"):
		return "pipeline"
	}
	return ""
}

// failure is what error.html shows.
type failure struct{ Title, Sentence string }

// Fail answers with a page that says what went wrong. The sentence is for
// people and holds no secret.
func (p *Pages) Fail(w http.ResponseWriter, r *http.Request, status int, sentence string) {
	l := p.language(r)
	title, found := failureTitles[status]
	if !found {
		title = http.StatusText(status)
	}
	p.render(w, r, status, "error", failure{l.t(title), sentence})
}

var failureTitles = map[int]string{
	http.StatusBadRequest:            key("This cannot be done like that"),
	http.StatusUnauthorized:          key("Please log in"),
	http.StatusForbidden:             key("You may not do this"),
	http.StatusNotFound:              key("There is no such page"),
	http.StatusMethodNotAllowed:      key("This cannot be done like that"),
	http.StatusConflict:              key("This could not be done"),
	http.StatusRequestEntityTooLarge: key("This is too long"),
	http.StatusUnsupportedMediaType:  key("This cannot be done like that"),
	http.StatusTooManyRequests:       key("Too many tries"),
	http.StatusInternalServerError:   key("This page could not be made"),
	http.StatusBadGateway:            key("This could not be done"),
	http.StatusServiceUnavailable:    key("This cannot be done now"),
	http.StatusGatewayTimeout:        key("This took too long"),
}

// Notice tells people why they are not let in, and how they may be.
func (p *Pages) Notice(w http.ResponseWriter, r *http.Request, notice access.Notice) {
	p.render(w, r, notice.Status, "notice", notice)
}

// NotFound answers that there is no such page.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	p.Fail(w, r, http.StatusNotFound, p.language(r).t("Look whether the address is written right, or begin at the overview."))
}
