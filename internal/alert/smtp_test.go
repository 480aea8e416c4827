package alert

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// parsed is a mail as a mail program sees it.
type parsed struct {
	netmail.Header
	subject, plain, html string
}

func parseMail(t *testing.T, content string) parsed {
	t.Helper()
	message, err := netmail.ReadMessage(strings.NewReader(content))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	reader := multipart.NewReader(message.Body, params["boundary"])
	var types, bodies []string
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		body, err := io.ReadAll(part) // the reader decodes quoted-printable
		require.NoError(t, err)
		types = append(types, part.Header.Get("Content-Type"))
		bodies = append(bodies, strings.ReplaceAll(string(body), "\r\n", "\n"))
	}
	require.Equal(t, []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"}, types)
	return parsed{message.Header, subject, bodies[0], bodies[1]}
}

func TestSMTPDelivers(t *testing.T) {
	spanish, err := NewTexts("es", "")
	require.NoError(t, err)
	for _, security := range []string{tlsStart, tlsImplicit, tlsNone} {
		t.Run(security, func(t *testing.T) {
			server := serveMail(t, security)
			server.login = security != tlsNone
			options := mailTo(server, security, "ana@example.org", "Ops Teäm <ops@example.org>")
			options.Hello = "monitor.example.org"
			require.Empty(t, options.Validate())
			receiver, err := options.Open(spanish)
			require.NoError(t, err)
			alerts := one(sample(health.AlertInitial, "almacén"))
			want, err := spanish.Write(alerts)
			require.NoError(t, err)
			require.NoError(t, receiver.Send(t.Context(), alerts))

			require.Len(t, server.received(), 1)
			box := server.received()[0]
			require.Equal(t, "alerts@example.org", box.from)
			require.Equal(t, []string{"ana@example.org", "ops@example.org"}, box.to)
			require.Equal(t, "monitor.example.org", box.hello)
			require.Equal(t, security != tlsNone, box.secured)
			require.Equal(t, security != tlsNone, box.user == mailUser)
			got := parseMail(t, box.content)
			require.Equal(t, "[CRÍTICO] almacén está caído", got.subject)
			require.Equal(t, want.Plain, got.plain)
			require.Equal(t, want.HTML, got.html)
			require.Equal(t, `"Paramedic" <alerts@example.org>`, got.Get("From"))
			to, err := got.AddressList("To")
			require.NoError(t, err)
			require.Equal(t, []*netmail.Address{{Address: "ana@example.org"}, {Name: "Ops Teäm", Address: "ops@example.org"}}, to)
			require.Equal(t, "auto-generated", got.Get("Auto-Submitted"))
			_, err = got.Date()
			require.NoError(t, err)
		})
	}
}

// A mail has the same name over all retries and no other mail has it; the
// mails of one incident refer to one name.
func TestSMTPThreads(t *testing.T) {
	server := serveMail(t, tlsStart)
	send := func(alerts []health.Alert, to ...string) parsed {
		t.Helper()
		require.NoError(t, openMail(t, mailTo(server, tlsStart, to...)).Send(t.Context(), alerts))
		mails := server.received()
		return parseMail(t, mails[len(mails)-1].content)
	}
	first := send(one(sample(health.AlertInitial, "db")), "a@example.org")
	again := send(one(sample(health.AlertInitial, "db")), "a@example.org")
	over := send(one(sample(health.AlertResolution, "db")), "a@example.org")
	other := send(one(sample(health.AlertInitial, "db")), "b@example.org")
	both := send([]health.Alert{sample(health.AlertInitial, "db"), sample(health.AlertResolution, "db")}, "a@example.org")
	many := send([]health.Alert{sample(health.AlertInitial, "db"), sample(health.AlertInitial, "cache")}, "a@example.org")

	require.Regexp(t, `^<[0-9a-f]{32}\.alert@example\.org>$`, first.Get("Message-Id"))
	require.Equal(t, first.Get("Message-Id"), again.Get("Message-Id"))
	for _, different := range []parsed{over, other, both, many} {
		require.NotEqual(t, first.Get("Message-Id"), different.Get("Message-Id"))
	}
	require.Regexp(t, `^<[0-9a-f]{32}\.incident@example\.org>$`, first.Get("References"))
	for _, same := range []parsed{again, over, both} {
		require.Equal(t, first.Get("References"), same.Get("References"))
		require.Equal(t, first.Get("References"), same.Get("In-Reply-To"))
	}
	require.Empty(t, many.Get("References"))
	require.Empty(t, many.Get("In-Reply-To"))
}

