package alert

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

var down = health.Alert{
	Status: health.AlertDown, Incident: "clickhouse-20260319T142745", Service: "clickhouse", Severity: "critical",
	Reason: "row count 0 < 1 after 3 probes", Attempts: 1, DedupKey: "clickhouse-20260319T142745/down",
	At: time.Date(2026, 3, 19, 15, 30, 0, 987_000_000, time.FixedZone("CET", 3600)),
}

var recovered = health.Alert{
	Status: health.AlertRecovered, Incident: "x-1", Service: "x", Target: "eu", Severity: "warning",
	Reason: "Connection refused after 3 retries", Attempts: 2, Downtime: health.Duration(135 * time.Second),
	At: time.Date(2026, 3, 19, 14, 30, 0, 0, time.UTC), Runbook: "https://runbooks.example/x", DedupKey: "x-1/recovered",
}

// open returns a receiver that posts to url.
func open(t *testing.T, url string, change func(*WebhookOptions)) Receiver {
	t.Helper()
	options := webhook.Options().(*WebhookOptions)
	options.URL = url
	if change != nil {
		change(options)
	}
	require.Empty(t, options.Validate())
	receiver, err := options.Open(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.Close()) })
	return receiver
}

// answering serves every request with handler on loopback.
func answering(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestWebhookBody(t *testing.T) {
	for name, test := range map[string]struct {
		alert health.Alert
		want  string
	}{
		"down": {down, `{"service":"clickhouse","status":"down","reason":"row count 0 < 1 after 3 probes",` +
			`"timestamp":"2026-03-19T14:30:00Z","incident":"clickhouse-20260319T142745","severity":"critical",` +
			`"attempts":1,"dedup_key":"clickhouse-20260319T142745/down"}`},
		"recovered": {recovered, `{"service":"x","status":"recovered","reason":"Connection refused after 3 retries",` +
			`"duration":"2m 15s","timestamp":"2026-03-19T14:30:00Z","incident":"x-1","severity":"warning",` +
			`"attempts":2,"dedup_key":"x-1/recovered","target":"eu","runbook":"https://runbooks.example/x"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var request *http.Request
			var body []byte
			server := answering(t, func(w http.ResponseWriter, r *http.Request) {
				request = r
				body, _ = io.ReadAll(r.Body)
				w.WriteHeader(http.StatusAccepted)
			})
			receiver := open(t, server.URL+"/api/admin/system-alert", func(o *WebhookOptions) {
				o.Token = option.NewSecret("s3cret-token")
				o.Headers = map[string]option.Secret{"X-Team": option.NewSecret("ops")}
			})
			require.NoError(t, receiver.Send(t.Context(), one(test.alert)))
			require.Equal(t, test.want, string(body))
			require.Equal(t, "POST /api/admin/system-alert", request.Method+" "+request.URL.Path)
			require.Equal(t, test.alert.DedupKey, request.Header.Get("Idempotency-Key"))
			require.Equal(t, "application/json", request.Header.Get("Content-Type"))
			require.Equal(t, "Bearer s3cret-token", request.Header.Get("Authorization"))
			require.Equal(t, "ops", request.Header.Get("X-Team"))
		})
	}
}

func TestWebhookAnswers(t *testing.T) {
	const passing, refused, busy = "passing", "refused", "busy"
	for _, test := range []struct {
		code       int
		retryAfter string
		kind       string
		after      time.Duration
	}{
		{code: 400, kind: refused}, {code: 401, kind: refused}, {code: 404, kind: refused}, {code: 413, kind: refused},
		{code: 408, kind: passing}, {code: 425, kind: passing}, {code: 429, kind: passing}, {code: 500, kind: passing},
		{code: 502, kind: passing}, {code: 503, kind: passing},
		{code: 429, retryAfter: "7", kind: busy, after: 7 * time.Second},
		{code: 503, retryAfter: "0", kind: busy},
		{code: 503, retryAfter: "86400", kind: busy, after: longestWait},
		{code: 503, retryAfter: "Thu, 19 Mar 2020 14:30:00 GMT", kind: busy},
		{code: 503, retryAfter: "soon", kind: passing}, {code: 429, retryAfter: "-3", kind: passing},
		{code: 500, retryAfter: "7", kind: passing},
	} {
		t.Run(http.StatusText(test.code)+" "+test.retryAfter, func(t *testing.T) {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				http.Error(w, "mail queue\n  \x1b[31mfull", test.code)
			})
			err := open(t, server.URL, nil).Send(t.Context(), one(down))
			require.ErrorContains(t, err, "webhook 127.0.0.1:")
			require.ErrorContains(t, err, "answered "+status(test.code)+": mail queue [31mfull")
			var wait Busy
			require.Equal(t, test.kind == busy, errors.As(err, &wait))
			require.Equal(t, test.after, wait.After)
			require.Equal(t, test.kind == refused, IsRefused(err))
		})
	}
}

func TestRetryAfterDate(t *testing.T) {
	now := time.Date(2026, 3, 19, 14, 30, 0, 0, time.UTC)
	after, ok := retryAfter("Thu, 19 Mar 2026 14:30:42 GMT", now)
	require.True(t, ok)
	require.Equal(t, 42*time.Second, after)
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	var arrived atomic.Int32
	other := answering(t, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/new?key=hidden", http.StatusPermanentRedirect)
	})
	err := open(t, server.URL, nil).Send(t.Context(), one(down))
	require.True(t, IsRefused(err))
	require.ErrorContains(t, err, "308 Permanent Redirect, and redirects are not followed (to "+other.URL+"); set url to the final address")
	require.Zero(t, arrived.Load())
}

func TestWebhookWithoutAnswer(t *testing.T) {
	t.Run("refused connection", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		err := open(t, server.URL+"/hook?key=hidden", nil).Send(t.Context(), one(down))
		require.ErrorContains(t, err, "connection refused")
		require.False(t, IsRefused(err))
		require.NotContains(t, err.Error(), "hidden")
	})
	t.Run("stalled", func(t *testing.T) {
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { <-release })
		t.Cleanup(func() { close(release) })
		receiver := open(t, server.URL+"/hook?key=hidden", func(o *WebhookOptions) { o.Timeout = health.Duration(50 * time.Millisecond) })
		err := receiver.Send(t.Context(), one(down))
		require.ErrorContains(t, err, ": no answer within 50ms")
		require.False(t, IsRefused(err))
		require.NotContains(t, err.Error(), "hidden")
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { cancel(); <-release })
		t.Cleanup(func() { close(release) })
		require.ErrorIs(t, open(t, server.URL, nil).Send(ctx, one(down)), context.Canceled)
	})
	t.Run("cut connection", func(t *testing.T) {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
		})
		err := open(t, server.URL, nil).Send(t.Context(), one(down))
		require.ErrorIs(t, err, io.EOF)
		require.False(t, IsRefused(err))
	})
	t.Run("cut in the middle of the answer", func(t *testing.T) {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "half an ans")
		})
		require.ErrorContains(t, open(t, server.URL, nil).Send(t.Context(), one(down)), "500 Internal Server Error: half an ans")
	})
}

// A receiver that echoes what it got, or answers without end, gives away
// nothing and holds nothing up.
func TestWebhookErrorsKeepSecrets(t *testing.T) {
	const token, key, path, header = "s3cret-token", "query-key", "/services/T000/B000", "header-key"
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, r.RequestURI+" "+r.Header.Get("Authorization")+" "+r.Header.Get("X-Key")+strings.Repeat(" no", drainLimit))
	})
	err := open(t, server.URL+path+"?key="+key, func(o *WebhookOptions) {
		o.Token = option.NewSecret(token)
		o.Headers = map[string]option.Secret{"X-Key": option.NewSecret(header)}
	}).Send(t.Context(), one(down))
	require.ErrorContains(t, err, "403 Forbidden: *** Bearer *** *** no no")
	for _, secret := range []string{token, key, path, header} {
		require.NotContains(t, err.Error(), secret)
	}
	require.Less(t, len(err.Error()), 300)
}

func TestWebhookKeepsItsConnection(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusInternalServerError)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	receiver := open(t, server.URL, nil)
	for range 3 {
		require.Error(t, receiver.Send(t.Context(), one(down)))
	}
	require.EqualValues(t, 1, opened.Load())
}

func TestWebhookTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	require.ErrorContains(t, open(t, server.URL, nil).Send(t.Context(), one(down)), "certificate signed by unknown authority")

	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(block), 0o600))
	require.NoError(t, open(t, server.URL, func(o *WebhookOptions) { o.TLS.CA = ca }).Send(t.Context(), one(down)))
}

func TestWebhookValidate(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("hello"), 0o600))
	headers := func(names ...string) func(*WebhookOptions) {
		return func(o *WebhookOptions) {
			o.Headers = map[string]option.Secret{}
			for _, name := range names {
				o.Headers[name] = option.NewSecret("value")
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*WebhookOptions)
		want   option.Problem
	}{
		"empty url":    {func(o *WebhookOptions) { o.URL = "" }, option.Problem{Path: "url", Text: "is not an address; write it like https://ops.example/alerts"}},
		"other scheme": {func(o *WebhookOptions) { o.URL = "ftp://x/y" }, option.Problem{Path: "url", Text: "is not an address; write it like https://ops.example/alerts"}},
		"no host":      {func(o *WebhookOptions) { o.URL = "https:///y" }, option.Problem{Path: "url", Text: "is not an address; write it like https://ops.example/alerts"}},
		"user in url":  {func(o *WebhookOptions) { o.URL = "https://me:pw@x/y" }, option.Problem{Path: "url", Text: "holds a user or password; use token or headers instead"}},
		"token":        {func(o *WebhookOptions) { o.Token = option.NewSecret("a\nb") }, option.Problem{Path: "token", Text: "holds a line break or another control character"}},
		"timeout":      {func(o *WebhookOptions) { o.Timeout = 0 }, option.Problem{Path: "timeout", Text: "0s is not positive; write it like 10s"}},
		"ca":           {func(o *WebhookOptions) { o.TLS.CA = notPEM }, option.Problem{Path: "tls.ca", Text: notPEM + " holds no PEM certificate"}},
		"header name":  {headers("X Key"), option.Problem{Path: "headers.X Key", Text: `"X Key" is not the name of a header`}},
		"own header":   {headers("host"), option.Problem{Path: "headers.host", Text: "Host is set by paramedic itself"}},
		"twice":        {headers("X-Key", "x-key"), option.Problem{Path: "headers.x-key", Text: "is the same header as X-Key"}},
		"two authorizations": {func(o *WebhookOptions) {
			headers("Authorization")(o)
			o.Token = option.NewSecret("token")
		}, option.Problem{Path: "headers.Authorization", Text: "token already sets Authorization; keep one of the two"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := webhook.Options().(*WebhookOptions)
			options.URL = "https://ops.example/alerts"
			require.Empty(t, options.Validate())
			test.change(options)
			require.Equal(t, option.Problems{test.want}, options.Validate())
		})
	}
}
