package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// generic posts to any address what is after "generic+".
func generic(scheme string) service {
	s := service{name: scheme, form: scheme + "://HOST/PATH[?template=json]", limit: textLimit}
	s.open = func(u *url.URL) (writer, error) {
		target, query := *u, u.Query()
		if u.Hostname() == "" {
			return nil, errors.New("names no host")
		}
		if u.User != nil {
			return nil, errors.New("holds a user or password; the kind webhook sends headers")
		}
		for name := range query {
			if strings.HasPrefix(name, "@") || strings.HasPrefix(name, "$") {
				return nil, errors.New("has something after the \"?\" that begins with @ or $; the kind webhook sends headers")
			}
		}
		template := strings.ToLower(query.Get("template"))
		if template != "" && template != "json" {
			return nil, errors.New("has a template other than json")
		}
		query.Del("template")
		target.Scheme, target.RawQuery = strings.TrimPrefix(scheme, "generic+"), query.Encode()
		return func(m Message) ([]Post, error) {
			if template == "json" {
				return posted(target.String(), nil, map[string]string{"title": m.Subject, "message": m.Text})
			}
			return one(http.MethodPost, target.String(), "text/plain; charset=utf-8", nil, []byte(m.whole())), nil
		}, nil
	}
	return s
}

// teams posts to the address of a workflow, "When a Teams webhook request is
// received"; the connectors that came before it are gone.
var teams = service{
	name: "teams+https", form: "teams+https://HOST/WORKFLOW-PATH?WORKFLOW-QUERY", limit: textLimit,
	open: func(u *url.URL) (writer, error) {
		target := *u
		target.Scheme = "https"
		if u.Hostname() == "" || len(segments(u)) == 0 || u.User != nil {
			return nil, errors.New("is not a workflow's address with teams+ before it")
		}
		return func(m Message) ([]Post, error) {
			return posted(target.String(), nil, card(m))
		}, nil
	},
}

// card is an Adaptive Card of runs of text, which unlike blocks of text are
// taken literally: "row_count_a" keeps its signs.
func card(m Message) any {
	paragraph := func(text, weight string) any {
		run := map[string]any{"type": "TextRun", "text": text, "weight": weight}
		return map[string]any{"type": "RichTextBlock", "inlines": []any{run}, "spacing": "Small"}
	}
	body := []any{paragraph(or(m.Subject, "paramedic"), "Bolder")}
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			body = append(body, paragraph(line, "Default"))
		}
	}
	content := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": body,
	}
	attachment := map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
	return map[string]any{"type": "message", "attachments": []any{attachment}}
}

var matrix = service{
	name: "matrix", form: "matrix://:ACCESS-TOKEN@HOST/?rooms=!ROOM:HOST", limit: textLimit,
	params: append([]string{"rooms"}, insecure...),
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		token, _ := u.User.Password()
		room := param(u, "rooms")
		switch {
		case u.User.Username() != "" || token == "":
			return nil, errors.New("has not an access token alone; a user's password is not taken")
		case !strings.HasPrefix(room, "!") || strings.Contains(room, ","):
			return nil, errors.New("has not exactly one room by its id, which begins with \"!\"")
		}
		return func(m Message) ([]Post, error) {
			// The server takes each transaction once: a retry does no harm.
			sum := sha256.Sum256([]byte(m.Key))
			target := at(server+"/_matrix/client/v3/rooms", room, "send", "m.room.message", hex.EncodeToString(sum[:16]))
			posts, err := posted(target, bearer(token), map[string]string{"msgtype": "m.text", "body": m.whole()})
			if err != nil {
				return nil, err
			}
			posts[0].Method = http.MethodPut
			return posts, nil
		}, nil
	},
}