// What a service says becomes no header.
func TestSMTPHeaderInjection(t *testing.T) {
	server := serveMail(t, tlsNone)
	evil := sample(health.AlertUpdate, "db")
	evil.Service, evil.Incident, evil.DedupKey = "db\r\nBcc: all@example.org\r\n\r\nhello", "x\r\nX-Evil: 1", "k\r\nX-Evil: 2"
	evil.News = "y\nX-Evil: 3"
	require.NoError(t, openMail(t, mailTo(server, tlsNone, "a@example.org")).Send(t.Context(), one(evil)))
	got := parseMail(t, server.received()[0].content)
	require.Equal(t, "[CRITICAL] db Bcc: all@example.org hello is still down: y X-Evil: 3", got.subject)
	require.Empty(t, got.Get("Bcc"))
	require.Empty(t, got.Get("X-Evil"))
	require.Equal(t, []string{"a@example.org"}, server.received()[0].to)
}

func reply(code int, text string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
}

func TestSMTPReplies(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*mailServer)
		want    string
		refused bool
	}{
		"greylisting": {func(s *mailServer) { s.rcpt = func(string) error { return reply(451, "come back later") } },
			"did not reach a@example.org: 451 come back later", false},
		"unknown recipient": {func(s *mailServer) { s.rcpt = func(string) error { return reply(550, "no such user") } },
			"did not reach a@example.org: 550 no such user", true},
		"sender refused": {func(s *mailServer) { s.mail = func() error { return reply(553, "not you") } }, "answered 553 not you", true},
		"sender later":   {func(s *mailServer) { s.mail = func() error { return reply(452, "disk full") } }, "answered 452 disk full", false},
		"content refused": {func(s *mailServer) {
			s.data = func(net.Conn) error { return reply(554, "spam\r\n\x1b[31m says\x00 we") }
		},
			"answered 554 spam [31m says we", true},
		"content later": {func(s *mailServer) { s.data = func(net.Conn) error { return reply(451, "local error") } }, "answered 451 local error", false},
		"closing":       {func(s *mailServer) { s.rcpt = func(string) error { return reply(421, "shutting down") } }, "answered 421 shutting down", false},
		"wants a login": {func(s *mailServer) { s.login = true }, "answered 502 5.7.0 Please authenticate first", true},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveMail(t, tlsNone)
			server.answer(test.change)
			err := openMail(t, mailTo(server, tlsNone, "a@example.org")).Send(t.Context(), one(down))
			require.ErrorContains(t, err, "smtp 127.0.0.1:")
			require.ErrorContains(t, err, ": "+test.want)
			require.Equal(t, test.refused, IsRefused(err))
			require.Empty(t, server.received())
		})
	}
}

// One recipient that is refused costs the others nothing, and a retry goes to
// those only that have not got the mail.
func TestSMTPSeveralRecipients(t *testing.T) {
	server := serveMail(t, tlsStart)
	server.answer(func(s *mailServer) {
		s.rcpt = func(to string) error {
			return map[string]error{"gone@example.org": reply(550, "no such user"), "grey@example.org": reply(451, "later")}[to]
		}
	})
	receiver := openMail(t, mailTo(server, tlsStart, "gone@example.org", "ana@example.org", "grey@example.org", "bo@example.org"))
	send := func() error { return receiver.Send(t.Context(), one(down)) }
	err := send()
	require.ErrorContains(t, err, "did not reach gone@example.org: 550 no such user; grey@example.org: 451 later (2 of 4 have got it)")
	require.False(t, IsRefused(err))
	require.Equal(t, []string{"ana@example.org", "bo@example.org"}, server.received()[0].to)

	require.False(t, IsRefused(send()))
	require.Len(t, server.received(), 1)

	server.answer(func(s *mailServer) {
		s.rcpt = func(to string) error {
			return map[string]error{"gone@example.org": reply(550, "no such user")}[to]
		}
	})
	err = send()
	require.True(t, IsRefused(err))
	require.ErrorContains(t, err, "did not reach gone@example.org: 550 no such user (3 of 4 have got it)")
	require.Equal(t, []string{"grey@example.org"}, server.received()[1].to)
	require.Equal(t, parseMail(t, server.received()[0].content).Get("Message-Id"), parseMail(t, server.received()[1].content).Get("Message-Id"))

	server.answer(func(s *mailServer) { s.rcpt = nil })
	require.NoError(t, send())
	require.Equal(t, []string{"gone@example.org"}, server.received()[2].to)
	require.NoError(t, send())
	require.NoError(t, receiver.Send(t.Context(), one(recovered)))
	require.Len(t, server.received(), 4)
	require.Len(t, server.received()[3].to, 4)
}

