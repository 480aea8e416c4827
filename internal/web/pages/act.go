package pages

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"paramedic/internal/operator"
	"paramedic/internal/web/access"
)

const (
	// actLimit is how long a form waits for what it asked for to show. It is
	// less than the server gives an answer.
	actLimit = 12 * time.Second
	// nameCookie holds the name that somebody gave where no log-in knows it.
	nameCookie = "by"
	// The longest name and note that a form takes, in characters.
	nameLimit, noteLimit = 100, 500
)

// actor is what a form must know of who uses it.
type actor struct {
	// Ask is set where no log-in knows the name; Name is then the one given last.
	Ask  bool
	Name string
	// Field is the id of the field for the name, unique in its page.
	Field string
}

// As is the actor for the form of that name.
func (a actor) As(form string) actor {
	a.Field = "by-" + form
	return a
}

// actor is who looks at a page.
func (p *Pages) actor(r *http.Request) actor {
	a := actor{Ask: access.From(r.Context()).Method == access.MethodLocal}
	if cookie, err := r.Cookie(nameCookie); a.Ask && err == nil {
		a.Name, _ = url.QueryUnescape(cookie.Value)
	}
	return a
}

// acting returns who posts a form. Where no log-in knows that, the form says so;
// if it does not, the answer is written and ok is false.
func (p *Pages) acting(w http.ResponseWriter, r *http.Request) (name string, ok bool) {
	who := access.From(r.Context())
	if who.Method != access.MethodLocal {
		return who.Name, true
	}
	name = oneLine(r.PostFormValue("by"))
	switch {
	case name == "":
		p.Fail(w, r, http.StatusBadRequest, p.language(r).t("Say who you are: it is written down who did what."))
		return "", false
	case utf8.RuneCountInString(name) > nameLimit:
		p.Fail(w, r, http.StatusBadRequest, p.language(r).t("A name has at most %d characters.", nameLimit))
		return "", false
	}
	p.remember(w, r, nameCookie, name)
	return name, true
}

// note returns the text of a form's field, without what does more than to be
// read: it goes into alerts and logs. If it is too long, the answer is
// written and ok is false.
func (p *Pages) note(w http.ResponseWriter, r *http.Request, field string) (note string, ok bool) {
	note = strings.TrimSpace(printable(r.PostFormValue(field)))
	if utf8.RuneCountInString(note) > noteLimit {
		p.Fail(w, r, http.StatusBadRequest, p.language(r).t("A note has at most %d characters.", noteLimit))
		return "", false
	}
	return note, true
}

// tell asks for what a form wants, and goes back to address with a notice. What
// goes wrong is shown as a page.
func (p *Pages) tell(w http.ResponseWriter, r *http.Request, address, notice string, ask func(context.Context, Operator) error) {
	ctx, cancel := context.WithTimeout(r.Context(), actLimit)
	defer cancel()
	told, err := p.reach(ctx)
	if err != nil {
		p.Log.Warn("form failed", "path", r.URL.Path, "error", err)
		p.Fail(w, r, http.StatusServiceUnavailable, p.language(r).t("Temporal cannot be reached, so nothing can be changed now. Probing and healing go on as soon as it is back."))
		return
	}
	switch err := ask(ctx, told); {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		notice = "asked"
	default:
		p.Log.Warn("form failed", "path", r.URL.Path, "error", err)
		p.Fail(w, r, statusOf(err), err.Error())
		return
	}
	http.Redirect(w, r, address+"?notice="+notice, http.StatusSeeOther)
}

// reach returns whom the forms tell.
func (p *Pages) reach(ctx context.Context) (Operator, error) {
	if p.Operator == nil {
		return nil, errors.New("no connection to Temporal is configured")
	}
	return p.Operator(ctx)
}

// statusOf is the status of HTTP for what an operator refused.
func statusOf(err error) int {
	var (
		nobody     operator.NoWorker
		offDuty    operator.NotOnDuty
		notApplied operator.NotApplied
		notOpen    operator.NotOpen
	)
	switch {
	case errors.As(err, &nobody):
		return http.StatusServiceUnavailable
	case errors.As(err, &offDuty), errors.As(err, &notApplied), errors.As(err, &notOpen):
		return http.StatusConflict
	case errors.Is(err, operator.ErrNobody):
		return http.StatusBadRequest
	}
	return http.StatusBadGateway
}
