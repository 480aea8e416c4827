package alert

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/alert/chat"
	"paramedic/internal/health"
	"paramedic/internal/option"
)

// openURL returns a receiver of the service at address; relay, if any, gets
// what would go to a service out there.
func openURL(t *testing.T, address, relay string, change func(*URLOptions)) Receiver {
	t.Helper()
	options := services.Options().(*URLOptions)
	options.URL = option.NewSecret(address)
	if change != nil {
		change(options)
	}
	require.Empty(t, options.Validate())
	receiver, err := options.Open(english(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.Close()) })
	if relay != "" {
		client := receiver.(*urlReceiver).client
		client.Transport = relayed{host: strings.TrimPrefix(relay, "http://"), next: client.Transport}
	}
	return receiver
}

func english(t *testing.T) *Texts {
	t.Helper()
	texts, err := NewTexts("en", "")
	require.NoError(t, err)
	return texts
}

// relayed leads every request to one local server.
type relayed struct {
	host string
	next http.RoundTripper
}

func (r relayed) RoundTrip(request *http.Request) (*http.Response, error) {
	moved := request.Clone(request.Context())
	moved.Host = request.URL.Host
	moved.URL.Scheme, moved.URL.Host = "http", r.host
	return r.next.RoundTrip(moved)
}

// CloseIdleConnections lets the client close what it has opened.
func (r relayed) CloseIdleConnections() { r.next.(*http.Transport).CloseIdleConnections() }

// local turns a server's address into one of a service: "ntfy://127.0.0.1:1/...".
func local(server, form string) string {
	return strings.ReplaceAll(form, "HOST", strings.TrimPrefix(server, "http://"))
}

func TestURLDelivers(t *testing.T) {
	var got []string
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.Host+" "+r.RequestURI+"\n"+string(body))
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	group := []health.Alert{down, recovered}
	text, err := english(t).Write(group)
	require.NoError(t, err)
	for form, host := range map[string]string{
		"generic+http://HOST/hook?room=1": "HOST", "ntfy://HOST/topic?scheme=http": "HOST", "gotify://HOST/token?scheme=http": "HOST",
		"mattermost://HOST/token?scheme=http": "HOST", "matrix://:token@HOST/?rooms=!r:h&scheme=http": "HOST",
		"discord://token@123": "discord.com", "slack://hook:T0-B0-key@webhook": "hooks.slack.com", "slack://xoxb:1-2-abc@C01": "slack.com",
		"telegram://1:token@telegram?chats=2": "api.telegram.org", "teams+https://teams.example/w?sig=s": "teams.example",
		"pushover://x:token@user": "api.pushover.net",
	} {
		got = nil
		address := local(server.URL, form)
		require.NoError(t, openURL(t, address, server.URL, nil).Send(t.Context(), group), form)
		parsed, err := chat.Parse(address)
		require.NoError(t, err)
		posts, err := parsed.Posts(chat.Message{Subject: text.Subject, Text: text.Plain, Alerts: group, Key: down.DedupKey})
		require.NoError(t, err)
		target, err := url.Parse(posts[0].URL)
		require.NoError(t, err)
		want := posts[0].Method + " " + local(server.URL, host) + " " + target.RequestURI() + "\n" + string(posts[0].Body)
		require.Equal(t, []string{want}, got, form)
	}
}

func TestURLFaults(t *testing.T) {
	for _, form := range []string{"generic+http://HOST/hook", "ntfy://HOST/topic?scheme=http", "discord://token@123456", "slack://xoxb:1-2-abc@C01"} {
		for code, refused := range map[int]bool{
			400: true, 401: true, 404: true, 413: true, 408: false, 425: false, 429: false, 500: false, 502: false, 503: false,
		} {
			server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				http.Error(w, "not now", code)
			})
			err := openURL(t, local(server.URL, form), server.URL, nil).Send(t.Context(), one(down))
			require.ErrorContains(t, err, "answered "+status(code), form)
			require.ErrorContains(t, err, "not now")
			require.Equal(t, refused, IsRefused(err), "%s %d", form, code)
			var wait Busy
			require.Equal(t, code == 429 || code == 503, errors.As(err, &wait))
		}
	}
}