func TestSMTPRemembersWithinBounds(t *testing.T) {
	options := mailTo(&mailServer{port: 1}, tlsNone, "a@example.org")
	receiver := openMail(t, options).(*smtpReceiver)
	for i := range rememberedLetters + 5 {
		receiver.remember(strings.Repeat("x", i), []string{"a@example.org"})
	}
	require.Len(t, receiver.reached, rememberedLetters)
	require.Len(t, receiver.order, rememberedLetters)
	require.Len(t, receiver.unreached("xx"), 1)
	require.Empty(t, receiver.unreached(strings.Repeat("x", 5)))
}

func TestSMTPFaults(t *testing.T) {
	passing := func(t *testing.T, err error, want string) {
		t.Helper()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "smtp 127.0.0.1:")
		require.False(t, IsRefused(err))
		require.NotContains(t, err.Error(), "s3cret")
	}
	t.Run("nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		port := portOf(t, listener.Addr())
		require.NoError(t, listener.Close())
		passing(t, openMail(t, mailTo(&mailServer{port: port}, tlsNone, "a@example.org")).Send(t.Context(), one(down)), "connection refused")
	})
	t.Run("cut at the end of the mail", func(t *testing.T) {
		server := serveMail(t, tlsStart)
		server.answer(func(s *mailServer) { s.data = func(conn net.Conn) error { return conn.Close() } })
		receiver := openMail(t, mailTo(server, tlsStart, "a@example.org"))
		passing(t, receiver.Send(t.Context(), one(down)), ": EOF")
		server.answer(func(s *mailServer) { s.data = nil })
		require.NoError(t, receiver.Send(t.Context(), one(down)))
	})
	t.Run("stalled at the end of the mail", func(t *testing.T) {
		release := make(chan struct{})
		server := serveMail(t, tlsStart)
		t.Cleanup(func() { close(release) })
		server.answer(func(s *mailServer) { s.data = func(net.Conn) error { <-release; return nil } })
		options := mailTo(server, tlsStart, "a@example.org")
		options.Timeout = health.Duration(300 * time.Millisecond)
		passing(t, openMail(t, options).Send(t.Context(), one(down)), ": no answer within 300ms")
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		server := serveMail(t, tlsStart)
		t.Cleanup(func() { close(release) })
		server.answer(func(s *mailServer) { s.rcpt = func(string) error { cancel(); <-release; return nil } })
		began := time.Now()
		require.ErrorIs(t, openMail(t, mailTo(server, tlsStart, "a@example.org")).Send(ctx, one(down)), context.Canceled)
		require.Less(t, time.Since(began), 10*time.Second, "waited for its own timeout")
	})
	t.Run("silent from the start", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, listener.Close()) })
		for _, security := range []string{tlsStart, tlsImplicit} {
			options := mailTo(&mailServer{port: portOf(t, listener.Addr())}, security, "a@example.org")
			options.Timeout = health.Duration(100 * time.Millisecond)
			passing(t, openMail(t, options).Send(t.Context(), one(down)), ": no answer within 100ms")
		}
	})
}

func TestSMTPSecurity(t *testing.T) {
	for _, security := range []string{tlsStart, tlsImplicit} {
		t.Run(security+" from a stranger", func(t *testing.T) {
			server := serveMail(t, security)
			_, other := authority(t)
			options := mailTo(server, security, "a@example.org")
			options.CA = other
			err := openMail(t, options).Send(t.Context(), one(down))
			require.ErrorContains(t, err, "certificate signed by unknown authority")
			require.Empty(t, server.received())
		})
	}
	t.Run("a server without STARTTLS gets neither password nor mail", func(t *testing.T) {
		server := serveMail(t, tlsNone)
		err := openMail(t, mailTo(server, tlsStart, "a@example.org")).Send(t.Context(), one(down))
		require.ErrorContains(t, err, "does not support STARTTLS")
		require.False(t, IsRefused(err))
		require.Empty(t, server.received())
	})
	t.Run("no password in clear text, whatever the options", func(t *testing.T) {
		server := serveMail(t, tlsNone)
		options := mailTo(server, tlsNone, "a@example.org")
		options.User, options.Password = mailUser, option.NewSecret(mailPassword)
		receiver, err := options.Open(nil)
		require.NoError(t, err)
		require.ErrorContains(t, receiver.Send(t.Context(), one(down)), "the connection is not secured, so the password is not sent")
		require.Empty(t, server.received())
	})
	t.Run("a wrong password is not shown", func(t *testing.T) {
		server := serveMail(t, tlsStart)
		options := mailTo(server, tlsStart, "a@example.org")
		options.Password = option.NewSecret("wrong-pass\"word")
		err := openMail(t, options).Send(t.Context(), one(down))
		require.True(t, IsRefused(err))
		require.ErrorContains(t, err, "answered 535 5.7.8 no login for paramedic with ***")
		require.NotContains(t, err.Error(), "wrong-pass")
	})
}

