package web

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// certificate makes the PEM texts of a certificate for localhost and of its key.
func certificate(t *testing.T, serial int64) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// put writes a file with a time of its own, for clocks of file systems are coarse.
func put(t *testing.T, path string, content []byte, at time.Time) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
	require.NoError(t, os.Chtimes(path, at, at))
}

func TestEncrypt(t *testing.T) {
	dir := t.TempDir()
	certificateFile, keyFile := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	_, err := Encrypt(nil, certificateFile, keyFile, slog.Default())
	require.ErrorContains(t, err, "certificate "+certificateFile+" with key "+keyFile+" (http.tls): ")
	crt, key := certificate(t, 1)
	put(t, certificateFile, crt, time.Now())
	put(t, keyFile, key, time.Now())

	listener, err := Encrypt(listen(t), certificateFile, keyFile, slog.Default())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })
	go func() { done <- Serve(ctx, listener, handler, func() { close(ready) }) }()
	<-ready
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(crt))
	port := listener.Addr().(*net.TCPAddr).Port
	url := (&net.TCPAddr{Port: port}).String() // ":port"
	for version, proto := range map[uint16]string{tls.VersionTLS12: "HTTP/2.0", tls.VersionTLS13: "HTTP/2.0"} {
		client := &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: version},
		}}
		response, err := client.Get("https://localhost" + url)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, proto, string(body))
		client.CloseIdleConnections()
	}
	_, err = tls.Dial("tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.ErrorContains(t, err, "protocol version")
	cancel()
	require.NoError(t, <-done)
}

func TestCertificatesAreReadAnew(t *testing.T) {
	dir := t.TempDir()
	log := &bytes.Buffer{}
	now := time.Now()
	c := &certificates{
		certificate: filepath.Join(dir, "crt"), key: filepath.Join(dir, "key"),
		log: slog.New(slog.NewTextHandler(log, nil)), now: func() time.Time { return now },
	}
	first, firstKey := certificate(t, 1)
	put(t, c.certificate, first, now)
	put(t, c.key, firstKey, now)
	require.NoError(t, c.load())
	serial := func() int64 { return c.current().Leaf.SerialNumber.Int64() }

	second, secondKey := certificate(t, 2)
	put(t, c.certificate, second, now.Add(time.Second))
	require.EqualValues(t, 1, serial(), "it is not looked at all the time")
	now = now.Add(certificateEvery)
	require.EqualValues(t, 1, serial(), "the key does not fit yet")
	now = now.Add(certificateEvery)
	require.EqualValues(t, 1, serial())
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("cannot be used")), "told once")
	put(t, c.key, secondKey, now)
	now = now.Add(certificateEvery)
	require.EqualValues(t, 2, serial())
	require.Contains(t, log.String(), "certificate read anew")

	require.NoError(t, os.Remove(c.key))
	now = now.Add(certificateEvery)
	require.EqualValues(t, 2, serial(), "what serves goes on serving")
	put(t, c.key, secondKey, now.Add(-time.Hour))
	now = now.Add(certificateEvery)
	require.EqualValues(t, 2, serial())
	require.False(t, c.damaged)
}
