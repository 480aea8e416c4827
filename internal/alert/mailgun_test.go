package alert

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const mailgunKey = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0"

// openMailgun returns a receiver that sends through the API at address.
func openMailgun(t *testing.T, address string, change func(*MailgunOptions)) Receiver {
	t.Helper()
	options := mailgun.Options().(*MailgunOptions)
	options.URL, options.Domain, options.Key = address, "mg.example.org", option.NewSecret(mailgunKey)
	options.From, options.To = "Paramedic <alerts@mg.example.org>", []string{"ana@example.org", "Ops Teäm <ops@example.org>"}
	if change != nil {
		change(options)
	}
	require.Empty(t, options.Validate())
	receiver, err := options.Open(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.Close()) })
	return receiver
}

func TestMailgunDelivers(t *testing.T) {
	var requests []*http.Request
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() == nil {
			requests = append(requests, r)
		}
		_, _ = io.WriteString(w, `{"id":"<x@mg.example.org>","message":"Queued. Thank you."}`)
	})
	receiver := openMailgun(t, server.URL, nil)
	alerts := one(sample(health.AlertInitial, "db"))
	want, err := (*Texts)(nil).Write(alerts)
	require.NoError(t, err)
	for _, group := range [][]health.Alert{alerts, alerts, one(sample(health.AlertResolution, "db")), fleet(2)} {
		require.NoError(t, receiver.Send(t.Context(), group))
	}
	request, form := requests[0], requests[0].PostForm
	require.Equal(t, "POST /v3/mg.example.org/messages", request.Method+" "+request.URL.Path)
	user, password, _ := request.BasicAuth()
	require.Equal(t, "api "+mailgunKey, user+" "+password)
	require.Equal(t, "application/x-www-form-urlencoded", request.Header.Get("Content-Type"))
	id, thread := form.Get("h:Message-Id"), form.Get("h:References")
	require.Regexp(t, `^<[0-9a-f]{32}\.alert@mg\.example\.org>$`, id)
	require.Regexp(t, `^<[0-9a-f]{32}\.incident@mg\.example\.org>$`, thread)
	require.Equal(t, url.Values{
		"from": {`"Paramedic" <alerts@mg.example.org>`}, "to": {"<ana@example.org>", "=?utf-8?q?Ops_Te=C3=A4m?= <ops@example.org>"},
		"subject": {"[CRITICAL] db is down"}, "text": {want.Plain}, "html": {want.HTML},
		"h:Message-Id": {id}, "h:References": {thread}, "h:In-Reply-To": {thread}, "h:Auto-Submitted": {"auto-generated"},
		"o:tag": {"paramedic"}, "o:tracking": {"no"},
	}, form)
	require.Equal(t, id, requests[1].PostForm.Get("h:Message-Id"))
	require.NotEqual(t, id, requests[2].PostForm.Get("h:Message-Id"))
	require.Equal(t, thread, requests[2].PostForm.Get("h:References"))
	require.Equal(t, "[CRITICAL] 2 services are down", requests[3].PostForm.Get("subject"))
	require.NotContains(t, requests[3].PostForm, "h:References")
}

func TestMailgunRegions(t *testing.T) {
	for region, want := range map[string]string{
		"us": "https://api.mailgun.net/v3/mg.example.org/messages", "eu": "https://api.eu.mailgun.net/v3/mg.example.org/messages",
	} {
		receiver := openMailgun(t, "", func(o *MailgunOptions) { o.Region = region })
		require.Equal(t, want, receiver.(*mailgunReceiver).url)
	}
}

func TestMailgunAnswers(t *testing.T) {
	for code, refused := range map[int]bool{
		301: true, 400: true, 401: true, 404: true, 413: true, 408: false, 429: false, 500: false, 502: false, 503: false,
	} {
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, `{"message":"not with `+mailgunKey+` or `+r.Header.Get("Authorization")+`"}`)
		})
		err := openMailgun(t, server.URL, nil).Send(t.Context(), one(down))
		require.ErrorContains(t, err, "mailgun 127.0.0.1:")
		require.ErrorContains(t, err, "answered "+status(code))
		require.Equal(t, refused, IsRefused(err), code)
		if code != 301 {
			require.ErrorContains(t, err, `{"message":"not with *** or Basic ***"}`)
		}
		var wait Busy
		require.Equal(t, code == 429 || code == 503, errors.As(err, &wait))
		if wait.Err != nil {
			require.Equal(t, 7*time.Second, wait.RetryAfter())
		}
	}
}