func TestSMTPValidate(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "ca.pem")
	const form = "write it like ops@example.org or \"Ops <ops@example.org>\""
	for name, test := range map[string]struct {
		change func(*SMTPOptions)
		want   option.Problem
	}{
		"no host":      {func(o *SMTPOptions) { o.Host = "" }, option.Problem{Path: "host", Text: `"" is not the name of a server; write it like mail.example.org`}},
		"address":      {func(o *SMTPOptions) { o.Host = "smtp://mail" }, option.Problem{Path: "host", Text: `"smtp://mail" is not the name of a server; write it like mail.example.org`}},
		"port in host": {func(o *SMTPOptions) { o.Host = "mail:25" }, option.Problem{Path: "host", Text: `"mail:25" has a port or a scheme; write the name alone, and port as an option of its own`}},
		"port":         {func(o *SMTPOptions) { o.Port = 70000 }, option.Problem{Path: "port", Text: "70000 is not a port; it is between 1 and 65535, or left out"}},
		"from":         {func(o *SMTPOptions) { o.From = "alerts" }, option.Problem{Path: "from", Text: `"alerts" is not a mail address; ` + form}},
		"nobody":       {func(o *SMTPOptions) { o.To = nil }, option.Problem{Path: "to", Text: "names nobody; " + form}},
		"to":           {func(o *SMTPOptions) { o.To = []string{"a@b.c", "x y"} }, option.Problem{Path: "to[1]", Text: `"x y" is not a mail address; ` + form}},
		"two in one":   {func(o *SMTPOptions) { o.To = []string{"a@b.c, b@b.c"} }, option.Problem{Path: "to[0]", Text: `"a@b.c, b@b.c" is not a mail address; ` + form}},
		"line break":   {func(o *SMTPOptions) { o.To = []string{"a@b.c\r\n <d@e.f>"} }, option.Problem{Path: "to[0]", Text: `"a@b.c\r\n <d@e.f>" is not a mail address; ` + form}},
		"twice":        {func(o *SMTPOptions) { o.To = []string{"a@b.c", "A <A@b.c>"} }, option.Problem{Path: "to[1]", Text: "A@b.c is there already"}},
		"tls":          {func(o *SMTPOptions) { o.TLS = "ssl" }, option.Problem{Path: "tls", Text: `"ssl" is unknown; it is one of starttls, implicit, none`}},
		"clear text":   {func(o *SMTPOptions) { o.TLS = tlsNone }, option.Problem{Path: "tls", Text: "none would send the password in clear text; write starttls or implicit, or leave user and password out"}},
		"idle ca":      {func(o *SMTPOptions) { o.TLS, o.User, o.Password, o.CA = tlsNone, "", option.Secret{}, "x" }, option.Problem{Path: "ca", Text: "has no use with tls: none"}},
		"ca":           {func(o *SMTPOptions) { o.CA = missing }, option.Problem{Path: "ca", Text: "open " + missing + ": no such file or directory"}},
		"no user":      {func(o *SMTPOptions) { o.User = "" }, option.Problem{Path: "user", Text: "is missing although there is a password"}},
		"no password":  {func(o *SMTPOptions) { o.Password = option.Secret{} }, option.Problem{Path: "password", Text: "is missing although there is a user"}},
		"odd password": {func(o *SMTPOptions) { o.Password = option.NewSecret("a\nb") }, option.Problem{Path: "password", Text: "holds a line break or another control character"}},
		"helo":         {func(o *SMTPOptions) { o.Hello = "my host" }, option.Problem{Path: "helo", Text: `"my host" is not the name of a machine; write it like monitor.example.org`}},
		"timeout":      {func(o *SMTPOptions) { o.Timeout = 0 }, option.Problem{Path: "timeout", Text: "0s is not positive; write it like 30s"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := smtps.Options().(*SMTPOptions)
			options.Host, options.From, options.To = "mail.example.org", "alerts@example.org", []string{"a@example.org"}
			options.User, options.Password = "me", option.NewSecret("password")
			require.Empty(t, options.Validate())
			test.change(options)
			require.Equal(t, option.Problems{test.want}, options.Validate())
		})
	}
}

func TestSMTPPorts(t *testing.T) {
	for security, want := range map[string]string{tlsStart: "[::1]:587", tlsImplicit: "[::1]:465", tlsNone: "[::1]:25"} {
		require.Equal(t, want, (&SMTPOptions{Host: "::1", TLS: security}).address())
	}
}
