package chat

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

var message = Message{
	Subject: "[CRITICAL] api is down", Text: "row_count 0 < 1\n\n<!channel> & @all", Alerts: []health.Alert{{
		Status: health.AlertDown, Incident: "api-1", Service: "api", Target: "eu", Severity: "page", Reason: "row_count 0 < 1",
	}, {Status: health.AlertRecovered, Incident: "db-1", Service: "db", Severity: "warning"}},
}

// examples is one address of each service, and the host that it leads to.
var examples = map[string]string{
	"bark://:SECRETdevkey@bark.example/":                                                       "bark.example",
	"discord://SECRETtoken@SECRET123":                                                          "discord.com",
	"generic+http://SECRETuser:SECRETpw@h.example:1/SECRET-hook?SECRETkey=SECRET%20two":        "h.example:1",
	"googlechat://chat.googleapis.com/v1/spaces/SECRETS/messages?key=SECRETk&token=SECRETt":    "chat.googleapis.com",
	"hangouts://chat.googleapis.com/v1/spaces/SECRETS/messages?key=SECRETk&token=SECRETt":      "chat.googleapis.com",
	"gotify://h.example/ASECRET12345678?disabletls=yes":                                        "h.example",
	"ifttt://SECRETkey/?events=SECRETevent":                                                    "maker.ifttt.com",
	"join://shoutrrr:SECRETkey@join/?devices=SECRETdevice":                                     "joinjoaomgcd.appspot.com",
	"lark://open.larksuite.com/SECRETtoken?secret=SECRETsecret":                                "open.larksuite.com",
	"matrix://:SECRETtoken@m.example/?rooms=!SECRET:m.example":                                 "m.example",
	"mattermost://chat.example/SECRETtoken/SECRETtown":                                         "chat.example",
	"notifiarr://SECRETkey?channel=123456":                                                     "notifiarr.com",
	"ntfy://SECRETuser:SECRETpw@ntfy.example/SECRETtopic":                                      "ntfy.example",
	"opsgenie://api.opsgenie.com/SECRET-key":                                                   "api.opsgenie.com:443",
	"pagerduty://events.pagerduty.com/5ec2e7593faa24ba2a5511afdf565c88":                        "events.pagerduty.com:443",
	"pagerduty:///5ec2e7593faa24ba2a5511afdf565c88":                                            "events.pagerduty.com:443",
	"pushbullet://o.SECRETghijklmnopqrstuvwxyz012345/SECRETdevice":                             "api.pushbullet.com",
	"pushover://shoutrrr:SECRETtoken@SECRETuser":                                               "api.pushover.net",
	"rocketchat://chat.example/SECRETa/SECRETb/SECRETc":                                        "chat.example",
	"signal://SECRETuser:SECRETpw@signal.example/+1234567890/+0987654321":                      "signal.example:8080",
	"slack://hook:SECRETABC-SECRETDEF-SECRETghijklSECRETmnopqr@webhook":                        "hooks.slack.com",
	"slack://xoxb:123456789012-1234567890123-SECRETl1YL3g1T5L4cK70k3N@SECRETC01":               "slack.com",
	"teams://?host=https%3A%2F%2Fprod.logic.azure.com%2Fworkflows%2FSECRETw%3Fsig%3DSECRETsig": "prod.logic.azure.com",
	"telegram://123456789:SECRET-AAAAA-aaaaaaaa_bbbbbbbbbbb@telegram?chats=SECRETchat":         "api.telegram.org",
	"twilio://ACSECRET:SECRETtoken@+15551234567/+15559876543":                                  "api.twilio.com",
	"wecom://SECRET-key": "qyapi.weixin.qq.com",
	"zulip://SECRETbot%40h:SECRETkey@zulip.example/?stream=SECRETstream&topic=SECRETtopic": "zulip.example",
}

// keeper keeps what a message becomes.
type keeper struct {
	rehearsal
	fails error
}

func (k *keeper) Do(request *http.Request) (*http.Response, error) {
	response, err := k.rehearsal.Do(request)
	if k.fails != nil {
		return nil, k.fails
	}
	return response, err
}

// parse fails the test if anything tries to reach the network past the client.
func parse(t *testing.T, raw string) *Address {
	t.Helper()
	transport := http.DefaultTransport
	http.DefaultTransport = offline{}
	defer func() { http.DefaultTransport = transport }()
	address, err := Parse(raw)
	require.NoError(t, err, raw)
	return address
}

