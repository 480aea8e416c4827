package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

const aService = "\nservices: [{name: web, probe: {other: {}}}]\n"

var (
	tokenHash    = strings.Repeat("a1B2", 16)
	passwordHash = "$2y$12$" + strings.Repeat("./aZ0", 10) + "abc"
)

// writePair writes a certificate and its key, in the files that it returns.
func writePair(t *testing.T, dir, name string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return path
	}
	return write(name+".crt", "CERTIFICATE", der), write(name+".key", "PRIVATE KEY", pkcs8)
}

func TestAccess(t *testing.T) {
	dir := t.TempDir()
	certificate, key := writePair(t, dir, "one")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "client"), []byte("client-word\n"), 0o600))
	text := `
http:
  listen: 0.0.0.0:8443
  public_url: https://paramedic.example/
  tls: {certificate: one.crt, key: one.key}
  access:
    tokens: [{name: ci, sha256: ` + tokenHash + `, role: operator}]
    users: [{name: ana@example.org, bcrypt: ` + passwordHash + `, role: admin}]
    oidc:
      issuer: https://login.example/realms/ops
      client_id: paramedic
      client_secret: {file: client}
      roles: {ops: operator, "everybody else": viewer}
` + aService
	config, err := read(filepath.Join(dir, "paramedic.yml"), text)
	require.NoError(t, err)
	require.Equal(t, HTTP{
		Listen: "0.0.0.0:8443", PublicURL: "https://paramedic.example",
		TLS: &TLS{Certificate: certificate, Key: key},
		Access: Access{
			Tokens: []AccessToken{{"ci", option.NewSecret(tokenHash), "operator"}},
			Users:  []AccessUser{{"ana@example.org", option.NewSecret(passwordHash), "admin"}},
			OIDC: &OIDC{
				Issuer: "https://login.example/realms/ops", ClientID: "paramedic", ClientSecret: option.NewSecret("client-word"),
				Claim: "groups", Roles: map[string]string{"ops": "operator", "everybody else": "viewer"},
				Scopes: []string{"profile", "email", "groups"},
			},
		},
	}, config.HTTP)
	require.True(t, config.HTTP.Open())
	require.Subset(t, config.Secrets(), []string{tokenHash, passwordHash, "client-word"})

	var dump strings.Builder
	require.NoError(t, config.WriteYAML(&dump))
	for _, secret := range config.Secrets() {
		require.NotContains(t, dump.String(), secret)
	}
	require.Contains(t, dump.String(), "issuer: https://login.example/realms/ops")

	_, other := writePair(t, dir, "two")
	_, err = read(filepath.Join(dir, "paramedic.yml"), strings.Replace(text, "one.key", other, 1))
	require.ErrorContains(t, err, "certificate and key are no pair: private key does not match public key;")
	_, err = read(filepath.Join(dir, "paramedic.yml"), strings.Replace(text, "one.crt", "client", 1))
	require.ErrorContains(t, err, "certificate and key are no pair: failed to find any PEM data in certificate input;")
	require.NotContains(t, err.Error(), "client-word")
}

// Who may listen where, whoever is let in.
func TestOpen(t *testing.T) {
	tokens := Access{Tokens: []AccessToken{{}}}
	for _, c := range []struct {
		http HTTP
		open bool
	}{
		{HTTP{}, false},
		{HTTP{TLS: &TLS{}}, false},
		{HTTP{BehindProxy: true}, false},
		{HTTP{Access: tokens}, false},
		{HTTP{Access: tokens, TLS: &TLS{}}, true},
		{HTTP{Access: tokens, BehindProxy: true}, true},
		{HTTP{Access: Access{Users: []AccessUser{{}}}, BehindProxy: true}, true},
		{HTTP{Access: Access{OIDC: &OIDC{}}, BehindProxy: true}, true},
	} {
		require.Equal(t, c.open, c.http.Open(), c.http)
	}
	for _, text := range []string{
		"http: {access: {}}",
		"http: {access: {tokens: [{name: ci, sha256: " + tokenHash + ", role: admin}]}}",
		"http: {listen: ':8080', behind_proxy: true, trusted_proxies: [10.0.0.7, 'fd00::/8'], access: {tokens: [{name: ci, sha256: " + tokenHash + ", role: admin}]}}",
		"http: {public_url: 'http://localhost:8080', access: {oidc: {issuer: 'http://127.0.0.1:5556/dex', client_id: x, roles: {a: viewer}}}}",
	} {
		_, err := read("paramedic.yml", text+aService)
		require.NoError(t, err)
	}
}

// What was written in place of a hash may be the secret itself.
func TestSecretsInPlaceOfHashesAreNotShown(t *testing.T) {
	for _, text := range []string{
		"tokens: [{name: ci, sha256: hunter22, role: root}]",
		"tokens: [{name: ci, sha256: [hunter22], role: admin}]",
		"tokens: [{name: ci, sha265: hunter22, role: admin}]",
		"tokens: [{name: ci, token: hunter22, role: admin}]",
		"users: [{name: ana, bcrypt: hunter22, role: root}]",
		"users: [{name: ana, password: hunter22, role: root}]",
		"oidc: {issuer: x, client_id: hunter, client_secret: hunter22, roles: {a: root}}",
	} {
		_, err := read("paramedic.yml", "http: {access: {"+text+"}}"+aService)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter22", text)
	}
}
