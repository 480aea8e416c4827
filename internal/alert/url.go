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
		"Rocket.Chat, Matrix, Zulip, ntfy, Gotify, Pushover, PagerDuty, Opsgenie and others that the shoutrrr library knows.",
	Options: func() Options { return &URLOptions{Timeout: health.Duration(10 * time.Second)} },
}

// URLOptions name the service.
type URLOptions struct {
	URL     option.Secret   `yaml:"url" required:"true" doc:"The service's address as shoutrrr writes it, which is also its key: slack://hook:T000-B000-KEY@webhook, slack://xoxb:1-2-KEY@CHANNEL, discord://TOKEN@WEBHOOK-ID, telegram://BOT-TOKEN@telegram?chats=CHAT, teams://?host=https%3A%2F%2FWORKFLOW-ADDRESS, ntfy://HOST/TOPIC, gotify://HOST/TOKEN, pagerduty://events.pagerduty.com/INTEGRATION-KEY, opsgenie://api.opsgenie.com/API-KEY, pushover://shoutrrr:API-TOKEN@USER-KEY, mattermost://HOST/TOKEN, rocketchat://HOST/TOKEN-A/TOKEN-B, matrix://:ACCESS-TOKEN@HOST/?rooms=!ROOM:HOST, zulip://BOT%40HOST:KEY@HOST/?stream=STREAM&topic=TOPIC, googlechat://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEY&token=TOKEN, generic+https://HOST/PATH?template=json. One address names one place. Plain HTTP: scheme=http after the ? for ntfy, disabletls=yes for other servers of one's own."`
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

// Send implements Receiver. Nothing of it goes on when it has returned.
func (r *urlReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	message, err := r.texts.Write(alerts)
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", r.name, err)}
	}
	var refused error
	for _, part := range r.address.Messages(chat.Message{
		Subject: message.Subject, Text: message.Plain, Alerts: newest(alerts),
	}) {
		err := r.tell(ctx, part)
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

// tell sends one message. What the service's host has answered decides; the
// library only where the host was content.
func (r *urlReceiver) tell(ctx context.Context, m chat.Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("no answer within %s", health.Duration(r.timeout)))
	defer cancel()
	session := &urlSession{caller: r.caller, ctx: ctx}
	err := r.address.Send(session, m)
	if session.failure != nil {
		return session.failure
	}
	if err == nil {
		return nil
	}
	return errors.New(r.name + ": " + health.Clip(r.redactor.Redact(err.Error()), excerptLimit))
}
