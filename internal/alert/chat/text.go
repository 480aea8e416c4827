package chat

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"paramedic/internal/health"
)

// subjectLimit is how many bytes of a subject are told.
const subjectLimit = 200

// more ends a text that was cut.
const more = "\n…"

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

func valid(text string) string { return strings.TrimSpace(strings.ToValidUTF8(text, "")) }

// whole is a message for services that know no subject.
func (m Message) whole() string {
	return strings.TrimSpace(m.Subject + "\n\n" + m.Text)
}

// calls are the words that ring for everybody in a channel.
var calls = regexp.MustCompile(`@(\**(?:all|channel|here|everyone)\b)`)

// quiet keeps what a probe has read somewhere from calling a whole channel: an
// invisible sign comes after the "@".
func quiet(text string) string { return calls.ReplaceAllString(text, "@\u2060$1") }

// posted is a request with a JSON document.
func posted(address string, header http.Header, document any) ([]Post, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return one(http.MethodPost, address, "application/json", header, bytes.TrimSpace(buffer.Bytes())), nil
}

// form is a request with the fields of a form.
func form(address string, header http.Header, fields url.Values) []Post {
	return one(http.MethodPost, address, "application/x-www-form-urlencoded", header, []byte(fields.Encode()))
}

func one(method, address, content string, header http.Header, body []byte) []Post {
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", content)
	return []Post{{Method: method, URL: address, Header: header, Body: body}}
}
