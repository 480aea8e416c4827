package alert

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"

	"paramedic/internal/health"
)

// letter is one mail to several people, ready to be sent.
type letter struct {
	// key is the same over all retries of a group.
	key string
	// content is the mail with its header, in the form of RFC 5322.
	content []byte
}

// write makes one mail of a group of alerts.
func (r *smtpReceiver) write(alerts []health.Alert) (letter, error) {
	text, err := r.texts.Write(alerts)
	if err != nil {
		return letter{}, err
	}
	names := newThread(alerts, r.letterhead)
	message := mail.NewMsg()
	message.FromMailAddress(r.from)
	message.ToMailAddress(r.to...)
	message.Subject(text.Subject)
	message.SetDateWithValue(time.Now())
	message.SetMessageIDWithValue(names.message)
	if names.incident != "" {
		message.SetGenHeader(mail.HeaderReferences, "<"+names.incident+">")
		message.SetGenHeader(mail.HeaderInReplyTo, "<"+names.incident+">")
	}
	message.SetUserAgent("paramedic")
	// RFC 3834: keeps vacation notices and other machines from answering.
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetGenHeader("X-Auto-Response-Suppress", "All")
	message.SetBodyString(mail.TypeTextPlain, text.Plain)
	message.AddAlternativeString(mail.TypeTextHTML, text.HTML)
	var content bytes.Buffer
	if _, err := message.WriteTo(&content); err != nil {
		return letter{}, err
	}
	return letter{key: names.message, content: content.Bytes()}, nil
}

// thread holds the names by which mail programs know a mail and put those of
// one incident together, without the angle brackets.
type thread struct {
	// message is the same over all retries of a group, and differs from that of
	// every other: a program shows the mail once, should it come twice.
	message string
	// incident is what all mails about one incident refer to; empty for a group
	// that is about several. No mail has that name: any may be the first.
	incident string
}

// newThread names a group of alerts for its sender and recipients. Two receivers
// that tell the same person must not use one name, or a mail would be lost.
func newThread(alerts []health.Alert, head letterhead) thread {
	from, audience := head.from.Address, head.audience()
	domain := from[strings.LastIndex(from, "@")+1:]
	keys := []string{from, audience}
	incident := alerts[0].Incident
	for _, a := range alerts {
		keys = append(keys, a.DedupKey)
		if a.Incident != incident {
			incident = ""
		}
	}
	names := thread{message: digest(keys...) + ".alert@" + domain}
	if incident != "" {
		names.incident = digest(from, audience, incident) + ".incident@" + domain
	}
	return names
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
