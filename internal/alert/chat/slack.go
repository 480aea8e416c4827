package chat

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// slackTokens are how the tokens of Slack begin that may post.
var slackTokens = []string{"xoxb", "xoxp", "xoxe.xoxp", "xoxe.xoxb"}

var slack = service{
	name: "slack", form: "slack://hook:T000-B000-KEY@webhook or slack://xoxb:1-2-KEY@CHANNEL", limit: textLimit,
	params: []string{"thread_ts"},
	open: func(u *url.URL) (writer, error) {
		kind, rest := u.User.Username(), ""
		if u.User != nil {
			rest, _ = u.User.Password()
		}
		switch {
		case kind == "hook" && u.Host == "webhook":
			return slackHook(strings.Split(rest, "-"))
		case rest == "" && len(segments(u)) == 2:
			// The older form: slack://[name@]T000/B000/KEY.
			return slackHook(append([]string{u.Host}, segments(u)...))
		case slices.Contains(slackTokens, kind) && rest != "" && u.Host != "":
			return slackBot(kind+"-"+rest, u.Host, param(u, "thread_ts")), nil
		default:
			return nil, errors.New("is neither a webhook nor a bot's token with a channel")
		}
	},
	failure: slackFailure,
}

func slackHook(parts []string) (writer, error) {
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, errors.New("has a webhook that is not three parts: T..., B... and a key")
	}
	target := at("https://hooks.slack.com/services", parts...)
	return func(m Message) ([]Post, error) {
		return posted(target, nil, map[string]any{"text": slackText(m), "mrkdwn": false})
	}, nil
}

func slackBot(token, channel, thread string) writer {
	return func(m Message) ([]Post, error) {
		document := map[string]any{
			"channel": channel, "text": slackText(m), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false,
		}
		if thread != "" {
			document["thread_ts"] = thread
		}
		return posted("https://slack.com/api/chat.postMessage", bearer(token), document)
	}
}

// slackText escapes the three signs that make up commands there, "<!channel>"
// among them.
func slackText(m Message) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.whole())
}

// slackPassing are the errors of chat.postMessage after which trying again helps.
var slackPassing = []string{
	"ratelimited", "rate_limited", "message_limit_exceeded", "internal_error", "fatal_error",
	"service_unavailable", "request_timeout", "team_added_to_org",
}

func slackFailure(body []byte) (text string, final bool) {
	var answer struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
	}
	// A webhook answers "ok" and no document.
	if json.Unmarshal(body, &answer) != nil || answer.OK == nil || *answer.OK {
		return "", false
	}
	return or(answer.Error, http.StatusText(http.StatusBadRequest)), !slices.Contains(slackPassing, answer.Error)
}
