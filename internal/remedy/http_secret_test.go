package remedy_test

import (
	"bufio"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/remedy"
)

func TestHTTPVerifiesTheCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	options := calling(server.URL)
	checkpoint := fresh(t)
	_, err := open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
	var final remedy.Final
	require.ErrorAs(t, err, &final)
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	require.NoFileExists(t, checkpoint.path)

	options.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(options.TLS.CA, text, 0o600))
	require.Equal(t, health.Applied, apply(t, options, checkpoint).Effect)
}

// Endpoints and broken servers that repeat what they were sent show no secret.
func TestHTTPShowsNoSecrets(t *testing.T) {
	t.Parallel()
	secrets := []string{"s3cret token", "X-Key: v4lue", "hunter22", "/private-path", `"pass": "w0rd  two"`}
	options := calling("")
	options.Token = option.NewSecret(secrets[0])
	options.Headers = map[string]option.Secret{"X-Key": option.NewSecret(secrets[1])}
	long := ""
	for i := range 500 {
		long += fmt.Sprintf("hush%d", i)
	}
	options.Headers["X-Long"] = option.NewSecret(long)
	options.Body = "{\n" + secrets[4] + "}"
	path := secrets[3] + "?key=" + secrets[2]
	for name, echo := range map[string]string{
		"all":        strings.Join(secrets[:4], " ") + " " + options.Body,
		"quoted":     fmt.Sprintf("%q", options.Body) + path,
		"torn":       "s3cret\x00 token",
		"cut":        strings.Repeat(long, 40),
		"restricted": strings.Repeat(" ", 190) + secrets[0],
	} {
		e := newEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, echo)
		})
		options.URL = e.URL + path
		treatment := apply(t, options, fresh(t))
		require.Equal(t, health.Failed, treatment.Effect)
		said, err := json.Marshal(treatment)
		require.NoError(t, err)
		for _, secret := range []string{"s3cret", "v4lue", "hunter22", "private", "w0rd", "hush"} {
			require.NotContains(t, string(said)+options.Title(), secret, name)
		}
	}
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = broken.Close() })
	go func() {
		for {
			conn, err := broken.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = io.WriteString(conn, path+"\r\n\r\n")
			_ = conn.Close()
		}
	}()
	options.URL = "http://" + broken.Addr().String() + path
	treatment := apply(t, options, fresh(t))
	require.Equal(t, health.Uncertain, treatment.Effect)
	require.Contains(t, treatment.Detail, `malformed HTTP response "***"`)
	options.Idempotent = true
	_, err = open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: fresh(t)})
	require.ErrorContains(t, err, `malformed HTTP response "***"`)
}

func TestHTTPOptions(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"url: is not an address to call; write it like https://app.example/admin/restart",
		"timeout: 0s is too short; write more than 0s",
	}, problems((&remedy.HTTP{URL: "app.example/restart?key=hunter22"}).Validate()))
	require.Equal(t, []string{
		"url: holds a user name or password; use token or headers, which are kept secret",
		"body: method GET has none; use method POST",
		"token: holds a line break or another control character",
		"headers.A B: \"A B\" is not the name of a header",
		"headers.Authorization: token already sets Authorization; keep one of the two",
		"headers.Host: Host is set by paramedic itself",
		"headers.X-Bad: holds a line break or another control character",
		"headers.x-bad: is the same header as X-Bad",
		"expect[1]: 42 is not the status code of an answer; write one from 200 to 599",
		"tls.ca: open /no/such/ca: no such file or directory",
	}, problems((&remedy.HTTP{
		URL: "https://me:hunter22@app.example", Method: "GET", Body: "x", Token: option.NewSecret("a\nb"),
		Headers: map[string]option.Secret{
			"A B": {}, "Authorization": {}, "Host": {}, "X-Bad": option.NewSecret("\x00"), "x-bad": {},
		},
		Expect: []int{200, 42}, Timeout: health.Duration(time.Second), TLS: remedy.HTTPTLS{CA: "/no/such/ca"},
	}).Validate()))

	fresh := defaults[*remedy.HTTP](t, "http")
	fresh.URL = "https://app.example:8443/admin/restart?key=hunter22"
	require.Empty(t, fresh.Validate())
	require.Equal(t, 30*time.Second, fresh.Timeout.Std())
	require.Greater(t, fresh.Limit(), 30*time.Second)
	require.Equal(t, "POST to https://app.example:8443", fresh.Title())
	require.Equal(t, "POST to an endpoint", (&remedy.HTTP{Method: "POST", URL: "%zz"}).Title())
}
