package store

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// certificate writes a certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
		return path
	}
	return write("certificate", "CERTIFICATE", signed), write("key", "PRIVATE KEY", encoded)
}

func TestCacheByTLS(t *testing.T) {
	command := realtest.RedisCommand(t)
	_, port, err := net.SplitHostPort(command.Addr)
	require.NoError(t, err)
	signed, key := certificate(t)
	command.Args = append(command.Args, "--port", "0", "--tls-port", port,
		"--tls-cert-file", signed, "--tls-key-file", key, "--tls-auth-clients", "no")
	server := realtest.Run(t, command)
	trusting := openCache(t, "rediss://"+server.Addr+"?skip_verify=true", "prod")
	trusting.run(t)
	within(t, filled(trusting))
	verifying := openCache(t, "rediss://"+server.Addr, "prod")
	_, err = verifying.All(t.Context())
	require.NoError(t, err)
	require.Contains(t, verifying.Stats().LastError, "certificate")
	require.Equal(t, 1, verifying.Stats().Fallbacks)
}
