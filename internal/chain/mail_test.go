package chain

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// crowd is a fleet large enough that nobody wants a mail for each service.
const crowd = 40

// Forty services that go down together are one mail with forty lines, and so
// is their return.
func TestManyOutagesAreOneMail(t *testing.T) {
	t.Parallel()
	mails := newMailServer(t)
	server := newProcess(t)
	var services []service
	for n := range crowd {
		services = append(services, service{
			name: fmt.Sprintf("shop-%02d", n), probe: tcp(server),
			more: []string{"interval: 5s", "retry_interval: 5s", "failure_threshold: 1", "success_threshold: 1", "alerts: [people]"},
		})
	}
	d := settings{receivers: fmt.Sprintf(
		"  people: {group_wait: 15s, smtp: {host: 127.0.0.1, port: %s, tls: none, from: paramedic@example.org, to: [ana@example.org, ben@example.org]}}",
		port(mails.address))}.deploy(t, services...)

	hurt := time.Now()
	server.Kill()
	d.await("there is mail", func() bool { return len(mails.received()) > 0 })
	var open []incident
	require.NoError(t, json.Unmarshal([]byte(d.do("incidents", "--open", "--json", "--limit", "100")), &open))
	require.Len(t, open, crowd)
	for _, i := range open {
		require.WithinDuration(t, hurt, i.OpenedAt, 30*time.Second, i.WorkflowID)
	}
	server.Start()
	d.await("there is mail of the end", func() bool { return len(mails.received()) > 1 })
	d.await("nothing waits to be sent", func() bool { return d.starter("deadletters").stdout == "no dead letters\n" })
	d.await("all is well", func() bool { return d.starter("status").code == 0 })
	got := mails.received()
	require.Len(t, got, 2)
	require.Contains(t, got[0].subject, "40")
	require.Contains(t, got[1].subject, "40")
	for _, s := range services {
		for _, one := range got {
			require.Equal(t, []string{"ana@example.org", "ben@example.org"}, one.to)
			require.Equal(t, 1, strings.Count(one.text, "- P1 "+s.name+" "), "lines about %s in\n%s", s.name, one.text)
		}
	}
}

// delivered is one mail that the server has taken.
type delivered struct {
	to      []string
	subject string
	// text is the part for plain readers.
	text string
}

// mailServer is a real SMTP server that takes everything.
type mailServer struct {
	address string
	mu      sync.Mutex
	mails   []delivered
}

func newMailServer(t *testing.T) *mailServer {
	t.Helper()
	s := &mailServer{}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: s}, nil }))
	server.Domain = "mail.example.org"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return s
}

func (s *mailServer) received() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

type mailSession struct {
	server *mailServer
	mail   delivered
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	if s.mail.subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		return err
	}
	if s.mail.text, err = plain(message); err != nil {
		return err
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.mail)
	return nil
}

// plain is the first part of a mail of several, which is for plain readers.
func plain(message *mail.Message) (string, error) {
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	part, err := multipart.NewReader(message.Body, parameters["boundary"]).NextPart()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(part) // quoted-printable is undone by the reader
	return string(text), err
}

func (s *mailSession) Reset()        { s.mail = delivered{} }
func (s *mailSession) Logout() error { return nil }
