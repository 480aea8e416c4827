package chat

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/option"
)

func TestParseSaysWhatIsWrong(t *testing.T) {
	for address, want := range map[string]string{
		"":                                         "is not an address; write it like ntfy://[USER:PASSWORD@]HOST/TOPIC",
		"xoxb-SECRET":                              "is not an address; write it like ntfy://[USER:PASSWORD@]HOST/TOPIC",
		"SECRET:SECRET":                            "is not an address; write it like ntfy://",
		"foo://SECRET":                             `"foo" is none of the services known here: discord, generic+http, generic+https, googlechat, gotify, matrix, mattermost, ntfy, pagerduty, pushover, rocketchat, slack, teams+https, telegram, zulip; for others there are the kinds webhook and smtp`,
		"https://h/SECRET":                         `"https" is none of the services known here`,
		"ntfy://h/SECRET%zz":                       "is not an address of ntfy; write it like ntfy://",
		"ntfy://h/SECRET#SECRET":                   "is not an address of ntfy; write it like ntfy://",
		"ntfy://h":                                 "has not exactly one topic after the host; write it like ntfy://",
		"ntfy:///SECRET":                           "names no host; write it like ntfy://",
		"ntfy://h/t?SECRET=1":                      `has something after the "?" other than priority, tags, scheme, disabletls; write it like ntfy://`,
		"ntfy://h/t?tags=1&tags=2":                 "has tags twice; write it like",
		"ntfy://h/t?scheme=SECRET":                 "has a scheme that is neither http nor https",
		"ntfy://h/t?priority=SECRET":               "has a priority that is no number from 1 to 5",
		"ntfy://h/t?%zz":                           `has something after the "?" that cannot be read`,
		"gotify://h/t?priority=11":                 "has a priority that is no number from 0 to 10",
		"discord://SECRET":                         "lacks the webhook's token or id; write it like discord://TOKEN@WEBHOOK-ID",
		"slack://SECRET":                           "is neither a webhook nor a bot's token with a channel; write it like slack://hook:T000-B000-KEY@webhook or slack://xoxb:1-2-KEY@CHANNEL",
		"slack://hook:SECRET@webhook":              "has a webhook that is not three parts",
		"telegram://SECRET@telegram":               "lacks the bot's token",
		"telegram://1:SECRET@x?chats=1":            "does not say telegram after the @",
		"telegram://1:SECRET@telegram?chats=1,2":   "has not exactly one chat (a receiver tells one; make one for each)",
		"telegram://1:SECRET@telegram?chats=1:x":   "has a topic after the chat's colon that is no number",
		"matrix://me:SECRET@h/?rooms=!r":           "has not an access token alone; a user's password is not taken",
		"matrix://:SECRET@h/?rooms=%23r":           "has not exactly one room by its id",
		"generic+https://h/?@Authorization=SECRET": "the kind webhook sends headers",
		"generic+https://me:SECRET@h/":             "holds a user or password; the kind webhook sends headers",
		"generic+https://h/?template=SECRET":       "has a template other than json",
		"teams+https://h":                          "is not a workflow's address with teams+ before it",
		"googlechat://h/v1?key=SECRET":             "lacks the space, the key or the token",
		"mattermost://h/":                          "has not one token and at most one channel",
		"rocketchat://h/SECRET":                    "has not two tokens",
		"pagerduty://h/SECRET/SECRET":              "has not exactly one integration key",
		"pushover://SECRET":                        "lacks the application's token or the user's key",
		"zulip://SECRET@h/":                        "lacks the bot's address, its key or the stream",
	} {
		_, err := Parse(address)
		require.ErrorContains(t, err, want, address)
		require.NotContains(t, err.Error(), "SECRET", address)
	}
}

// Whatever part of its address or of a request a server repeats: nothing of it
// may be read.
func TestSecretsAreComplete(t *testing.T) {
	for _, raw := range examples {
		address, err := Parse(raw)
		require.NoError(t, err)
		require.NotContains(t, address.Name(), "SECRET")
		posts, err := address.Posts(message)
		require.NoError(t, err)
		redactor := option.NewRedactor(address.Secrets())
		texts := []string{raw}
		for _, post := range posts {
			texts = append(texts, post.URL, string(post.Body))
			for _, values := range post.Header {
				texts = append(texts, strings.Join(values, " "))
			}
		}
		for _, text := range texts {
			require.NotContains(t, redactor.Redact(text), "SECRET", raw)
		}
		if credentials := posts[0].Header.Get("Authorization"); credentials != "" {
			require.Regexp(t, `^(Basic|Bearer) \*\*\*$`, redactor.Redact(credentials), raw)
		}
	}
}