func TestURLFollowsNoRedirect(t *testing.T) {
	var arrived atomic.Int32
	other := answering(t, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+"/new?key=hidden", http.StatusTemporaryRedirect)
	})
	err := openURL(t, local(server.URL, "generic+http://HOST/hook"), "", nil).Send(t.Context(), one(down))
	require.True(t, IsRefused(err))
	require.ErrorContains(t, err, "answered 307 Temporary Redirect, and redirects are not followed (to "+other.URL+")")
	require.Zero(t, arrived.Load())
}

func TestURLWithoutAnswer(t *testing.T) {
	const form = "ntfy://HOST/hidden-topic?scheme=http"
	t.Run("stalled", func(t *testing.T) {
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { <-release })
		t.Cleanup(func() { close(release) })
		receiver := openURL(t, local(server.URL, form), "", func(o *URLOptions) { o.Timeout = health.Duration(50 * time.Millisecond) })
		err := receiver.Send(t.Context(), one(down))
		require.ErrorContains(t, err, "ntfy 127.0.0.1:")
		require.ErrorContains(t, err, ": no answer within 50ms")
		require.False(t, IsRefused(err))
	})
	t.Run("stalled in the middle of the answer", func(t *testing.T) {
		release := make(chan struct{})
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			<-release
		})
		t.Cleanup(func() { close(release) })
		receiver := openURL(t, local(server.URL, form), "", func(o *URLOptions) { o.Timeout = health.Duration(50 * time.Millisecond) })
		require.NoError(t, receiver.Send(t.Context(), one(down)))
	})
	t.Run("cancelled by the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		server := answering(t, func(http.ResponseWriter, *http.Request) { cancel(); <-release })
		t.Cleanup(func() { close(release) })
		require.ErrorIs(t, openURL(t, local(server.URL, form), "", nil).Send(ctx, one(down)), context.Canceled)
	})
	t.Run("cut connection", func(t *testing.T) {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				connection.Close()
			}
		})
		err := openURL(t, local(server.URL, form), "", nil).Send(t.Context(), one(down))
		require.ErrorIs(t, err, io.EOF)
		require.False(t, IsRefused(err))
		require.NotContains(t, err.Error(), "hidden")
	})
}

