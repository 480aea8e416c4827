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
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

// services by address, with where on the host a message arrives; HOST is a
// local server, all others are led there.
var addresses = map[string]struct{ host, path string }{
	"generic+http://HOST/hook?room=1":                                   {"HOST", "/hook?room=1"},
	"generic+http://HOST/hook?template=json":                            {"HOST", "/hook"},
	"ntfy://HOST/topic?scheme=http":                                     {"HOST", "/topic"},
	"gotify://HOST/Atoken123456789?disabletls=yes":                      {"HOST", "/message?token=Atoken123456789"},
	"mattermost://HOST/token?disabletls=yes":                            {"HOST", "/hooks/token"},
	"matrix://:token@HOST/?rooms=!r:h&disabletls=yes":                   {"HOST", "/_matrix/client/v3/rooms/%21r:h/send/m.room.message/"},
	"rocketchat://chat.example/token-a/token-b":                         {"chat.example", "/hooks/token-a/token-b"},
	"zulip://bot%40h:key1@zulip.example/?stream=s&topic=t":              {"zulip.example", "/api/v1/messages"},
	"discord://token@123":                                               {"discord.com", "/api/webhooks/123/token"},
	"slack://hook:T00000000-B00000000-abcdefghijklmnopqrstuvwx@webhook": {"hooks.slack.com", "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"},
	slackBot:                              {"slack.com", "/api/chat.postMessage"},
	"telegram://1:token@telegram?chats=2": {"api.telegram.org", "/bot1:token/sendMessage"},
	"teams://?host=https%3A%2F%2Feu.logic.azure.com%2Fworkflows%2Fw%3Fsig%3Ds": {"eu.logic.azure.com", "/workflows/w?sig=s"},
	"pushover://x:token@user":      {"api.pushover.net", "/1/messages.json"},
	"pagerduty:///" + pagerdutyKey: {"events.pagerduty.com:443", "/v2/enqueue"},
}

const (
	slackBot     = "slack://xoxb:123456789012-1234567890123-4mt0t4l1YL3g1T5L4cK70k3N@C001CH4NN3L"
	pagerdutyKey = "eb243592faa24ba2a5511afdf565c889"
)

func TestURLDelivers(t *testing.T) {
	var got *http.Request
	var body string
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		read, _ := io.ReadAll(r.Body)
		got, body = r, string(read)
		if r.Host == "hooks.slack.com" {
			_, _ = io.WriteString(w, "ok")
			return
		}
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	text, err := english(t).Write(one(down))
	require.NoError(t, err)
	for form, want := range addresses {
		t.Run(form, func(t *testing.T) {
			require.NoError(t, openURL(t, local(server.URL, form), server.URL, nil).Send(t.Context(), one(down)), form)
			require.Equal(t, local(server.URL, want.host), got.Host)
			require.Contains(t, got.RequestURI, want.path)
			require.Equal(t, "paramedic", got.UserAgent())
			all := body + got.Header.Get("Title")
			if fields, err := url.QueryUnescape(body); err == nil {
				all += fields
			}
			if !strings.HasPrefix(form, "pagerduty") {
				require.Contains(t, all, text.Subject)
			}
			require.Contains(t, all, "clickhouse")
			require.True(t, strings.Contains(all, down.Reason) || strings.Contains(all, strings.Replace(down.Reason, "<", `\u003c`, 1)) ||
				strings.Contains(all, strings.Replace(down.Reason, "<", `\u0026lt;`, 1)), all)
		})
	}
}

