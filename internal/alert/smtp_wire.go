package alert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// farewell bounds how long the end of a session may take: the mail is safe then.
const farewell = 2 * time.Second

// wire is the connection of one session. The library leaves it open when
// something fails on the way to a session, and heeds no context after that.
type wire struct {
	options *SMTPOptions
	roots   *x509.CertPool
	conn    net.Conn
	stop    func() bool
}

// connect opens a session up to the point where mail can be sent.
func (w *wire) connect(ctx context.Context) (*smtp.Client, error) {
	options := []mail.Option{
		// The context is to be the first to run out: it knows why.
		mail.WithTimeout(w.options.Timeout.Std() + time.Second),
		mail.WithTLSConfig(w.security()),
		// The context that the library passes ends with its own call, and the
		// address that it makes of an IPv6 one is none.
		mail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return w.dial(ctx) }),
	}
	switch w.options.TLS {
	case tlsImplicit:
		options = append(options, mail.WithSSL())
	case tlsNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if w.options.Hello != "" {
		options = append(options, mail.WithHELO(w.options.Hello))
	}
	dialer, err := mail.NewClient(w.options.Host, options...)
	if err != nil {
		return nil, err
	}
	client, err := dialer.DialToSMTPClientWithContext(ctx)
	if err != nil || w.options.User == "" {
		return client, err
	}
	return client, w.login(client)
}

func (w *wire) security() *tls.Config {
	return &tls.Config{ServerName: w.options.Host, RootCAs: w.roots, MinVersion: tls.VersionTLS12}
}

func (w *wire) dial(ctx context.Context) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", w.options.address())
	if err != nil {
		return nil, err
	}
	w.conn = conn
	w.stop = context.AfterFunc(ctx, func() { conn.Close() })
	if w.options.TLS != tlsImplicit {
		return conn, nil
	}
	secured := tls.Client(conn, w.security())
	return secured, secured.HandshakeContext(ctx)
}

// login gives the password away to a server whose certificate was verified.
func (w *wire) login(client *smtp.Client) error {
	if _, secured := client.TLSConnectionState(); !secured {
		return errors.New("the connection is not secured, so the password is not sent")
	}
	_, offered := client.Extension("AUTH")
	user, password, host := w.options.User, w.options.Password.Reveal(), w.options.Host
	for _, known := range []struct {
		name string
		auth smtp.Auth
	}{
		{"PLAIN", smtp.PlainAuth("", user, password, host, false)},
		{"LOGIN", smtp.LoginAuth(user, password, host, false)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(user, password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(user, password)},
	} {
		if slices.Contains(strings.Fields(offered), known.name) {
			return client.Auth(known.auth)
		}
	}
	return fmt.Errorf("the server offers no way to log in that is known here: PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5; it offers %q", offered)
}

// goodbye ends a session in which all is done; how that goes changes nothing.
func (w *wire) goodbye(ctx context.Context, client *smtp.Client) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	defer context.AfterFunc(ctx, w.hangUp)()
	_ = client.Quit()
}

func (w *wire) hangUp() {
	if w.conn == nil {
		return
	}
	w.stop()
	w.conn.Close()
}
