package chat

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ntfyPriorities are the names of the numbers 1 to 5.
var ntfyPriorities = map[string]string{"min": "1", "low": "2", "default": "3", "high": "4", "max": "5", "urgent": "5"}

var ntfy = service{
	name: "ntfy", form: "ntfy://[USER:PASSWORD@]HOST/TOPIC", limit: textLimit,
	params: append([]string{"priority", "tags"}, insecure...),
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		parts := segments(u)
		if len(parts) != 1 {
			return nil, errors.New("has not exactly one topic after the host")
		}
		priority, known := ntfyPriorities[strings.ToLower(param(u, "priority"))]
		if !known {
			priority = or(param(u, "priority"), "3")
		}
		level, err := strconv.Atoi(priority)
		if err != nil || level < 1 || level > 5 {
			return nil, errors.New("has a priority that is no number from 1 to 5")
		}
		var header http.Header
		if password, _ := u.User.Password(); u.User != nil {
			header = basic(u.User.Username(), password)
		}
		return func(m Message) ([]Post, error) {
			document := map[string]any{"topic": parts[0], "title": m.Subject, "message": or(m.Text, m.Subject), "priority": level}
			if tags := param(u, "tags"); tags != "" {
				document["tags"] = strings.Split(tags, ",")
			}
			return posted(server+"/", header, document)
		}, nil
	},
}

var gotify = service{
	name: "gotify", form: "gotify://HOST[/PATH]/TOKEN", limit: textLimit,
	params: append([]string{"priority"}, insecure...),
	open: func(u *url.URL) (writer, error) {
		server, err := base(u)
		if err != nil {
			return nil, err
		}
		parts := segments(u)
		if len(parts) == 0 {
			return nil, errors.New("lacks the application's token")
		}
		priority, err := number(u, "priority", 5, 0, 10)
		if err != nil {
			return nil, err
		}
		last := len(parts) - 1
		header := http.Header{"X-Gotify-Key": {parts[last]}}
		target := at(server, parts[:last]...) + "/message"
		return func(m Message) ([]Post, error) {
			return posted(target, header, map[string]any{"title": m.Subject, "message": or(m.Text, m.Subject), "priority": priority})
		}, nil
	},
}

var pushover = service{
	name: "pushover", form: "pushover://shoutrrr:API-TOKEN@USER-KEY", limit: 1024,
	params: []string{"devices", "priority"},
	open: func(u *url.URL) (writer, error) {
		token, _ := u.User.Password()
		if token == "" || u.Host == "" {
			return nil, errors.New("lacks the application's token or the user's key")
		}
		// Priority 2 repeats until somebody answers; here that is what the
		// incident's own reminders are for.
		priority, err := number(u, "priority", 0, -2, 1)
		if err != nil {
			return nil, err
		}
		fields := url.Values{"token": {token}, "user": {u.Host}, "priority": {strconv.Itoa(priority)}}
		if devices := param(u, "devices"); devices != "" {
			fields.Set("device", devices)
		}
		return func(m Message) ([]Post, error) {
			filled := maps.Clone(fields)
			filled.Set("title", m.Subject)
			filled.Set("message", or(m.Text, m.Subject))
			return form("https://api.pushover.net/1/messages.json", nil, filled), nil
		}, nil
	},
}
