package chat

import "slices"

// forms are how the addresses of the common services are written.
var forms = map[string]string{
	"discord":    "discord://TOKEN@WEBHOOK-ID",
	"generic":    "generic+https://HOST/PATH?template=json",
	"googlechat": "googlechat://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN",
	"gotify":     "gotify://HOST/TOKEN",
	"matrix":     "matrix://:ACCESS-TOKEN@HOST/?rooms=!ROOM:HOST",
	"mattermost": "mattermost://[NAME@]HOST/TOKEN[/CHANNEL]",
	"ntfy":       "ntfy://[USER:PASSWORD@]HOST/TOPIC",
	"opsgenie":   "opsgenie://api.opsgenie.com/API-KEY",
	"pagerduty":  "pagerduty://events.pagerduty.com/INTEGRATION-KEY",
	"pushover":   "pushover://shoutrrr:API-TOKEN@USER-KEY",
	"rocketchat": "rocketchat://[NAME@]HOST/TOKEN-A/TOKEN-B[/CHANNEL]",
	"slack":      "slack://hook:T000-B000-KEY@webhook or slack://xoxb:1-2-KEY@CHANNEL",
	"teams":      "teams://?host=WORKFLOW-ADDRESS, the address written as https%3A%2F%2F…",
	"telegram":   "telegram://BOT-TOKEN@telegram?chats=CHAT",
	"zulip":      "zulip://BOT%40HOST:KEY@HOST/?stream=STREAM&topic=TOPIC",
}

func example(name string) string {
	if form := forms[name]; form != "" {
		return "; write it like " + form
	}
	return "; the documentation of shoutrrr says how it is written"
}

// elsewhere are services of the library that open connections of their own,
// which nothing here could bound, and what to do instead.
var elsewhere = map[string]string{
	"smtp": "use the receiver smtp", "logger": "use the receiver log",
	"mqtt": "use the receiver webhook with a bridge", "mqtts": "use the receiver webhook with a bridge",
}

// always are parameters that every message is sent with. A message is one
// request, so that none is told in part; and nobody fetches what a text links.
var always = map[string]map[string]string{"discord": {"splitlines": "No"}, "telegram": {"preview": "No"}}

// textLimit is how many bytes of text all services take that have no narrower
// limit of their own; more nobody reads in a chat.
const textLimit = 3500

// limits are how many bytes of text a service takes if that is less, or would
// otherwise refuse: the services' own documentation.
var limits = map[string]int{
	"bark": 2500, "notifiarr": 1900, "pagerduty": 1000, "pushover": 1000, "twilio": 1500, "wecom": 2000,
}

// commonplace are parts of addresses that give nothing away; masking them
// would make errors unreadable.
var commonplace = []string{
	"hook", "webhook", "telegram", "shoutrrr", "http", "https", "json", "true", "default", "high", "urgent", "messages", "spaces",
}

func withoutCommonplace(secrets []string) []string {
	return slices.DeleteFunc(secrets, func(s string) bool { return slices.Contains(commonplace, s) })
}
