package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// day is a length of validity.
const day = 24 * time.Hour

// issuer signs certificates.
type issuer struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// above are the certificates between it and the root.
	above [][]byte
}

// newIssuer makes a root that is valid for a time yet.
func newIssuer(t *testing.T, name string, left time.Duration) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := blank(name, left)
	template.NotBefore = time.Now().Add(-365 * day)
	template.IsCA, template.KeyUsage, template.BasicConstraintsValid = true, x509.KeyUsageCertSign, true
	return &issuer{t: t, certificate: sign(t, template, template, &key.PublicKey, key), key: key}
}

// below makes an issuer between i and servers.
func (i *issuer) below(name string, left time.Duration) *issuer {
	i.t.Helper()
	lower := newIssuer(i.t, name, left)
	lower.certificate = sign(i.t, lower.certificate, i.certificate, &lower.key.PublicKey, i.key)
	lower.above = append([][]byte{lower.certificate.Raw}, i.above...)
	return lower
}

// file writes the issuer's certificate as PEM.
func (i *issuer) file() string {
	i.t.Helper()
	path := filepath.Join(i.t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw})
	require.NoError(i.t, os.WriteFile(path, text, 0o600))
	return path
}

// server makes a certificate for a name and 127.0.0.1.
func (i *issuer) server(name string, left time.Duration) tls.Certificate {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(i.t, err)
	template := blank(name, left)
	template.DNSNames, template.IPAddresses = []string{name}, []net.IP{net.IPv4(127, 0, 0, 1)}
	made := sign(i.t, template, i.certificate, &key.PublicKey, i.key)
	return tls.Certificate{Certificate: append([][]byte{made.Raw}, i.above...), PrivateKey: key}
}

func blank(name string, left time.Duration) *x509.Certificate {
	end := time.Now().Add(left)
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: end.Add(-365 * day), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func sign(t *testing.T, template, above *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	made, err := x509.CreateCertificate(rand.Reader, template, above, public, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(made)
	require.NoError(t, err)
	return parsed
}

// conversing listens and has each connection handled, which is closed then.
func conversing(t *testing.T, handle func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var handling sync.WaitGroup
	handling.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			handling.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				handle(conn)
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); handling.Wait() })
	return listener.Addr().String()
}

// shows starts a server that shows a certificate.
func shows(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	return conversing(t, func(conn net.Conn) { shake(conn, certificate) })
}

// shake makes the server's side of a handshake.
func shake(conn net.Conn, certificate tls.Certificate) {
	_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}).Handshake()
}
