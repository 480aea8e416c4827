package probe

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	smtpUser     = "watcher"
	smtpPassword = "s3cret-pass\"word"
)

// smtpServer is a real SMTP server that notes what it is asked to do.
type smtpServer struct {
	address              string
	mechanisms           []string
	mails, logins, ended atomic.Int64

	mu    sync.Mutex
	hello string
}

// serveSMTP starts a server; security is that of the option tls.
func serveSMTP(t *testing.T, security string, cert tls.Certificate) *smtpServer {
	t.Helper()
	served := &smtpServer{mechanisms: []string{sasl.Plain}}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		served.mu.Lock()
		defer served.mu.Unlock()
		served.hello = c.Hostname()
		return &smtpSession{served}, nil
	}))
	server.Domain, server.ErrorLog = "mail.example", log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served.address = listener.Addr().String()
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	switch security {
	case smtpImplicit:
		listener = tls.NewListener(listener, config)
	case smtpStartTLS:
		server.TLSConfig = config
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	return served
}

type smtpSession struct{ of *smtpServer }

func (s *smtpSession) AuthMechanisms() []string { return s.of.mechanisms }

func (s *smtpSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != smtpUser || password != smtpPassword {
			heard := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no login for " + user + " with " + password + ", " + heard}
		}
		s.of.logins.Add(1)
		return nil
	}), nil
}

func (s *smtpSession) Mail(string, *smtp.MailOptions) error { s.of.mails.Add(1); return nil }
func (s *smtpSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *smtpSession) Data(r io.Reader) error               { _, err := io.Copy(io.Discard, r); return err }
func (s *smtpSession) Reset()                               {}
func (s *smtpSession) Logout() error                        { s.of.ended.Add(1); return nil }

func TestSMTP(t *testing.T) {
	cert := certificate(t, time.Now().Add(100*24*time.Hour))
	file := certificateFile(t, cert)
	for name, test := range map[string]struct {
		security string
		options  SMTP
		status   health.Status
		want     string
		login    bool
	}{
		"plain":    {smtpPlain, SMTP{TLS: smtpPlain, Hello: "monitor.example"}, health.Healthy, "answered EHLO", false},
		"starttls": {smtpStartTLS, SMTP{TLS: smtpStartTLS, CA: file, Hello: "monitor.example"}, health.Healthy, "answered EHLO by TLS", false},
		"implicit": {smtpImplicit, SMTP{TLS: smtpImplicit, CA: file, ServerName: "test.example", Hello: "monitor.example"}, health.Healthy, "answered EHLO by TLS", false},
		"login":    {smtpStartTLS, SMTP{TLS: smtpStartTLS, CA: file, Username: smtpUser, Password: option.NewSecret(smtpPassword), Hello: "monitor.example"}, health.Healthy, "answered EHLO by TLS, login passed", true},
		"days":     {smtpImplicit, SMTP{TLS: smtpImplicit, CA: file, Hello: "monitor.example", ExpectDegraded: []string{"days_left > 200"}}, health.Degraded, "days_left > 200: days_left is 99.", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveSMTP(t, test.security, cert)
			test.options.Address = server.address
			requireNoLeak(t, func() {
				prober, err := test.options.Open()
				require.NoError(t, err)
				for range 2 {
					result := probe(t, prober, 5*time.Second)
					require.Equal(t, test.status, result.Status, result.Message)
					require.True(t, strings.HasPrefix(result.Message, test.want), result.Message)
					if test.options.TLS == smtpPlain {
						require.NotContains(t, result.Observations, daysLeftName)
					} else {
						require.InDelta(t, 100, result.Observations[daysLeftName], 0.01)
					}
				}
				require.NoError(t, prober.Close())
			})
			require.Eventually(t, func() bool { return server.ended.Load() >= 2 }, 20*time.Second, time.Millisecond, "a session is left open")
			server.mu.Lock()
			require.Equal(t, "monitor.example", server.hello)
			server.mu.Unlock()
			require.Zero(t, server.mails.Load())
			require.Equal(t, test.login, server.logins.Load() == 2)
		})
	}
}