func TestURLFaults(t *testing.T) {
	for _, form := range []string{"generic+http://HOST/hook", "ntfy://HOST/topic?scheme=http", "discord://token@123456", "telegram://1:token@telegram?chats=2", slackBot} {
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
		receiver := openURL(t, local(server.URL, "generic+http://HOST/hook"), "", func(o *URLOptions) { o.Timeout = health.Duration(50 * time.Millisecond) })
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
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"ok":false,"error":"channel_not_found"}`)
	})
	err := openURL(t, slackBot, server.URL, nil).Send(t.Context(), one(down))
	require.ErrorContains(t, err, "slack slack.com: ")
	require.ErrorContains(t, err, "channel_not_found")
	require.False(t, IsRefused(err))
}

// Zulip is asked for its limits first, which not every bot may read.
func TestURLDoesWithoutWhatIsRefused(t *testing.T) {
	var codes map[string]int
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(codes[r.URL.Path])
		_, _ = io.WriteString(w, "{}")
	})
	receiver := openURL(t, "zulip://bot%40h:key1@zulip.example/?stream=s&topic=t", server.URL, nil)
	codes = map[string]int{"/api/v1/register": 401, "/api/v1/messages": 200}
	require.NoError(t, receiver.Send(t.Context(), one(down)))
	codes = map[string]int{"/api/v1/register": 401, "/api/v1/messages": 400}
	require.True(t, IsRefused(receiver.Send(t.Context(), one(down))))
	codes = map[string]int{"/api/v1/register": 503, "/api/v1/messages": 200}
	require.ErrorContains(t, receiver.Send(t.Context(), one(down)), "503")
}

// goroutines says what all of them do.
func goroutines() string {
	stacks := make([]byte, 1<<20)
	return string(stacks[:runtime.Stack(stacks, true)])
}

// The library would try again for minutes; here one send is one request, and
// nothing goes on behind it.
func TestURLIsBounded(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	answers := map[string]http.HandlerFunc{
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"stalled": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
		"cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	t.Cleanup(func() { close(release) })
	for form := range addresses {
		for name, answer := range answers {
			t.Run(name+" "+form, func(t *testing.T) {
				asked.Store(0)
				server := answering(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); answer(w, r) })
				receiver := openURL(t, local(server.URL, form), server.URL, func(o *URLOptions) { o.Timeout = health.Duration(100 * time.Millisecond) })
				before := runtime.NumGoroutine()
				start := time.Now()
				err := receiver.Send(t.Context(), one(down))
				require.Error(t, err)
				require.False(t, IsRefused(err))
				require.Less(t, time.Since(start), 100*time.Millisecond+time.Second)
				require.NotContains(t, goroutines(), "shoutrrr")
				// On a busy machine the time may be over before the server has looked.
				require.LessOrEqual(t, asked.Load(), int32(1))
				require.NoError(t, receiver.Close())
				server.Close()
				// One more is the one that asks.
				require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 20*time.Second, time.Millisecond)
			})
		}
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
	receiver := openURL(t, "pagerduty:///"+pagerdutyKey, server.URL, nil)
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
		"generic+http://SECRETuser:SECRETpw@HOST/SECRET-path?key=SECRET-key&x=SECRET%20two",
		"ntfy://SECRET-user:SECRET-pw@HOST/SECRET-topic?scheme=http", "matrix://:SECRET-token@HOST/?rooms=!SECRET:h&disabletls=yes",
		"discord://SECRET-token@SECRET-id", "slack://hook:SECRETABC-SECRETDEF-SECRETghijklSECRETmnopqr@webhook",
		"slack://xoxb:123456789012-1234567890123-SECRETl1YL3g1T5L4cK70k3N@SECRETC01", "telegram://12345:SECRET@telegram?chats=SECRET",
		"pushover://x:SECRET-token@SECRET-user", "teams://?host=https%3A%2F%2Feu.logic.azure.com%2Fworkflows%2FSECRETw%3Fsig%3DSECRETsig",
		"zulip://SECRET%40h:SECRET-key@zulip.example/?stream=SECRET-stream&topic=SECRETtopic", "opsgenie://api.opsgenie.com/SECRET-key",
		"twilio://ACSECRET:SECRETtoken@+15551234567/+15559876543", "wecom://SECRET-key", "bark://:SECRETdevkey@bark.example/",
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
		"foo://SECRET":      `"foo" is none of the services known here: bark, discord, generic`,
		"smtp://SECRET@h/":  "smtp:// is not taken here: use the receiver smtp",
		"slack://SECRET":    "is not an address of slack: invalid slack token format; write it like slack://",
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

// The addresses that the documentation shows are taken once they are filled in.
func TestURLDocumentation(t *testing.T) {
	field, found := reflect.TypeFor[URLOptions]().FieldByName("URL")
	require.True(t, found)
	filled := strings.NewReplacer("T000-B000-KEY", "T00000000-B00000000-abcdefghijklmnopqrstuvwx",
		"slack://xoxb:1-2-KEY@CHANNEL", slackBot, "BOT-TOKEN", "1:token", "WORKFLOW-ADDRESS", "eu.logic.azure.com%2Fworkflows%2Fw", "INTEGRATION-KEY", pagerdutyKey, "TOKEN", "Atoken123456789", "HOST", "h.example")
	list, _, _ := strings.Cut(field.Tag.Get("doc"), ". One address")
	_, list, _ = strings.Cut(list, "key: ")
	forms := strings.Split(list, ", ")
	require.Greater(t, len(forms), 12)
	for _, form := range forms {
		options := URLOptions{URL: option.NewSecret(filled.Replace(form)), Timeout: 1}
		require.Empty(t, options.Validate(), form)
	}
}