func TestMailgunWithoutAnswer(t *testing.T) {
	passing := func(t *testing.T, err error, want string) {
		t.Helper()
		require.ErrorContains(t, err, want)
		require.False(t, IsRefused(err))
		require.NotContains(t, err.Error(), mailgunKey)
	}
	t.Run("refused connection", func(t *testing.T) {
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		passing(t, openMailgun(t, server.URL, nil).Send(t.Context(), one(down)), "connection refused")
	})
	t.Run("stalled", func(t *testing.T) {
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { <-release })
		t.Cleanup(func() { close(release) })
		receiver := openMailgun(t, server.URL, func(o *MailgunOptions) { o.Timeout = health.Duration(50 * time.Millisecond) })
		passing(t, receiver.Send(t.Context(), one(down)), ": no answer within 50ms")
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { cancel(); <-release })
		t.Cleanup(func() { close(release) })
		require.ErrorIs(t, openMailgun(t, server.URL, nil).Send(ctx, one(down)), context.Canceled)
	})
	t.Run("cut connection, then well", func(t *testing.T) {
		var well atomic.Bool
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if well.Load() {
				return
			}
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
		})
		receiver := openMailgun(t, server.URL, nil)
		passing(t, receiver.Send(t.Context(), one(down)), "EOF")
		well.Store(true)
		require.NoError(t, receiver.Send(t.Context(), one(down)))
	})
}

func TestMailgunTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(block), 0o600))
	require.NoError(t, openMailgun(t, server.URL, func(o *MailgunOptions) { o.TLS.CA = ca }).Send(t.Context(), one(down)))
}

func TestMailgunValidate(t *testing.T) {
	const form = "write it like ops@example.org or \"Ops <ops@example.org>\""
	for name, test := range map[string]struct {
		change func(*MailgunOptions)
		want   option.Problem
	}{
		"no domain":    {func(o *MailgunOptions) { o.Domain = "" }, option.Problem{Path: "domain", Text: `"" is not a domain; write it like mg.example.org`}},
		"path":         {func(o *MailgunOptions) { o.Domain = "mg.example.org/x" }, option.Problem{Path: "domain", Text: `"mg.example.org/x" is not a domain; write it like mg.example.org`}},
		"no key":       {func(o *MailgunOptions) { o.Key = option.Secret{} }, option.Problem{Path: "key", Text: "is empty"}},
		"odd key":      {func(o *MailgunOptions) { o.Key = option.NewSecret("a\nb") }, option.Problem{Path: "key", Text: "holds a line break or another control character"}},
		"region":       {func(o *MailgunOptions) { o.Region = "asia" }, option.Problem{Path: "region", Text: `"asia" is unknown; it is one of us, eu`}},
		"no address":   {func(o *MailgunOptions) { o.URL = "api.mailgun.net" }, option.Problem{Path: "url", Text: "is not an address; write it like https://api.mailgun.net"}},
		"user in url":  {func(o *MailgunOptions) { o.URL = "https://api:key@x" }, option.Problem{Path: "url", Text: "holds a user or password; use key instead"}},
		"query in url": {func(o *MailgunOptions) { o.URL = "https://x?y" }, option.Problem{Path: "url", Text: `has something after a "?" or "#"; write it like https://api.mailgun.net`}},
		"too far":      {func(o *MailgunOptions) { o.URL = "https://api.mailgun.net/v3/mg.example.org" }, option.Problem{Path: "url", Text: "leads into the API; write it without /v3/..."}},
		"clear text":   {func(o *MailgunOptions) { o.URL = "http://api.mailgun.net" }, option.Problem{Path: "url", Text: "would send the key in clear text; write it with https"}},
		"from":         {func(o *MailgunOptions) { o.From = "alerts" }, option.Problem{Path: "from", Text: `"alerts" is not a mail address; ` + form}},
		"to":           {func(o *MailgunOptions) { o.To = nil }, option.Problem{Path: "to", Text: "names nobody; " + form}},
		"timeout":      {func(o *MailgunOptions) { o.Timeout = -1 }, option.Problem{Path: "timeout", Text: "-1ns is not positive; write it like 15s"}},
		"ca":           {func(o *MailgunOptions) { o.TLS.CA = "/nowhere/ca.pem" }, option.Problem{Path: "tls.ca", Text: "open /nowhere/ca.pem: no such file or directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := mailgun.Options().(*MailgunOptions)
			options.Domain, options.Key = "mg.example.org", option.NewSecret(mailgunKey)
			options.From, options.To = "alerts@mg.example.org", []string{"a@example.org"}
			require.Empty(t, options.Validate())
			test.change(options)
			require.Equal(t, option.Problems{test.want}, options.Validate())
		})
	}
}