type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) { panic("the network is used") }

func TestEveryServiceOfTheLibraryIsKnown(t *testing.T) {
	var library router.ServiceRouter
	tried := map[string]bool{}
	for raw := range examples {
		name, _, _ := strings.Cut(raw, "://")
		name, _, _ = strings.Cut(name, "+")
		tried[name] = true
	}
	for _, name := range library.ListServices() {
		require.True(t, tried[name] != (elsewhere[name] != ""), name)
		require.Equal(t, tried[name], slices.Contains(services(), name), name)
	}
}

func TestEveryServiceGetsSubjectAndText(t *testing.T) {
	for raw, host := range examples {
		t.Run(raw, func(t *testing.T) {
			address := parse(t, raw)
			require.Equal(t, address.service+" "+host, address.Name())
			kept := &keeper{}
			// Some want another answer than the rehearsal's.
			_ = address.Send(kept, Message{Subject: "api-is-down", Text: "first line\nlast-line"})
			// Zulip is first asked for its limits.
			require.NotEmpty(t, kept.all)
			post := kept.all[len(kept.all)-1]
			require.Equal(t, host, post.host)
			require.Contains(t, post.text, "api-is-down")
			require.Contains(t, post.text, "last-line")
		})
	}
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	address := parse(t, "discord://token1234@id1234")
	require.ErrorContains(t, address.Send(&keeper{fails: errors.New("gone")}, message), "gone")
	// Telegram's part of the library takes what it cannot read for a success.
	require.NoError(t, parse(t, "telegram://1:token@telegram?chats=1").Send(&keeper{fails: errors.New("gone")}, message))
}

func TestMessagesAreHarmless(t *testing.T) {
	for raw, want := range map[string]string{
		"discord://token1234@id1234":                                        `{"embeds":[{"title":"[CRITICAL] api is down","description":"row_count 0 \u003c 1\n\n\u003c!channel\u003e \u0026 @` + "\u2060" + `all"`,
		"slack://hook:T00000000-B00000000-abcdefghijklmnopqrstuvwx@webhook": `"attachments":[{"text":"row_count 0 \u0026lt; 1"},{"text":""},{"text":"\u0026lt;!channel\u0026gt; \u0026amp; @all"}]`,
		"googlechat://h/v1?key=k&token=t":                                   `{"text":"[CRITICAL] api is down\n\nrow_count 0 \u003c 1\n\n\u003c!channel\u003e \u0026 @` + "\u2060" + `all"}`,
		"telegram://1:token@telegram?chats=2":                               `@` + "\u2060" + `all",`,
	} {
		kept := &keeper{}
		_ = parse(t, raw).Send(kept, message)
		require.Contains(t, kept.all[0].text, want)
	}
}

func TestLongMessagesAreCutAtALine(t *testing.T) {
	lines := strings.Repeat("a line that says something\n", 400)
	for raw, limit := range map[string]int{"ntfy://h/topic": textLimit, "pushover://x:token1@user1": 1000, "wecom://key1": 2000} {
		address := parse(t, raw)
		fit := address.fit(Message{Subject: strings.Repeat("s", 300), Text: lines})
		require.LessOrEqual(t, len(fit.Subject)+len(fit.Text), limit)
		require.Greater(t, len(fit.Subject)+len(fit.Text), limit/2)
		require.True(t, strings.HasSuffix(fit.Text, "something"+more), raw)
	}
	// A long message is still one request.
	kept := &keeper{}
	require.NoError(t, parse(t, "discord://token1234@id1234").Send(kept, Message{Subject: "s", Text: lines}))
	require.Len(t, kept.all, 1)
}

