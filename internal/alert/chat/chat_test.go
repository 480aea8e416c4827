package chat

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var message = Message{
	Subject: "[CRITICAL] api is down", Text: "row_count 0 < 1\n<!channel> & @all", Key: "api-1/down",
	Alerts: []health.Alert{{
		Status: health.AlertDown, Incident: "api-1", Service: "api", Target: "eu", Severity: "page", Reason: "row_count 0 < 1",
		Since: time.Date(2026, 3, 19, 14, 30, 0, 0, time.UTC), Runbook: "https://runbooks.example/api", Affected: []string{"shop"},
	}, {Status: health.AlertRecovered, Incident: "db-1"}},
}

const jsonType, formType = "application/json", "application/x-www-form-urlencoded"

// auth is the header of a user and a password.
func auth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestPosts(t *testing.T) {
	const whole = `[CRITICAL] api is down\n\nrow_count 0 < 1\n<!channel> & @all`
	const hushed = "[CRITICAL] api is down\\n\\nrow_count 0 < 1\\n<!channel> & @\u2060all"
	const escaped = `[CRITICAL] api is down\n\nrow_count 0 &lt; 1\n&lt;!channel&gt; &amp; @all`
	const split = `"title":"[CRITICAL] api is down","message":"row_count 0 < 1\n<!channel> & @all"`
	for address, want := range map[string]struct {
		url, auth, body string
	}{
		"discord://TOKEN@123?thread_id=9": {"https://discord.com/api/webhooks/123/TOKEN?wait=true&thread_id=9", "",
			`{"content":"` + whole + `","username":"paramedic","allowed_mentions":{"parse":[]}}`},
		"slack://hook:T0-B0-abc@webhook": {"https://hooks.slack.com/services/T0/B0/abc", "", `{"text":"` + escaped + `","mrkdwn":false}`},
		"slack://bot@T0/B0/abc":          {"https://hooks.slack.com/services/T0/B0/abc", "", `{"text":"` + escaped + `","mrkdwn":false}`},
		"slack://xoxb:1-2-abc@C01?thread_ts=1.2": {"https://slack.com/api/chat.postMessage", "Bearer xoxb-1-2-abc",
			`{"channel":"C01","text":"` + escaped + `","mrkdwn":false,"unfurl_links":false,"unfurl_media":false,"thread_ts":"1.2"}`},
		"telegram://12:ABC@telegram?chats=-100:7&notification=no": {"https://api.telegram.org/bot12:ABC/sendMessage", "",
			`{"chat_id":"-100","message_thread_id":7,"disable_notification":true,"text":"` + whole + `","link_preview_options":{"is_disabled":true}}`},
		"ntfy://ntfy.sh/topic": {"https://ntfy.sh/", "", `{"topic":"topic","priority":3,` + split + `}`},
		"ntfy://me:pw@localhost:1/t?scheme=http&priority=high&tags=a,b": {"http://localhost:1/", auth("me", "pw"),
			`{"topic":"t","priority":4,"tags":["a","b"],` + split + `}`},
		"ntfy://:tk_1@ntfy.sh/t":                      {"https://ntfy.sh/", auth("", "tk_1"), `{"topic":"t","priority":3,` + split + `}`},
		"gotify://push.example/sub/Atoken?priority=9": {"https://push.example/sub/message", "", `{"priority":9,` + split + `}`},
		"mattermost://ops@chat.example/tok/town":      {"https://chat.example/hooks/tok", "", `{"text":"` + hushed + `","username":"ops","channel":"town"}`},
		"mattermost://h:1/tok?disabletls=yes":         {"http://h:1/hooks/tok", "", `{"text":"` + hushed + `","username":"paramedic"}`},
		"rocketchat://chat.example/a/b/ops":           {"https://chat.example/hooks/a/b", "", `{"text":"` + hushed + `","username":"paramedic","channel":"#ops"}`},
		"googlechat://chat.googleapis.com/v1/spaces/S/messages?key=k&token=t": {
			"https://chat.googleapis.com/v1/spaces/S/messages?key=k&token=t", "", `{"text":"` + whole + `"}`},
		"matrix://:tok@m.example/?rooms=!r:m.example": {
			"", "Bearer tok", // its own test looks at the URL
			`{"msgtype":"m.text","body":"` + whole + `"}`},
		"generic+https://h/p?x=1&template=json": {"https://h/p?x=1", "", `{` + split + `}`},
		"teams+https://h/workflows/w?sig=s": {"https://h/workflows/w?sig=s", "", `{"type":"message","attachments":[{
			"contentType":"application/vnd.microsoft.card.adaptive","content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json",
			"type":"AdaptiveCard","version":"1.4","body":[
			{"type":"RichTextBlock","spacing":"Small","inlines":[{"type":"TextRun","weight":"Bolder","text":"[CRITICAL] api is down"}]},
			{"type":"RichTextBlock","spacing":"Small","inlines":[{"type":"TextRun","weight":"Default","text":"row_count 0 < 1"}]},
			{"type":"RichTextBlock","spacing":"Small","inlines":[{"type":"TextRun","weight":"Default","text":"<!channel> & @all"}]}]}}]}`},
	} {
		t.Run(address, func(t *testing.T) {
			posts := write(t, address, message)
			require.Len(t, posts, 1)
			if want.url != "" {
				require.Equal(t, want.url, posts[0].URL)
				require.Equal(t, http.MethodPost, posts[0].Method)
			}
			require.Equal(t, want.auth, posts[0].Header.Get("Authorization"))
			require.Equal(t, jsonType, posts[0].Header.Get("Content-Type"))
			require.JSONEq(t, want.body, string(posts[0].Body))
		})
	}
}