// Slack's API says 200 and then what is wrong.
func TestURLErrorsWithin200(t *testing.T) {
	for name, refused := range map[string]bool{"channel_not_found": true, "ratelimited": false} {
		server := answering(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"ok":false,"error":"`+name+`"}`)
		})
		err := openURL(t, "slack://xoxb:1-2-abc@C01", server.URL, nil).Send(t.Context(), one(down))
		require.EqualError(t, err, "slack slack.com: answered "+name)
		require.Equal(t, refused, IsRefused(err))
	}
}

// Telegram says in the document of a 429, and only there, how long to wait.
func TestURLWaits(t *testing.T) {
	for body, after := range map[string]time.Duration{
		`{"ok":false,"error_code":429,"parameters":{"retry_after":35}}`: 35 * time.Second,
		`{"ok":false,"parameters":{"retry_after":999999}}`:              longestWait,
		`{"ok":false,"parameters":{"retry_after":-1}}`:                  0,
		`{"ok":false}`: 0, `{`: 0,
	} {
		server := answering(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, http.StatusTooManyRequests) })
		err := openURL(t, "telegram://1:token@telegram?chats=2", server.URL, nil).Send(t.Context(), one(down))
		require.ErrorContains(t, err, "telegram api.telegram.org: answered 429 Too Many Requests")
		var busy Busy
		require.Equal(t, after > 0, errors.As(err, &busy), body)
		require.Equal(t, after, busy.After)
	}
}

// Each incident is its own event; one that is refused holds up no other, and
// one that fails brings them all again.
func TestURLPagerDutyEvents(t *testing.T) {
	var asked atomic.Int32
	codes := []int{http.StatusBadRequest, http.StatusAccepted}
	server := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(codes[asked.Add(1)-1])
	})
	receiver := openURL(t, local(server.URL, "pagerduty://HOST/key?scheme=http"), "", nil)
	require.True(t, IsRefused(receiver.Send(t.Context(), []health.Alert{down, recovered})))
	require.EqualValues(t, 2, asked.Load())

	asked.Store(0)
	codes = []int{http.StatusBadRequest, http.StatusInternalServerError}
	err := receiver.Send(t.Context(), []health.Alert{down, recovered})
	require.ErrorContains(t, err, "500")
	require.False(t, IsRefused(err))
}

// Servers that repeat all they were sent give nothing away, nor does anything
// else that this process writes.
func TestURLErrorsKeepSecrets(t *testing.T) {
	var logged strings.Builder
	log.SetOutput(&logged)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		user, password, _ := r.BasicAuth()
		_, _ = io.WriteString(w, r.RequestURI+" "+r.Header.Get("Authorization")+" "+user+" "+password+" ")
		_, _ = io.Copy(w, r.Body)
	})
	for _, form := range []string{
		"generic+http://HOST/SECRET-path?key=SECRET-key&x=SECRET%20two", "ntfy://SECRET-user:SECRET-pw@HOST/SECRET-topic?scheme=http",
		"matrix://:SECRET-token@HOST/?rooms=!SECRET:h&scheme=http", "discord://SECRET-token@SECRET-id",
		"slack://hook:SECRET0-SECRET1-SECRET2@webhook", "slack://xoxb:SECRET-1@SECRET-channel", "telegram://12345:SECRET@telegram?chats=SECRET",
		"pushover://x:SECRET-token@SECRET-user", "pagerduty://HOST/SECRET-key?scheme=http", "teams+https://h.example/SECRET?sig=SECRET-sig",
		"zulip://SECRET%40h:SECRET-key@HOST/?stream=SECRET-stream&scheme=http",
	} {
		err := openURL(t, local(server.URL, form), server.URL, nil).Send(t.Context(), one(down))
		require.ErrorContains(t, err, "answered 403 Forbidden: ", form)
		require.ErrorContains(t, err, option.Mask, form)
		require.NotContains(t, err.Error(), "SECRET", form)
	}
	require.NotContains(t, logged.String(), "SECRET")
}

func TestURLValidate(t *testing.T) {
	for address, want := range map[string]string{
		"":                  "is not an address; write it like ntfy://",
		"foo://SECRET":      `"foo" is none of the services known here: discord, generic+http`,
		"slack://SECRET":    "is neither a webhook nor a bot's token with a channel; write it like slack://",
		"ntfy://h/SECRET%z": "is not an address of ntfy",
	} {
		problems := (&URLOptions{URL: option.NewSecret(address), Timeout: 1}).Validate()
		require.Len(t, problems, 1)
		require.Equal(t, "url", problems[0].Path)
		require.Contains(t, problems[0].Text, want)
		require.NotContains(t, problems[0].Text, "SECRET")
	}
	problems := (&URLOptions{URL: option.NewSecret("ntfy://h/t")}).Validate()
	require.Equal(t, option.Problems{{Path: "timeout", Text: "0s is not positive; write it like 10s"}}, problems)
}

// The documentation names every service that an address may.
func TestURLDocumentation(t *testing.T) {
	field, found := reflect.TypeFor[URLOptions]().FieldByName("URL")
	require.True(t, found)
	for name := range chat.Forms() {
		if name != "generic+http" {
			require.Contains(t, field.Tag.Get("doc"), name+"://")
		}
	}
}
