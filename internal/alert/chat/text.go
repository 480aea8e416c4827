package chat

import (
	"maps"
	"regexp"
	"strings"

	"paramedic/internal/health"
)

// subjectLimit is how many bytes of a subject are told.
const subjectLimit = 200

// more ends a text that was cut.
const more = "\n…"

// fit makes of m what the service takes: a subject only if it knows subjects,
// and as much text as is read there.
func (a *Address) fit(m Message) Message {
	limit := textLimit
	if narrow, found := limits[a.service]; found {
		limit = narrow
	}
	subject, text := cut(tidy(m.Subject), subjectLimit), tidy(m.Text)
	text = a.harmless(cut(text, limit-len(subject)-len("\n\n")))
	subject = a.harmless(subject)
	if !a.titled || text == "" {
		text, subject = strings.TrimSpace(subject+"\n\n"+text), ""
	}
	params := maps.Clone(always[a.service])
	if params == nil {
		params = map[string]string{}
	}
	maps.Copy(params, m.params)
	return Message{Subject: subject, Text: text, params: params}
}

// cut shortens text to at most limit bytes, at the end of a line if there is
// one in the latter half of what is kept.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	if end := strings.LastIndexByte(text[:max(0, limit-len(more))+1], '\n'); end >= limit/2 {
		return text[:end] + more
	}
	return health.Clip(text, limit)
}

func tidy(text string) string { return strings.TrimSpace(strings.ToValidUTF8(text, "")) }

// calls are the words that ring for everybody in a channel.
var calls = regexp.MustCompile(`@(\**(?:all|channel|here|everyone)\b)|<(users/)`)

// slackMarks are what Slack reads as more than text.
var slackMarks = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// harmless keeps what a probe has read somewhere from calling a whole channel:
// an invisible sign comes between.
func (a *Address) harmless(text string) string {
	if a.service == "slack" {
		return slackMarks.Replace(text)
	}
	return calls.ReplaceAllStringFunc(text, func(call string) string { return call[:1] + "\u2060" + call[1:] })
}