func write(t *testing.T, address string, m Message) []Post {
	t.Helper()
	parsed, err := Parse(address)
	require.NoError(t, err)
	posts, err := parsed.Posts(m)
	require.NoError(t, err)
	return posts
}

func TestPostsThatAreForms(t *testing.T) {
	post := write(t, "pushover://shoutrrr:app@Ukey?devices=a,b&priority=1", message)[0]
	require.Equal(t, "https://api.pushover.net/1/messages.json", post.URL)
	require.Equal(t, formType, post.Header.Get("Content-Type"))
	require.Equal(t, url.Values{
		"token": {"app"}, "user": {"Ukey"}, "device": {"a,b"}, "priority": {"1"},
		"title": {message.Subject}, "message": {message.Text},
	}, fields(t, post))

	post = write(t, "zulip://bot%40z.example:key@z.example/?stream=ops&topic=on%20call", message)[0]
	require.Equal(t, "https://z.example/api/v1/messages", post.URL)
	require.Equal(t, auth("bot@z.example", "key"), post.Header.Get("Authorization"))
	require.Equal(t, url.Values{
		"type": {"stream"}, "to": {"ops"}, "topic": {"on call"}, "content": {quiet(message.Subject + "\n\n" + message.Text)},
	}, fields(t, post))

	post = write(t, "generic+http://h:1/p", message)[0]
	require.Equal(t, "text/plain; charset=utf-8", post.Header.Get("Content-Type"))
	require.Equal(t, message.Subject+"\n\n"+message.Text, string(post.Body))
}

func fields(t *testing.T, post Post) url.Values {
	t.Helper()
	values, err := url.ParseQuery(string(post.Body))
	require.NoError(t, err)
	return values
}

// A retry is the same transaction, another message another one.
func TestMatrixTransactions(t *testing.T) {
	const address = "matrix://:tok@m.example/?rooms=!r:m.example&disableTLS=yes"
	first, again := write(t, address, message)[0], write(t, address, message)[0]
	other := message
	other.Key = "api-1/recovered"
	require.Equal(t, http.MethodPut, first.Method)
	require.Equal(t, first, again)
	require.NotEqual(t, first.URL, write(t, address, other)[0].URL)
	require.Regexp(t, `^http://m\.example/_matrix/client/v3/rooms/%21r:m\.example/send/m\.room\.message/[0-9a-f]{32}$`, first.URL)
}

func TestPagerDuty(t *testing.T) {
	acknowledged := message
	acknowledged.Alerts = append(slices.Clone(message.Alerts), health.Alert{Status: health.AlertDown, Incident: "x-1", Owner: "ana"})
	posts := write(t, "pagerduty://events.eu.pagerduty.com/KEY", acknowledged)
	require.Len(t, posts, 3)
	require.Equal(t, "https://events.eu.pagerduty.com/v2/enqueue", posts[0].URL)
	require.JSONEq(t, `{"routing_key":"KEY","event_action":"trigger","dedup_key":"paramedic/api-1","client":"paramedic",
		"links":[{"href":"https://runbooks.example/api","text":"Runbook"}],
		"payload":{"summary":"api/eu is down: row_count 0 < 1","source":"api/eu","severity":"error","component":"api",
		"timestamp":"2026-03-19T14:30:00Z","custom_details":{"incident":"api-1","reason":"row_count 0 < 1","news":"","action":"",
		"impact":"","evidence":"","attempts":0,"affected":["shop"]}}}`, string(posts[0].Body))
	require.JSONEq(t, `{"routing_key":"KEY","event_action":"resolve","dedup_key":"paramedic/db-1"}`, string(posts[1].Body))
	require.Contains(t, string(posts[2].Body), `"event_action":"acknowledge"`)
}

