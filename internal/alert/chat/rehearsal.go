package chat

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

const (
	// subjectMark and textMark are told to find where a message goes.
	subjectMark, textMark = "ParamedicRehearsalSubject", "ParamedicRehearsalText"
	// agreement is an answer that lets every service carry on to its message.
	agreement = `{"ok":true,"room_id":"!rehearsal","event_id":"-"}`
	// rehearsed bounds the requests of a rehearsal.
	rehearsed = 20
)

// post is a request of which there was a rehearsal.
type post struct {
	host string
	// text is all of the request.
	text string
	url  *url.URL
	auth string
}

// rehearsal is a client that opens no connection and keeps what it was to send.
type rehearsal struct{ all []post }

// Do implements Client.
func (r *rehearsal) Do(request *http.Request) (*http.Response, error) {
	if len(r.all) == rehearsed {
		return nil, io.EOF
	}
	text := request.URL.String()
	for _, values := range request.Header {
		text += "\n" + strings.Join(values, "\n")
	}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		text += "\n" + string(body)
	}
	r.all = append(r.all, post{
		host: request.URL.Host, text: text, url: request.URL, auth: request.Header.Get("Authorization"),
	})
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(agreement)), Request: request,
	}, nil
}

// posts are the requests that carry the message.
func (r *rehearsal) posts() []post {
	var posts []post
	for _, p := range r.all {
		if strings.Contains(p.text, textMark) {
			posts = append(posts, p)
		}
	}
	return posts
}

// secrets are the parts of an address and, as far as they come from it, those
// of the requests.
func (r *rehearsal) secrets(u *url.URL) []string {
	password, _ := u.User.Password()
	secrets := []string{u.String(), u.User.String(), u.User.Username(), password, u.RawQuery, u.Fragment}
	secrets = append(secrets, segments(u)...)
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	known := strings.Join(pieces(u.String()), "\n")
	hosts := map[string]bool{}
	for _, p := range r.all {
		hosts[p.host] = true
		secrets = append(secrets, p.url.RequestURI(), p.url.Path, p.url.RawQuery)
		if _, credentials, found := strings.Cut(p.auth, " "); found {
			secrets = append(secrets, credentials)
		}
		parts := segments(p.url)
		for _, values := range p.url.Query() {
			parts = append(parts, values...)
		}
		for _, part := range parts {
			if shared(known, part) {
				secrets = append(secrets, part)
			}
		}
	}
	if !hosts[u.Host] {
		// Where the service's host is given, this place holds an id or a key.
		secrets = append(secrets, u.Host, u.Hostname())
	}
	return withoutCommonplace(secrets)
}

// shared reports whether a part of a request has a piece of the address.
func shared(known, part string) bool {
	for _, piece := range pieces(part) {
		if strings.Contains(known, piece) {
			return true
		}
	}
	return false
}

// segments are the parts of a path, decoded.
func segments(u *url.URL) []string {
	var parts []string
	for part := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		if decoded, err := url.PathUnescape(part); err == nil && decoded != "" {
			parts = append(parts, part, decoded)
		}
	}
	return parts
}

// pieces are the words of an address behind its scheme, as written and decoded,
// that are long enough to tell something.
func pieces(raw string) []string {
	_, rest, found := strings.Cut(raw, "://")
	if !found {
		rest = raw
	}
	if decoded, err := url.QueryUnescape(rest); err == nil {
		rest += " " + decoded
	}
	var long []string
	for _, piece := range strings.FieldsFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(piece) >= 3 {
			long = append(long, piece)
		}
	}
	return long
}
