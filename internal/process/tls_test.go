package process

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// forEverybody listens on every address of the machine.
const forEverybody = "http:\n  listen: 0.0.0.0:PORT\n"

// Nobody can open the pages to other machines without saying who may come in,
// nor let what people show travel in the clear.
func TestOpenPortsAreRefused(t *testing.T) {
	t.Parallel()
	access := "  access: {tokens: [{name: robot, sha256: " + tokenHash(token("viewer")) + ", role: viewer}]}\n"
	place := newPlace(t, quietService(t))
	for name, c := range map[string]struct {
		http, want string
		args       []string
	}{
		"in the configuration": {forEverybody, "can be reached from other machines, and nobody is asked who they are; add http.access with tokens, users or oidc, or listen on 127.0.0.1, [::1] or localhost", nil},
		"without encryption":   {forEverybody + access, "can be reached from other machines, and what people show would travel in the clear; add http.tls with certificate and key, or write behind_proxy: true if a proxy ends TLS", nil},
		"on the command line":  {"", "other machines can reach it, so write down under http.access who may come in", []string{"--listen", "0.0.0.0:" + port(place.listen)}},
		"behind no guard":      {"http: {behind_proxy: true}\n", "behind a proxy everybody seems to be on this machine, and nobody is asked who they are", nil},
	} {
		t.Run(name, func(t *testing.T) {
			other := newPlace(t, strings.ReplaceAll(c.http, "PORT", port(place.listen))+quietService(t))
			args := append([]string{"--temporal-port", port(other.temporal), "--ui-port", port(other.ui)}, c.args...)
			got := execute(t, other.dir, nil, workerProgram(t), args...)
			require.Equal(t, 1, got.code, got.errors)
			require.Contains(t, got.errors, c.want)
		})
	}
}

// With a certificate and a token the pages are there for other machines, and
// the health check of a container finds them.
func TestTLS(t *testing.T) {
	t.Parallel()
	place := newPlace(t, "")
	writeCertificate(t, place.dir)
	place.configure(t, strings.ReplaceAll(forEverybody, "PORT", port(place.listen))+
		"  tls: {certificate: tls.crt, key: tls.key}\n"+
		"  access: {tokens: [{name: robot, sha256: "+tokenHash(token("viewer"))+", role: viewer}]}\n"+quietService(t))
	worker := start(t, place.dir, nil, workerProgram(t), "--temporal-port", port(place.temporal), "--ui-port", port(place.ui))
	worker.ready()
	require.Contains(t, worker.stdout.String(), "https://")

	client := trusting(t, filepath.Join(place.dir, "tls.crt"))
	worker.eventually("/healthz to be good", func() bool {
		answer, err := client.Get("https://localhost:" + port(place.listen) + "/healthz")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
	for shown, want := range map[string]int{"": http.StatusUnauthorized, token("viewer"): http.StatusOK, token("admin"): http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost:"+port(place.listen)+"/", nil)
		require.NoError(t, err)
		if shown != "" {
			request.Header.Set("Authorization", "Bearer "+shown)
		}
		answer, err := client.Do(request)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode)
		require.Equal(t, "max-age=31536000", answer.Header.Get("Strict-Transport-Security"))
	}
	plain := call{method: "GET", path: "/", token: token("viewer")}.make(t, place.listen)
	require.Equal(t, http.StatusBadRequest, plain.status, "plain HTTP gets no page")

	check := execute(t, place.dir, nil, workerProgram(t), "healthcheck")
	require.Equal(t, 0, check.code, check.errors)
	require.Contains(t, check.out, `"status":"healthy"`)
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
	check = execute(t, place.dir, nil, workerProgram(t), "healthcheck")
	require.Equal(t, 1, check.code)
	require.Contains(t, check.errors, fmt.Sprintf("127.0.0.1:%s", port(place.listen)))
}

// trusting is a client that trusts one certificate and no other.
func trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	certificate, err := os.ReadFile(file)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certificate))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: replyLimit}
}
