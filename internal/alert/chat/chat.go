// Package chat writes messages for chat and push services. A service is named
// by an address that is at once its key: "ntfy://ntfy.sh/topic",
// "slack://xoxb:1-2-abc@C0123". The addresses are those that the shoutrrr
// library has made common, as far as each says where one message goes. This
// package builds the requests and judges what only the service itself knows;
// it opens no connection, so that whoever sends is free to bound, cancel and
// judge every request as all the others that leave the process.
package chat

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
)

// Message is what a service is told.
type Message struct {
	// Subject is one line; Text may be many.
	Subject, Text string
	// Alerts are what the text tells, the newest of each incident: for services
	// that keep incidents of their own.
	Alerts []health.Alert
	// Key is the same over all retries of a message.
	Key string
}

// Post is one HTTP request.
type Post struct {
	Method, URL string
	Header      http.Header
	Body        []byte
}

// Address is where messages go.
type Address struct {
	service string
	host    string
	limit   int
	parsed  *url.URL
	write   writer
	failure func(body []byte) (text string, final bool)
	wait    func(body []byte) time.Duration
}

// writer builds the requests for a message that is within the limits. Several
// requests only where repeating one of them does no harm.
type writer func(Message) ([]Post, error)

// service is one way of telling people.
type service struct {
	name string
	// form is how its address is written.
	form string
	// limit is how many bytes of text it takes.
	limit int
	// params are the names that its address may have after the "?"; nil means
	// that they belong to the receiver and may be any.
	params []string
	// open reads an address; its errors show nothing of it.
	open func(*url.URL) (writer, error)
	// failure finds the error in an answer of 200, if the service reports
	// errors so; "" if there is none. Nil means that it never does.
	failure func(body []byte) (text string, final bool)
	// wait finds in a failed answer how long to wait, if the service says so
	// there and not in the header Retry-After; zero if it does not.
	wait func(body []byte) time.Duration
}

// textLimit is how many bytes of text all services take that have no narrower
// limit of their own; more nobody reads in a chat.
const textLimit = 3500

// services returns all services, in the order in which they are named.
func services() []service {
	return []service{
		discord, generic("generic+http"), generic("generic+https"), googlechat, gotify, matrix,
		mattermost, ntfy, pagerduty, pushover, rocketchat, slack, teams, telegram, zulip,
	}
}

// Forms returns how the address of each service is written, by its name.
func Forms() map[string]string {
	forms := map[string]string{}
	for _, s := range services() {
		forms[s.name] = s.form
	}
	return forms
}

// Parse reads an address without asking anybody. Its errors say what is wrong
// and what would be right, and show nothing of the address but its scheme.
func Parse(raw string) (*Address, error) {
	name, _, found := strings.Cut(raw, "://")
	if !found {
		return nil, fmt.Errorf("is not an address; write it like %s", ntfy.form)
	}
	all := services()
	at := slices.IndexFunc(all, func(s service) bool { return s.name == strings.ToLower(name) })
	if at < 0 {
		return nil, unknown(name, all)
	}
	s := all[at]
	parsed, err := url.Parse(raw)
	if err != nil || parsed.Fragment != "" {
		return nil, fmt.Errorf("is not an address of %s; write it like %s", s.name, s.form)
	}
	if err := checkParams(s, parsed); err != nil {
		return nil, fmt.Errorf("%w; write it like %s", err, s.form)
	}
	write, err := s.open(parsed)
	if err != nil {
		return nil, fmt.Errorf("%w; write it like %s", err, s.form)
	}
	address := &Address{service: s.name, limit: s.limit, parsed: parsed, write: write, failure: s.failure, wait: s.wait}
	return address, address.settle()
}

// settle learns from a first message where messages go.
func (a *Address) settle() error {
	posts, err := a.Posts(Message{Subject: "-", Text: "-", Alerts: []health.Alert{{}}})
	if err != nil {
		return fmt.Errorf("is not an address of %s", a.service)
	}
	target, err := url.Parse(posts[0].URL)
	if err != nil || target.Hostname() == "" {
		return fmt.Errorf("is not an address of %s: it names no host", a.service)
	}
	a.host = target.Host
	return nil
}

func unknown(name string, all []service) error {
	known := make([]string, 0, len(all))
	for _, s := range all {
		known = append(known, s.name)
	}
	return fmt.Errorf("%q is none of the services known here: %s; for others there are the kinds webhook and smtp",
		health.Clip(name, 20), strings.Join(known, ", "))
}

func checkParams(s service, parsed *url.URL) error {
	values, err := url.ParseQuery(parsed.RawQuery)
	if err != nil {
		return fmt.Errorf("has something after the \"?\" that cannot be read")
	}
	if s.params == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case !slices.Contains(s.params, strings.ToLower(name)):
			// The name is not shown: a "&" within a key would make it one.
			return fmt.Errorf("has something after the \"?\" other than %s", strings.Join(s.params, ", "))
		case len(values[name]) > 1:
			return fmt.Errorf("has %s twice", strings.ToLower(name))
		}
	}
	return nil
}

// Name is the service's and the host that is called: safe to show.
func (a *Address) Name() string { return a.service + " " + a.host }

// Posts returns the requests that deliver a message, at least one. The text is
// cut at the end of a line if it is longer than the service takes.
func (a *Address) Posts(m Message) ([]Post, error) {
	m.Subject = cut(valid(m.Subject), subjectLimit)
	m.Text = cut(valid(m.Text), a.limit-len(m.Subject)-len("\n\n"))
	posts, err := a.write(m)
	if err != nil {
		return nil, fmt.Errorf("write for %s: %w", a.service, err)
	}
	return posts, nil
}

// Failure reads an answer of 200. Some services report errors so: the text
// says which, final whether trying again cannot help. No text means delivered.
func (a *Address) Failure(body []byte) (text string, final bool) {
	if a.failure == nil {
		return "", false
	}
	return a.failure(body)
}

// Wait reads from a failed answer how long the service wants to be left alone;
// zero if it does not say.
func (a *Address) Wait(body []byte) time.Duration {
	if a.wait == nil {
		return 0
	}
	return max(0, a.wait(body))
}

// Secrets lists what nobody should read in an error: all that the address and
// the requests made from it hold, except what everybody knows.
func (a *Address) Secrets() []string {
	u := a.parsed
	password, _ := u.User.Password()
	secrets := []string{
		u.String(), u.User.String(), u.User.Username(), password, u.Path, u.EscapedPath(), u.RawQuery,
	}
	if !strings.Contains(a.host, u.Host) {
		// Where the service's host is given, this place holds an id or a key.
		secrets = append(secrets, u.Host)
	}
	secrets = append(secrets, segments(u)...)
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	posts, _ := a.Posts(Message{Subject: "-", Text: "-", Alerts: []health.Alert{{}}})
	for _, post := range posts {
		secrets = append(secrets, post.secrets()...)
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return slices.Contains(commonplace, s) })
}

// commonplace are parts of addresses that give nothing away; masking them
// would make errors unreadable.
var commonplace = []string{
	"hook", "webhook", "telegram", "shoutrrr", "http", "https", "json", "true", "default", "high", "urgent", "messages", "spaces",
}

func (p Post) secrets() []string {
	var secrets []string
	if target, err := url.Parse(p.URL); err == nil {
		secrets = append(secrets, target.RequestURI(), target.Path, target.RawQuery)
	}
	for _, values := range p.Header {
		for _, value := range values {
			if _, credentials, found := strings.Cut(value, " "); found {
				secrets = append(secrets, credentials)
			}
		}
	}
	return secrets
}
