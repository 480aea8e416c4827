package alert

import (
	"context"
	"errors"
	"fmt"
	"time"

	"paramedic/internal/alert/chat"
	"paramedic/internal/health"
	"paramedic/internal/option"
)

// services tells people where they chat: one kind for many services, each
// named by an address.
var services = Kind{
	Name:      "url",
	Batch:     200,
	GroupWait: 30 * time.Second,
	Doc: "Tells a chat or push service that an address names: Slack, Discord, Telegram, Teams, Google Chat, Mattermost, " +
		"Rocket.Chat, Matrix, Zulip, ntfy, Gotify, Pushover, PagerDuty.",
	Options: func() Options { return &URLOptions{Timeout: health.Duration(10 * time.Second)} },
}

// URLOptions name the service.
type URLOptions struct {
	URL     option.Secret   `yaml:"url" required:"true" doc:"The service's address, which is also its key: slack://hook:T000-B000-KEY@webhook, slack://xoxb:1-2-KEY@CHANNEL, discord://TOKEN@WEBHOOK-ID, telegram://BOT-TOKEN@telegram?chats=CHAT, teams+https://WORKFLOW-ADDRESS, ntfy://HOST/TOPIC, pagerduty://events.pagerduty.com/INTEGRATION-KEY, pushover://shoutrrr:API-TOKEN@USER-KEY, gotify://HOST/TOKEN, mattermost://HOST/TOKEN, rocketchat://HOST/TOKEN-A/TOKEN-B, matrix://:ACCESS-TOKEN@HOST/?rooms=!ROOM:HOST, zulip://BOT%40HOST:KEY@HOST/?stream=STREAM, googlechat://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN, generic+https://HOST/PATH. Servers of one's own take scheme=http after the ?."`
	Timeout health.Duration `yaml:"timeout" doc:"How long one attempt may take, 10s unless set."`
}

// Validate implements Options. It asks nobody, and no problem shows the address.
func (o *URLOptions) Validate() option.Problems {
	var problems option.Problems
	if _, err := chat.Parse(o.URL.Reveal()); err != nil {
		problems.Add("url", "%v", err)
	}
	if o.Timeout <= 0 {
		problems.Add("timeout", "%s is not positive; write it like 10s", o.Timeout)
	}
	return problems
}

// Open implements Options.
func (o *URLOptions) Open(texts *Texts) (Receiver, error) {
	address, err := chat.Parse(o.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	caller, err := newCaller(address.Name(), o.Timeout, WebhookTLS{}, address.Secrets())
	if err != nil {
		return nil, err
	}
	return &urlReceiver{caller: caller, address: address, texts: texts}, nil
}

type urlReceiver struct {
	*caller
	address *chat.Address
	texts   *Texts
}

// Send implements Receiver.
func (r *urlReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	message, err := r.texts.Write(alerts)
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", r.name, err)}
	}
	posts, err := r.address.Posts(chat.Message{
		Subject: message.Subject, Text: message.Plain, Alerts: newest(alerts), Key: alerts[0].DedupKey,
	})
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", r.name, err)}
	}
	var refused error
	for _, post := range posts {
		err := r.post(ctx, post)
		if err != nil && !IsRefused(err) {
			// The rest would meet the same; all of it is told again.
			return err
		}
		if refused == nil {
			refused = err
		}
	}
	return refused
}

func (r *urlReceiver) post(ctx context.Context, post chat.Post) error {
	answer, err := r.call(ctx, post.Method, post.URL, post.Header, post.Body)
	if err != nil {
		return r.patient(err, answer)
	}
	text, final := r.address.Failure(answer)
	if text == "" {
		return nil
	}
	err = errors.New(r.name + ": answered " + health.Clip(r.redactor.Redact(text), excerptLimit))
	if final {
		return Refused{err}
	}
	return err
}

// patient makes a failure that may pass a Busy one if the service has said in
// its answer, and not in the header meant for it, when to come back.
func (r *urlReceiver) patient(err error, answer []byte) error {
	var busy Busy
	wait := min(r.address.Wait(answer), longestWait)
	if wait == 0 || IsRefused(err) || errors.As(err, &busy) {
		return err
	}
	return Busy{Err: err, After: wait}
}
