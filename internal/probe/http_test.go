package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

// httpOptions returns the defaults for url.
func httpOptions(url string) *HTTP {
	options := httpKind().Options().(*HTTP)
	options.URL = url
	return options
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestHTTPReusesItsConnection(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		// More than is read, so that keeping the connection takes draining.
		_, _ = w.Write(make([]byte, bodyLimit+drainLimit/2))
	})
	relay := newRelay(t, strings.TrimPrefix(server.URL, "http://"))
	requireNoLeak(t, func() {
		prober, err := httpOptions("http://" + relay.Addr).Open()
		require.NoError(t, err)
		for range 5 {
			result := probe(t, prober, 5*time.Second)
			requireHealthy(t, result)
			require.Equal(t, "status 200", result.Message)
			require.EqualValues(t, bodyLimit, result.Observations["response_bytes"])
			require.EqualValues(t, 200, result.Observations["status_code"])
		}
		require.EqualValues(t, 1, relay.accepted.Load())
		require.NoError(t, prober.Close())
		require.Eventually(t, func() bool { return relay.open.Load() == 0 }, 20*time.Second, time.Millisecond)
	})
}

func TestHTTPSendsWhatIsConfigured(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.Header.Get("Authorization"), r.Header.Get("Apikey"), body)
	})
	options := httpOptions(server.URL)
	options.Method, options.Body = http.MethodPost, "ping"
	options.Token = option.NewSecret("t0ken")
	options.Headers = map[string]option.Secret{"apikey": option.NewSecret("k3y-value"), "host": option.NewSecret("other.example")}
	options.Expect = []string{`text == "POST other.example Bearer t0ken k3y-value ping"`}
	requireHealthy(t, probe(t, open(t, options), 5*time.Second))

	// What a server repeats of its secrets is not passed on.
	options.Expect = []string{`text == ""`}
	requireUnhealthy(t, probe(t, open(t, options), 5*time.Second),
		`text == "": text is "POST *** Bearer *** *** ping"`)
}

func TestHTTPRedirects(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+r.Header.Get("Apikey"))
	})
	same := http.NewServeMux()
	same.Handle("/away", http.RedirectHandler(other.URL, http.StatusFound))
	same.Handle("/here", http.RedirectHandler("/end", http.StatusFound))
	same.Handle("/loop", http.RedirectHandler("/loop", http.StatusFound))
	same.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+r.Header.Get("Apikey"))
	})
	server := serve(t, same.ServeHTTP)
	cases := []struct {
		path, expect string
		follow       bool
	}{
		{"/here", `text == "Bearer t0kenk3y-value"`, true},
		{"/away", `status == 200 && text == ""`, true},
		{"/away", `status == 302`, false},
	}
	for _, test := range cases {
		options := httpOptions(server.URL + test.path)
		options.FollowRedirects, options.Expect = test.follow, []string{test.expect}
		options.Token = option.NewSecret("t0ken")
		options.Headers = map[string]option.Secret{"apikey": option.NewSecret("k3y-value")}
		requireHealthy(t, probe(t, open(t, options), 5*time.Second))
	}
	requireUnhealthy(t, probe(t, open(t, httpOptions(server.URL+"/loop")), 5*time.Second),
		"stopped after 10 redirects while waiting for the answer of "+strings.TrimPrefix(server.URL, "http://"))
}

func TestHTTPSurvivesSilence(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		requireSurvivesSilence(t, func(address string) Options { return httpOptions(scheme + "://" + address + "/?key=s3cr3t") },
			"timeout after 200ms while waiting for the answer of @silent",
			"connection refused while waiting for the answer of @deaf")
	}
}

func TestHTTPEndsWithASlowBody(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, "x"); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond)
		}
	})
	host := strings.TrimPrefix(server.URL, "http://")
	requireUnhealthy(t, probe(t, open(t, httpOptions(server.URL)), 200*time.Millisecond), "timeout after 200ms while reading the answer of "+host)
}

// certificate returns a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"test.example"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestHTTPVerifiesCertificates(t *testing.T) {
	cases := map[string]struct {
		until  time.Time
		change func(options *HTTP)
		want   string
	}{
		"unknown":    {until: time.Now().Add(time.Hour), change: func(o *HTTP) { o.TLS.CA = "" }, want: "TLS: certificate signed by an unknown authority"},
		"trusted":    {until: time.Now().Add(time.Hour)},
		"expired":    {until: time.Now().Add(-time.Hour), want: "TLS: certificate expired or not yet valid ("},
		"other name": {until: time.Now().Add(time.Hour), change: func(o *HTTP) { o.TLS.ServerName = "other.example" }, want: "TLS: x509: certificate is valid for test.example, not other.example"},
		"named":      {until: time.Now().Add(time.Hour), change: func(o *HTTP) { o.TLS.ServerName = "test.example" }},
		"unverified": {until: time.Now().Add(-time.Hour), change: func(o *HTTP) { o.TLS.InsecureSkipVerify = true }},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			cert := certificate(t, test.until)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshakes
			server.StartTLS()
			t.Cleanup(server.Close)
			options := httpOptions(server.URL)
			options.TLS.CA = filepath.Join(t.TempDir(), "ca.pem")
			block := &pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}
			require.NoError(t, os.WriteFile(options.TLS.CA, pem.EncodeToMemory(block), 0o600))
			if test.change != nil {
				test.change(options)
			}
			result := probe(t, open(t, options), 5*time.Second)
			if test.want == "" {
				requireHealthy(t, result)
				return
			}
			require.Contains(t, result.Message, test.want)
		})
	}
	plain := serve(t, func(http.ResponseWriter, *http.Request) {})
	host := strings.TrimPrefix(plain.URL, "http://")
	requireUnhealthy(t, probe(t, open(t, httpOptions("https://"+host)), 5*time.Second),
		"TLS: the server does not speak TLS while waiting for the answer of "+host)
}

func TestHTTPOptions(t *testing.T) {
	options := &HTTP{
		URL: "https://user:hunter2@x.example", Method: http.MethodGet, Body: "x",
		Token: option.NewSecret("a\nb"), Expect: []string{"status == 200", "statsu == 1"},
		ExpectDegraded: []string{"1"}, TLS: HTTPTLS{CA: "/no/such/file"},
		Headers: map[string]option.Secret{"authorization": option.NewSecret("x")},
	}
	problems := options.Validate()
	require.Equal(t, option.Problems{
		{Path: "url", Text: "holds a user name or password; use token or headers, which are kept secret"},
		{Path: "headers.authorization", Text: "and token both set the header Authorization; keep one"},
		{Path: "token", Text: "holds a line break or another control character"},
		{Path: "tls.ca", Text: "open /no/such/file: no such file or directory"},
		{Path: "body", Text: "needs method POST"},
		{Path: "expect[1]", Text: "unknown name statsu (line 1, column 1); known are age, body, headers, latency, status, text"},
		{Path: "expect_degraded[0]", Text: "expected bool, but got int"},
	}, problems)
	require.NotContains(t, fmt.Sprint(problems), "hunter2")
	for _, url := range []string{"x.example", "ftp://x.example", "http://", "http://%zz"} {
		require.Equal(t, option.Problems{{Path: "url", Text: "is not a URL that begins with http:// or https://"}}, httpOptions(url).Validate())
	}
	require.Len(t, (&HTTP{Headers: map[string]option.Secret{"a b": option.NewSecret("x")}}).Validate(), 1)
}
