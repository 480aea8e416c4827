package alert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const (
	mailUser     = "paramedic"
	mailPassword = "s3cret-pass\"word"
)

// mailbox is what one session left behind.
type mailbox struct {
	user, from, hello string
	to                []string
	content           string
	secured           bool
}

// mailServer is a real SMTP server on loopback whose answers a test decides.
type mailServer struct {
	port int
	ca   string

	mu    sync.Mutex
	mails []mailbox
	// sessions counts the connections that got as far as EHLO.
	sessions int
	rcpt     func(to string) error
	data     func(conn net.Conn) error
	mail     func() error
	login    bool
}

func (s *mailServer) received() []mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}

// answer changes how the server answers from now on.
func (s *mailServer) answer(change func(*mailServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// authority makes a certificate authority and a certificate for loopback.
func authority(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// serveMail starts a server; security is that of the option tls.
func serveMail(t *testing.T, security string) *mailServer {
	t.Helper()
	certificate, ca := authority(t)
	served := &mailServer{ca: ca}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		served.mu.Lock()
		served.sessions++
		served.mu.Unlock()
		return &mailSession{server: served, conn: c}, nil
	}))
	server.Domain, server.ErrorLog = "mail.example", log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served.port = listener.Addr().(*net.TCPAddr).Port
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	switch security {
	case tlsImplicit:
		listener = tls.NewListener(listener, config)
	case tlsStart:
		server.TLSConfig = config
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	return served
}

type mailSession struct {
	server *mailServer
	conn   *smtp.Conn
	box    mailbox
}

func (s *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != mailUser || password != mailPassword {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no login for " + user + " with " + password}
		}
		s.box.user = user
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.box.from = from
	s.server.mu.Lock()
	answer, login := s.server.mail, s.server.login
	s.server.mu.Unlock()
	if login && s.box.user == "" {
		return smtp.ErrAuthRequired
	}
	if answer != nil {
		return answer()
	}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.mu.Lock()
	answer := s.server.rcpt
	s.server.mu.Unlock()
	if answer != nil {
		if err := answer(to); err != nil {
			return err
		}
	}
	s.box.to = append(s.box.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.server.mu.Lock()
	answer := s.server.data
	s.server.mu.Unlock()
	if answer != nil {
		if err := answer(s.conn.Conn()); err != nil {
			return err
		}
	}
	s.box.content, s.box.hello = string(content), s.conn.Hostname()
	_, s.box.secured = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.mails = append(s.server.mails, s.box)
	return nil
}

func (s *mailSession) Reset()        { s.box.to = nil }
func (s *mailSession) Logout() error { return nil }

// mailTo returns the options of a receiver that mails through a server.
func mailTo(server *mailServer, security string, to ...string) *SMTPOptions {
	options := smtps.Options().(*SMTPOptions)
	options.Host, options.Port, options.TLS = "127.0.0.1", server.port, security
	options.From, options.To = "Paramedic <alerts@example.org>", to
	options.Timeout = health.Duration(20 * time.Second)
	if security != tlsNone {
		options.CA, options.User, options.Password = server.ca, mailUser, option.NewSecret(mailPassword)
	}
	return options
}

func openMail(t *testing.T, options *SMTPOptions) Receiver {
	t.Helper()
	require.Empty(t, options.Validate())
	receiver, err := options.Open(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.Close()) })
	return receiver
}

func portOf(t *testing.T, address net.Addr) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address.String())
	require.NoError(t, err)
	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	return number
}
