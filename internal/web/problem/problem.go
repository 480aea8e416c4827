// Package problem writes the errors of the JSON endpoints as RFC 9457 problem
// details, so that every endpoint says what went wrong in the same form.
package problem

import (
	"encoding/json"
	"net/http"
)

// Type is the media type of problem details.
const Type = "application/problem+json"

// Details is what went wrong, in the members of RFC 9457, section 3.1. Its type
// is about:blank, so the title is the text of the status.
type Details struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"`
}

// Write answers r with status and detail, a sentence for people on this one
// occurrence; it must hold no secret. The query is left out of the instance,
// for it may hold one.
func Write(w http.ResponseWriter, r *http.Request, status int, detail string) {
	body, err := json.Marshal(Details{
		Type:     "about:blank",
		Title:    http.StatusText(status),
		Status:   status,
		Detail:   detail,
		Instance: r.URL.EscapedPath(),
	})
	if err != nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	header := w.Header()
	header.Del("Content-Length")
	header.Set("Content-Type", Type)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// A reader that has gone away needs no answer.
	_, _ = w.Write(append(body, '\n'))
}