// Every service keeps to its limit and cuts at the end of a line.
func TestLongTexts(t *testing.T) {
	long := Message{Subject: strings.Repeat("s", 300), Text: strings.Repeat("a line of evidence, wörd by wörd\n", 1000), Alerts: message.Alerts}
	for _, address := range examples {
		for _, post := range write(t, address, long) {
			body := string(post.Body)
			if post.Header.Get("Content-Type") == formType {
				body = fields(t, post).Get("message") + fields(t, post).Get("content")
			}
			parsed, _ := Parse(address)
			require.Less(t, strings.Count(body, "wörd by wörd"), parsed.limit/34, address)
			if !strings.HasPrefix(address, "pagerduty") && !strings.HasPrefix(address, "teams") {
				require.Regexp(t, `evidence, wörd by wörd(\\n|\n)…`, body, address)
			}
		}
	}
	require.Equal(t, "abc…", cut("abcdefgh", 6))
	require.Equal(t, "abcd\n…", cut("abcd\nefgh\nijkl", 9))
}

// examples hold one address of every service, each with its secrets in it.
var examples = []string{
	"discord://SECRET-token@SECRET-id", "generic+http://h.example/SECRET-path?key=SECRET-key", "generic+https://h.example/SECRET-path",
	"googlechat://chat.googleapis.com/v1/spaces/SECRET-space/messages?key=SECRET-key&token=SECRET-token",
	"gotify://h.example/SECRET-token", "matrix://:SECRET-token@h.example/?rooms=!SECRET-room:h.example",
	"mattermost://h.example/SECRET-token/SECRET-channel", "ntfy://SECRET-user:SECRET-pw@h.example/SECRET-topic",
	"pagerduty://h.example/SECRET-key", "pushover://shoutrrr:SECRET-token@SECRET-user", "rocketchat://h.example/SECRET-a/SECRET-b",
	"slack://hook:SECRET0-SECRET1-SECRET2@webhook", "slack://xoxb:SECRET-1@SECRET-channel",
	"teams+https://h.example/SECRET-path?sig=SECRET-sig", "telegram://12345:SECRET@telegram?chats=SECRET-chat",
	"zulip://SECRET%40h.example:SECRET-key@h.example/?stream=SECRET-stream",
}

func TestExamplesAreComplete(t *testing.T) {
	named := map[string]bool{}
	for _, address := range examples {
		name, _, _ := strings.Cut(address, "://")
		named[name] = true
	}
	require.Equal(t, slices.Sorted(maps.Keys(Forms())), slices.Sorted(maps.Keys(named)))
}

func TestFailureOfSlack(t *testing.T) {
	address, err := Parse("slack://xoxb:1-2-abc@C01")
	require.NoError(t, err)
	for body, want := range map[string]struct {
		text  string
		final bool
	}{
		`{"ok":true,"ts":"1.2"}`: {}, "ok": {}, "": {}, "{": {}, "null": {},
		`{"ok":false,"error":"channel_not_found"}`: {"channel_not_found", true},
		`{"ok":false,"error":"ratelimited"}`:       {"ratelimited", false},
		`{"ok":false}`:                             {"Bad Request", true},
	} {
		text, final := address.Failure([]byte(body))
		require.Equal(t, want.text, text, body)
		require.Equal(t, want.final, final, body)
	}
	other, err := Parse("ntfy://ntfy.sh/topic")
	require.NoError(t, err)
	text, _ := other.Failure([]byte(`{"ok":false}`))
	require.Empty(t, text)
}

func TestQuiet(t *testing.T) {
	require.Equal(t, "me@example.org, @\u2060all, @\u2060**all**, @allison", quiet("me@example.org, @all, @**all**, @allison"))
}

func TestBodiesAreValidJSON(t *testing.T) {
	odd := Message{Subject: "a\xffb", Text: "\x00\"\\\u2028", Alerts: []health.Alert{{Evidence: "\xff"}}}
	for _, address := range examples {
		for _, post := range write(t, address, odd) {
			if post.Header.Get("Content-Type") == jsonType {
				require.True(t, json.Valid(post.Body), address)
			}
		}
	}
}
