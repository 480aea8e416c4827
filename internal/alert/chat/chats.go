package chat

import (
	"errors"
	"net/url"
	"strings"
)

var discord = service{
	name: "discord", form: "discord://TOKEN@WEBHOOK-ID", limit: 2000,
	params: []string{"username", "thread_id"},
	open: func(u *url.URL) (writer, error) {
		token, id := u.User.Username(), u.Hostname()
		if token == "" || id == "" {
			return nil, errors.New("lacks the webhook's token or id")
		}
		target := at("https://discord.com/api/webhooks", id, token) + "?wait=true"
		if thread := param(u, "thread_id"); thread != "" {
			target += "&thread_id=" + url.QueryEscape(thread)
		}
		return func(m Message) ([]Post, error) {
			return posted(target, nil, map[string]any{
				"content": m.whole(), "username": or(param(u, "username"), "paramedic"),
				// Nobody is called by a name that a text happens to hold.
				"allowed_mentions": map[string]any{"parse": []string{}},
			})
		}, nil
	},
}

var googlechat = service{
	name: "googlechat", form: "googlechat://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN",
	limit: textLimit, params: []string{"key", "token", "scheme"},
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		if param(u, "key") == "" || param(u, "token") == "" || len(segments(u)) == 0 {
			return nil, errors.New("lacks the space, the key or the token")
		}
		query := url.Values{"key": {param(u, "key")}, "token": {param(u, "token")}}
		target := at(server, segments(u)...) + "?" + query.Encode()
		return func(m Message) ([]Post, error) {
			return posted(target, nil, map[string]string{"text": strings.ReplaceAll(m.whole(), "<users/", "<\u2060users/")})
		}, nil
	},
}

var mattermost = service{
	name: "mattermost", form: "mattermost://[NAME@]HOST/TOKEN[/CHANNEL]", limit: textLimit, params: insecure,
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		parts := segments(u)
		if len(parts) < 1 || len(parts) > 2 {
			return nil, errors.New("has not one token and at most one channel after the host")
		}
		return func(m Message) ([]Post, error) {
			document := map[string]string{"text": quiet(m.whole()), "username": or(u.User.Username(), "paramedic")}
			if len(parts) == 2 {
				document["channel"] = parts[1]
			}
			return posted(at(server, "hooks", parts[0]), nil, document)
		}, nil
	},
}

var rocketchat = service{
	name: "rocketchat", form: "rocketchat://[NAME@]HOST/TOKEN-A/TOKEN-B[/CHANNEL]", limit: textLimit, params: insecure,
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		parts := segments(u)
		if len(parts) < 2 || len(parts) > 3 {
			return nil, errors.New("has not two tokens and at most one channel after the host")
		}
		return func(m Message) ([]Post, error) {
			document := map[string]string{"text": quiet(m.whole()), "username": or(u.User.Username(), "paramedic")}
			if len(parts) == 3 {
				document["channel"] = "#" + parts[2]
				if strings.HasPrefix(parts[2], "@") {
					document["channel"] = parts[2]
				}
			}
			return posted(at(server, "hooks", parts[0], parts[1]), nil, document)
		}, nil
	},
}

var zulip = service{
	name: "zulip", form: "zulip://BOT%40HOST:KEY@HOST/?stream=STREAM&topic=TOPIC", limit: textLimit,
	params: append([]string{"stream", "topic"}, insecure...),
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		key, _ := u.User.Password()
		if u.User.Username() == "" || key == "" || param(u, "stream") == "" {
			return nil, errors.New("lacks the bot's address, its key or the stream")
		}
		return func(m Message) ([]Post, error) {
			return form(server+"/api/v1/messages", basic(u.User.Username(), key), url.Values{
				"type": {"stream"}, "to": {param(u, "stream")},
				"topic": {or(param(u, "topic"), "paramedic")}, "content": {quiet(m.whole())},
			}), nil
		}, nil
	},
}

func or(value, preset string) string {
	if value == "" {
		return preset
	}
	return value
}
