package chat

import (
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

var telegram = service{
	name: "telegram", form: "telegram://BOT-TOKEN@telegram?chats=CHAT", limit: textLimit,
	params: []string{"chats", "notification"},
	open: func(u *url.URL) (writer, error) {
		secret, _ := u.User.Password()
		chat, thread, threaded := strings.Cut(param(u, "chats"), ":")
		topic, err := strconv.Atoi(thread)
		switch {
		case u.User.Username() == "" || secret == "":
			return nil, errors.New("lacks the bot's token, which is a number, a colon and letters")
		case u.Host != "telegram":
			return nil, errors.New("does not say telegram after the @")
		case chat == "" || strings.Contains(chat+thread, ","):
			return nil, errors.New("has not exactly one chat (a receiver tells one; make one for each)")
		case threaded && err != nil:
			return nil, errors.New("has a topic after the chat's colon that is no number")
		}
		target := "https://api.telegram.org/bot" + url.PathEscape(u.User.Username()+":"+secret) + "/sendMessage"
		return func(m Message) ([]Post, error) {
			document := map[string]any{
				"chat_id": chat, "text": m.whole(), "link_preview_options": map[string]bool{"is_disabled": true},
			}
			if threaded {
				document["message_thread_id"] = topic
			}
			if off := param(u, "notification"); off != "" && !yes(off) {
				document["disable_notification"] = true
			}
			return posted(target, nil, document)
		}, nil
	},
	wait: telegramWait,
}

// telegramWait reads a 429 of Telegram, which has its own place for that.
func telegramWait(body []byte) time.Duration {
	var answer struct {
		Parameters struct {
			RetryAfter int32 `json:"retry_after"` // seconds
		} `json:"parameters"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return 0
	}
	return time.Duration(answer.Parameters.RetryAfter) * time.Second
}
