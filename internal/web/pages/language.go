package pages

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	textlanguage "golang.org/x/text/language"
)

// languageCookie holds the language that somebody has chosen.
const languageCookie = "language"

//go:embed texts/*.json
var textFiles embed.FS

// language is one that the pages exist in. The English text is the key of
// every text, so English needs no table.
type language struct {
	// Tag is that of BCP 47: "en". Name is what its speakers call it.
	Tag, Name string
	// point stands between a number and its fraction.
	point string
	texts map[string]string
	pages map[string]*template.Template
}

// Code is the tag as a switch shows it: "EN".
func (l *language) Code() string { return strings.ToUpper(l.Tag) }

// matcher finds the best of the languages of loadLanguages, in their order.
var matcher = textlanguage.NewMatcher([]textlanguage.Tag{textlanguage.English, textlanguage.Spanish})

func loadLanguages() ([]*language, error) {
	spanish := &language{Tag: "es", Name: "Español", point: ",", texts: map[string]string{}}
	files, err := fs.Glob(textFiles, "texts/es_*.json")
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	for _, file := range files {
		content, err := textFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		if err := json.Unmarshal(content, &spanish.texts); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
	}
	return []*language{{Tag: "en", Name: "English", point: "."}, spanish}, nil
}

// key marks a text that is translated elsewhere, where it is not written out.
func key(text string) string { return text }

// t returns a text, given in English, in the language. With arguments it is a
// format of package fmt.
func (l *language) t(text string, args ...any) string {
	if translated, found := l.texts[text]; found {
		text = translated
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// tn returns the text for one, or the one for another number, which is a format
// with one %d.
func (l *language) tn(n int, one, many string) string {
	if n == 1 {
		return l.t(one)
	}
	return l.t(many, n)
}

// language is the one that was chosen, or else the best that the browser
// accepts.
func (p *Pages) language(r *http.Request) *language {
	if cookie, err := r.Cookie(languageCookie); err == nil {
		for _, l := range p.languages {
			if l.Tag == cookie.Value {
				return l
			}
		}
	}
	_, index := textlanguage.MatchStrings(matcher, r.Header.Get("Accept-Language"))
	return p.languages[index]
}

// chooseLanguage keeps a choice of language and goes back to where it was made.
func (p *Pages) chooseLanguage(w http.ResponseWriter, r *http.Request) {
	to := r.FormValue("to")
	for _, l := range p.languages {
		if l.Tag == to {
			// Another site may lead here, and not choose for somebody.
			if site := r.Header.Get("Sec-Fetch-Site"); site != "cross-site" && site != "same-site" {
				p.remember(w, r, languageCookie, to)
			}
			http.Redirect(w, r, local(r.FormValue("back")), http.StatusSeeOther)
			return
		}
	}
	p.Fail(w, r, http.StatusBadRequest, p.language(r).t("There is no such language. There are English (en) and Spanish (es)."))
}

// remember has the browser keep a small value for a year.
func (p *Pages) remember(w http.ResponseWriter, r *http.Request, name, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: url.QueryEscape(value), Path: "/", MaxAge: int(365 * 24 * time.Hour / time.Second),
		HttpOnly: true, Secure: p.Secure || r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
}

// local returns an address of these pages, or that of the overview if it is
// not one: nobody is sent elsewhere by a link that begins here.
func local(address string) string {
	const overview = "/"
	parsed, err := url.Parse(address)
	switch {
	case err != nil, parsed.IsAbs(), parsed.Host != "", parsed.User != nil:
		return overview
	case !strings.HasPrefix(address, "/"), strings.HasPrefix(address, "//"), strings.ContainsAny(address, "\\\r\n\t"):
		return overview
	}
	return address
}