func TestPagerDutyEvents(t *testing.T) {
	address := parse(t, "pagerduty:///5ec2e7593faa24ba2a5511afdf565c88")
	owned := message.Alerts[0]
	owned.Owner = "ann"
	kept := &keeper{}
	for _, event := range address.Messages(Message{Alerts: append([]health.Alert{owned}, message.Alerts...)}) {
		require.NoError(t, address.Send(kept, event))
	}
	require.Len(t, kept.all, 3)
	for i, want := range []string{
		`"payload":{"summary":"api/eu is down: row_count 0 \u003c 1","severity":"error","source":"api/eu"},"routing_key":"5ec2e7593faa24ba2a5511afdf565c88","event_action":"acknowledge","dedup_key":"paramedic/api-1"`,
		`"event_action":"trigger","dedup_key":"paramedic/api-1"`,
		`"severity":"warning","source":"db"},"routing_key":"5ec2e7593faa24ba2a5511afdf565c88","event_action":"resolve","dedup_key":"paramedic/db-1"`,
	} {
		require.Contains(t, kept.all[i].text, want)
	}
	require.Len(t, parse(t, "ntfy://h/topic").Messages(message), 1)
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for address, want := range map[string]string{
		"":                                       "is not an address; write it like ntfy://[USER:PASSWORD@]HOST/TOPIC",
		"xoxb-SECRET":                            "is not an address; write it like ntfy://",
		"foo://SECRET":                           `"foo" is none of the services known here: bark, discord, generic, googlechat, gotify`,
		"https://h/SECRET":                       `"https" is none of the services known here`,
		"smtp://SECRET@h/":                       "smtp:// is not taken here: use the receiver smtp",
		"mqtt://SECRET@h/":                       "mqtt:// is not taken here: use the receiver webhook",
		"logger://":                              "logger:// is not taken here: use the receiver log",
		"ntfy://h/SECRET%zz":                     "is not an address of ntfy; write it like ntfy://",
		"ntfy://h":                               "is not an address of ntfy: topic is required; write it like ntfy://",
		"ntfy:///SECRET":                         "is not an address of ntfy: it names no host",
		"ntfy://h/t?SECRET=1":                    "is not an address of ntfy; write it like ntfy://",
		"ntfy://h/t?priority=SECRET":             "is not an address of ntfy; write it like ntfy://",
		"discord://SECRET":                       "is not an address of discord: setting config URL: token missing from config URL; write it like discord://TOKEN@WEBHOOK-ID",
		"discord+https://h/SECRET":               "is not an address of discord",
		"slack://SECRET":                         "is not an address of slack: invalid slack token format; write it like slack://hook:",
		"slack://hook:SECRET@webhook":            "is not an address of slack",
		"telegram://SECRET@telegram":             "is not an address of telegram",
		"telegram://1:SECRET@telegram?chats=1,2": "names more than one place of telegram, and a failure of one would repeat the others",
		"matrix://:SECRET@h/?rooms=!a:h,!b:h":    "names more than one place of matrix",
		"matrix://:SECRET@h/":                    "is not an address of matrix; write it like",
		"matrix://me:SECRET@h/?rooms=!r":         "a user's password is not taken; write it like matrix://:ACCESS-TOKEN@HOST",
		"generic+https://h/?template=SECRET":     "is not an address of generic; write it like generic+https://",
		"generic+ftp://h/SECRET":                 "is not an address of generic",
		"teams://?host=http%3A%2F%2Fh%2FSECRET":  "is not an address of teams",
		"pagerduty://h/SECRET/SECRET":            "is not an address of pagerduty: invalid integration key",
		"pushover://SECRET":                      "is not an address of pushover: token missing",
		"zulip://SECRET@h/":                      "is not an address of zulip",
		"pushbullet://SECRET":                    "is not an address of pushbullet: token has incorrect size; the documentation of shoutrrr says",
	} {
		_, err := Parse(address)
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, strings.ToUpper(err.Error()), "SECRET", address)
	}
}

// Whatever part of its address or of a request a server repeats: nothing of it
// may be read.
func TestSecretsAreComplete(t *testing.T) {
	for raw := range examples {
		address := parse(t, raw)
		require.NotContains(t, address.Name(), "SECRET")
		kept := &keeper{fails: io.ErrUnexpectedEOF}
		err := address.Send(kept, Message{Subject: "s", Text: "t"})
		redactor := option.NewRedactor(address.Secrets())
		for _, text := range []string{raw, kept.all[0].text, kept.all[0].url.String(), fmt.Sprint(err)} {
			require.NotContains(t, redactor.Redact(text), "SECRET", raw)
			require.NotContains(t, redactor.Redact(text), "5ec2e7", raw)
		}
	}
}

// No address, however odd, ends the process or is taken without a host.
func FuzzParse(f *testing.F) {
	for raw := range examples {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if address, err := Parse(raw); err == nil {
			require.NotEmpty(t, address.host)
			_ = address.Send(&keeper{}, message)
		}
	})
}
