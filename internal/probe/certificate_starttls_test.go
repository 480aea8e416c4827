package probe

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
)

// script is a server's side of a conversation: what it says, and after < what
// it has to hear.
func script(t *testing.T, certificate tls.Certificate, lines ...string) string {
	t.Helper()
	return conversing(t, func(conn net.Conn) {
		heard := bufio.NewReader(conn)
		for _, line := range lines {
			if wanted, isHeard := strings.CutPrefix(line, "<"); isHeard {
				if got, _ := heard.ReadString('\n'); strings.TrimSpace(got) != wanted {
					return
				}
				continue
			}
			_, _ = io.WriteString(conn, line+"\r\n")
		}
		shake(conn, certificate)
	})
}

func TestCertificateAfterStartTLS(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	certificate := root.server("shop.test", 90*day)
	for name, test := range map[string]struct {
		protocol string
		lines    []string
		want     string // empty: healthy
	}{
		"smtp": {"smtp", []string{"220-mail.test", "220 ESMTP", "<EHLO paramedic.invalid", "250-mail.test", "250 STARTTLS", "<STARTTLS", "220 go"}, ""},
		"imap": {"imap", []string{"* OK ready", "<a1 STARTTLS", "* CAPABILITY IMAP4rev1", "a1 OK begin"}, ""},
		"pop3": {"pop3", []string{"+OK ready", "<STLS", "+OK begin"}, ""},
		"smtp without TLS": {
			"smtp", []string{"220 ESMTP", "<EHLO paramedic.invalid", "250 mail.test", "<STARTTLS", "502 not implemented"},
			`the server answers "502 not implemented"`,
		},
		"smtp that is busy":   {"smtp", []string{"421 too busy"}, `the server answers "421 too busy"`},
		"imap without TLS":    {"imap", []string{"* OK ready", "<a1 STARTTLS", "a1 BAD what"}, `the server answers "a1 BAD what"`},
		"pop3 without TLS":    {"pop3", []string{"+OK ready", "<STLS", "-ERR what"}, `the server answers "-ERR what"`},
		"more than was asked": {"pop3", []string{"+OK ready", "<STLS", "+OK begin\r\n+OK injected"}, "the server says more before TLS begins"},
		"an endless line":     {"imap", []string{strings.Repeat("x", 5000)}, "the server answers with a line that does not end"},
		"endless lines":       {"smtp", []string{strings.Repeat("220-x\r\n", 200)}, "the server answers with more than 100 lines"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := script(t, certificate, test.lines...)
			options := looking(address, root)
			options.StartTLS = test.protocol
			result := probe(t, open(t, options), 10*time.Second)
			if test.want == "" {
				requireHealthy(t, result)
				return
			}
			requireUnhealthy(t, result, test.want+" while asking "+address+" for TLS")
		})
	}
}

// A mail server as a library makes it.
func TestCertificateOfAMailServer(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return nil, nil }))
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{root.server("shop.test", 90*day)}, MinVersion: tls.VersionTLS12}
	server.Domain, server.ErrorLog = "shop.test", log.New(io.Discard, "", 0)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Close
	}()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	options := looking(listener.Addr().String(), root)
	options.StartTLS = "smtp"
	requireHealthy(t, probe(t, open(t, options), 10*time.Second))
}

func TestCertificateOfAPostgreSQL(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	server := realtest.OwnPostgreSQL(t)
	options := looking(server.Addr, root)
	options.StartTLS = "postgres"
	requireUnhealthy(t, probe(t, open(t, options), 10*time.Second),
		"the server does not offer TLS (it answers 'N') while asking "+server.Addr+" for TLS")

	conn, err := pgx.Connect(t.Context(), server.DSN)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var data string
	require.NoError(t, conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&data))
	certificate := root.server("shop.test", 90*day)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		"server.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		path := filepath.Join(data, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
		if server.Credential != nil {
			require.NoError(t, os.Chown(path, int(server.Credential.Uid), int(server.Credential.Gid)))
		}
	}
	for _, statement := range []string{"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"} {
		_, err = conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	prober := open(t, options)
	require.Eventually(t, func() bool {
		return probe(t, prober, 10*time.Second).Status == health.Healthy
	}, 20*time.Second, 20*time.Millisecond)
}