func TestSMTPSaysWhatTheServerRefuses(t *testing.T) {
	cert := certificate(t, time.Now().Add(time.Hour))
	file := certificateFile(t, cert)
	for name, test := range map[string]struct {
		security string
		options  SMTP
		prepare  func(s *smtpServer)
		want     string
	}{
		"no starttls":  {smtpPlain, SMTP{TLS: smtpStartTLS, Username: smtpUser, Password: option.NewSecret(smtpPassword)}, nil, "the server does not offer STARTTLS while starting TLS with @"},
		"stranger":     {smtpStartTLS, SMTP{TLS: smtpStartTLS}, nil, "TLS: certificate signed by an unknown authority while starting TLS with @"},
		"implicit":     {smtpImplicit, SMTP{TLS: smtpImplicit}, nil, "TLS: certificate signed by an unknown authority while connecting to @"},
		"no tls":       {smtpPlain, SMTP{TLS: smtpImplicit}, nil, "TLS: the server does not speak TLS while connecting to @"},
		"other name":   {smtpStartTLS, SMTP{TLS: smtpStartTLS, CA: file, ServerName: "other.example"}, nil, "TLS: x509: certificate is valid for test.example, not other.example while starting TLS with @"},
		"login":        {smtpStartTLS, SMTP{TLS: smtpStartTLS, CA: file, Username: smtpUser, Password: option.NewSecret("wrong-pass\"word")}, nil, "answered 535 5.7.8 no login for watcher with ***, *** while logging in to @"},
		"no way to it": {smtpStartTLS, SMTP{TLS: smtpStartTLS, CA: file, Username: smtpUser, Password: option.NewSecret(smtpPassword)}, func(s *smtpServer) { s.mechanisms = []string{"GSSAPI"} }, `the server offers no way to log in that is known here: PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5; it offers "GSSAPI" while logging in to @`},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveSMTP(t, test.security, cert)
			if test.prepare != nil {
				test.prepare(server)
			}
			test.options.Address = server.address
			requireUnhealthy(t, probe(t, open(t, &test.options), 5*time.Second), strings.ReplaceAll(test.want, "@", server.address))
			require.Zero(t, server.logins.Load())
		})
	}
}

// recite greets with a text, and answers each line with another one.
func recite(t *testing.T, greeting string, answers ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.WriteString(conn, greeting)
				for _, answer := range answers {
					if _, err := conn.Read(make([]byte, 1024)); err != nil {
						return
					}
					_, _ = io.WriteString(conn, answer)
				}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestSMTPOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		greeting string
		answers  []string
		want     string
	}{
		"closed":  {"554 5.3.2 no service here\r\n", nil, "answered 554 5.3.2 no service here while waiting for the greeting of @"},
		"pop":     {"+OK ready\r\n", nil, `invalid response code: "+OK ready" while waiting for the greeting of @`},
		"helo":    {"220 old\r\n", []string{"502 unknown\r\n", "250 old\r\n"}, ""},
		"nothing": {"220 old\r\n", []string{"502 unknown\r\n", "501 bad name\r\n"}, "answered 502 unknown while sending EHLO to @"},
		"endless": {strings.Repeat("220-and so on\r\n", 2*bodyLimit/15), nil, fmt.Sprintf("the server sends more than %d bytes while waiting for the greeting of @", bodyLimit)},
	} {
		t.Run(name, func(t *testing.T) {
			address := recite(t, test.greeting, test.answers...)
			result := probe(t, open(t, &SMTP{Address: address, TLS: smtpPlain}), 5*time.Second)
			if test.want == "" {
				requireHealthy(t, result)
				return
			}
			requireUnhealthy(t, result, strings.ReplaceAll(test.want, "@", address))
		})
	}
}

// A server that never answers QUIT has been healthy all the same.
func TestSMTPSurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options { return &SMTP{Address: address, TLS: smtpPlain} },
		"timeout after 200ms while waiting for the greeting of @silent", "connection refused while connecting to @deaf")
	requireSurvivesSilence(t, func(address string) Options { return &SMTP{Address: address, TLS: smtpImplicit} },
		"timeout after 200ms while connecting to @silent", "connection refused while connecting to @deaf")
	address := recite(t, "220 mail\r\n", "250 mail\r\n")
	start := time.Now()
	requireHealthy(t, probe(t, open(t, &SMTP{Address: address, TLS: smtpPlain}), 20*time.Second))
	require.Less(t, time.Since(start), 10*time.Second)
}

func TestSMTPOptions(t *testing.T) {
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"mail.example" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "ca", Text: "needs tls: starttls or implicit"},
		{Path: "server_name", Text: "needs tls: starttls or implicit"},
		{Path: "ca", Text: "open /no/such/file: no such file or directory"},
		{Path: "tls", Text: "none would send the password in clear text; write starttls or implicit, or leave username and password out"},
		{Path: "helo", Text: `"my host" is not the name of a machine; write it like monitor.example.org`},
		{Path: "expect[0]", Text: "unknown name days_left (line 1, column 1); known are latency"},
	}, (&SMTP{
		Address: "mail.example", TLS: smtpPlain, CA: "/no/such/file", ServerName: "x", Username: "a", Password: option.NewSecret("b"),
		Hello: "my host", Expect: []string{"days_left > 1"},
	}).Validate())
	require.Equal(t, option.Problems{
		{Path: "tls", Text: `"ssl" is unknown; it is one of none, starttls, implicit`},
		{Path: "username", Text: "is missing although there is a password"},
	}, (&SMTP{Address: "mail.example:25", TLS: "ssl", Password: option.NewSecret("b")}).Validate())
	require.Equal(t, option.Problems{{Path: "password", Text: "is missing although there is a username"}},
		(&SMTP{Address: "mail.example:25", TLS: smtpStartTLS, Username: "a"}).Validate())
}
