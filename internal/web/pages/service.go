package pages

import "net/http"

func (p *Pages) service(w http.ResponseWriter, r *http.Request) {
	p.NotFound(w, r)
}
