// Package chat tells chat and push services through the shoutrrr library. A
// service is named by an address that is at once its key: "ntfy://HOST/TOPIC".
// This package keeps the library at arm's length: every request goes through a
// client that the caller gives, so that it is bounded, cancelled and judged as
// all others that leave the process; no error shows any part of an address; and
// an address is tried without a network before it is taken.
package chat

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"paramedic/internal/health"
)

// Client sends the requests that make up one message. It answers a request
// after one that has failed with an error at once, and with none that the
// library takes for a passing one: some services would sleep and try again.
type Client interface {
	Do(*http.Request) (*http.Response, error)
}

// Message is what a service is told.
type Message struct {
	// Subject is one line; Text may be many.
	Subject, Text string
	// Alerts are what the text tells, the newest of each incident: for services
	// that keep incidents of their own.
	Alerts []health.Alert
	params map[string]string
}

// Address is where messages go. It is safe for concurrent use.
type Address struct {
	raw, service, host string
	// titled is whether the service knows subjects.
	titled  bool
	secrets []string
}

// Parse reads an address without asking anybody. Its errors say what is wrong
// and what would be right, and show nothing of the address but its scheme.
func Parse(raw string) (*Address, error) {
	scheme, _, found := strings.Cut(raw, "://")
	if !found {
		return nil, fmt.Errorf("is not an address; write it like %s", forms["ntfy"])
	}
	name, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	if instead, known := elsewhere[name]; known {
		return nil, fmt.Errorf("%s:// is not taken here: %s", name, instead)
	}
	if all := services(); !slices.Contains(all, name) {
		return nil, fmt.Errorf("%q is none of the services known here: %s",
			health.Clip(scheme, 20), strings.Join(all, ", "))
	}
	parsed, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("is not an address of %s%s", name, example(name))
	}
	if name == "matrix" && parsed.User.Username() != "" {
		return nil, errors.New("has not an access token alone; a user's password is not taken" + example(name))
	}
	seen, err := rehearse(raw, name)
	posts := seen.posts()
	switch {
	case len(posts) == 0:
		return nil, fmt.Errorf("is not an address of %s%s%s", name, cause(err, raw), example(name))
	case len(posts) > 1:
		return nil, fmt.Errorf("names more than one place of %s, and a failure of one would repeat the others: "+
			"make a receiver for each", name)
	case posts[0].host == "":
		return nil, fmt.Errorf("is not an address of %s: it names no host%s", name, example(name))
	}
	return &Address{
		raw: raw, service: name, host: posts[0].host, titled: strings.Contains(posts[0].text, subjectMark),
		secrets: seen.secrets(parsed),
	}, nil
}

// rehearse tells a message without a network. Some services take no subject,
// and say so by refusing all of the message.
func rehearse(raw, name string) (*rehearsal, error) {
	seen := &rehearsal{}
	err := deliver(raw, seen, Message{Subject: subjectMark, Text: textMark, params: always[name]})
	if len(seen.all) == 0 {
		err = deliver(raw, seen, Message{Text: textMark, params: always[name]})
	}
	return seen, err
}

// cause is what the library has against an address, if that repeats no part
// of it.
func cause(err error, raw string) string {
	if err == nil {
		return ""
	}
	text := strings.ToLower(err.Error())
	for _, piece := range pieces(raw) {
		if strings.Contains(text, strings.ToLower(piece)) {
			return ""
		}
	}
	return ": " + health.Clip(strings.TrimRight(err.Error(), ": "), 120)
}

// Name is the service's and the host that is called: safe to show.
func (a *Address) Name() string { return a.service + " " + a.host }

// Secrets lists what nobody should read in an error: all that the address and
// the requests made from it hold.
func (a *Address) Secrets() []string { return a.secrets }

// Send tells one message through client and returns when the last request is
// over. Its errors may repeat the address and what the service has answered.
func (a *Address) Send(client Client, m Message) error {
	watched := &counted{Client: client}
	err := deliver(a.raw, watched, a.fit(m))
	if err == nil && watched.requests == 0 {
		return errors.New("the service has sent nothing")
	}
	return err
}

// counted counts what goes through a client.
type counted struct {
	Client
	requests int
}

// Do implements Client.
func (c *counted) Do(request *http.Request) (*http.Response, error) {
	c.requests++
	return c.Client.Do(request)
}
