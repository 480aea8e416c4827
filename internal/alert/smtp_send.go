package alert

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"sync"

	"github.com/wneessen/go-mail/smtp"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// rememberedLetters is how many mails a receiver knows the fate of.
const rememberedLetters = 1000

// smtpReceiver opens one session for each mail.
type smtpReceiver struct {
	letterhead
	// name is the kind and the server's address: what errors begin with.
	name     string
	options  SMTPOptions
	roots    *x509.CertPool
	texts    *Texts
	redactor *option.Redactor

	mu sync.Mutex
	// reached holds the recipients that the server took each of the latest
	// mails for, by the key of the mail; order is the order of their keys.
	reached map[string][]string
	order   []string
}

// confidential lists what a server might echo and nobody should read.
func (o *SMTPOptions) confidential() []string {
	password := o.Password.Reveal()
	encode := base64.StdEncoding.EncodeToString
	return []string{
		password, encode([]byte(password)), encode([]byte("\x00" + o.User + "\x00" + password)),
	}
}

// Send implements Receiver. The server takes or refuses each recipient by
// itself: the mail goes to all that it takes, and the error names the others.
// It is a Refused if the server refused them for good (5xx), and worth a retry
// if any of them may be taken later (4xx, greylisting). A retry goes to those
// only that have not been reached, as long as this receiver remembers: until
// the process ends, the configuration changes, or a thousand mails later. After
// that, and when the connection breaks between the end of a mail and the
// server's answer, recipients may get it again; it then has the same
// Message-ID, by which many servers and programs drop the second.
func (r *smtpReceiver) Send(ctx context.Context, alerts []health.Alert) error {
	written, err := r.write(alerts)
	if err != nil {
		return Refused{fmt.Errorf("%s: %w", r.name, err)}
	}
	left := r.unreached(written.key)
	if len(left) == 0 {
		return nil
	}
	timeout := r.options.Timeout
	ctx, cancel := context.WithTimeoutCause(ctx, timeout.Std(), fmt.Errorf("no answer within %s", timeout))
	defer cancel()
	line := &wire{options: &r.options, roots: r.roots}
	defer line.hangUp()
	turned, err := r.session(ctx, line, written, left)
	if err != nil {
		return r.judge(ctx, err)
	}
	return r.report(turned, len(r.to))
}

// turnedAway is a recipient that the server did not take.
type turnedAway struct {
	recipient string
	reply     *textproto.Error
}

// session hands a mail to the server, for the recipients that are left, and
// returns those that it turned away. With an error nobody was reached now.
func (r *smtpReceiver) session(ctx context.Context, line *wire, written letter, left []string) ([]turnedAway, error) {
	client, err := line.connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := client.Mail("<" + r.from.Address + ">"); err != nil {
		return nil, err
	}
	var taken []string
	var turned []turnedAway
	for _, recipient := range left {
		err := client.Rcpt("<" + recipient + ">")
		var reply *textproto.Error
		switch {
		case err == nil:
			taken = append(taken, recipient)
		case errors.As(err, &reply) && reply.Code != closing:
			turned = append(turned, turnedAway{recipient, reply})
		default:
			return nil, err
		}
	}
	if len(taken) > 0 {
		if err := transmit(client, written.content); err != nil {
			return nil, err
		}
		r.remember(written.key, taken)
	}
	line.goodbye(ctx, client)
	return turned, nil
}

// closing is the reply of a server that ends the session, RFC 5321 section 3.8.
const closing = 421

func transmit(client *smtp.Client, content []byte) error {
	writer, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := writer.Write(content); err != nil {
		return err
	}
	return writer.Close()
}

// unreached returns the recipients that have not got a mail yet.
func (r *smtpReceiver) unreached(key string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var left []string
	for _, to := range r.to {
		if !slices.Contains(r.reached[key], to.Address) {
			left = append(left, to.Address)
		}
	}
	return left
}

func (r *smtpReceiver) remember(key string, taken []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.reached[key]; !known {
		r.order = append(r.order, key)
	}
	r.reached[key] = append(r.reached[key], taken...)
	if len(r.order) > rememberedLetters {
		delete(r.reached, r.order[0])
		r.order = r.order[1:]
	}
}

// judge maps a failed session to Refused (the server has said no for good) or
// a passing error.
func (r *smtpReceiver) judge(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", r.name, cause)
	}
	var reply *textproto.Error
	if errors.As(err, &reply) {
		said := fmt.Errorf("%s: answered %s", r.name, r.quote(reply))
		if reply.Code >= 500 {
			return Refused{said}
		}
		return said
	}
	if clean := line1(r.redactor.Redact(err.Error()), sentenceLimit); clean != err.Error() {
		err = errors.New(clean)
	}
	return fmt.Errorf("%s: %w", r.name, err)
}

// quote repeats the beginning of a reply, without secrets.
func (r *smtpReceiver) quote(reply *textproto.Error) string {
	return fmt.Sprintf("%d %s", reply.Code, health.Clip(r.redactor.Redact(line1(reply.Msg, drainLimit)), excerptLimit))
}

// report says who of all recipients was not reached; nil if everybody was.
func (r *smtpReceiver) report(turned []turnedAway, all int) error {
	if len(turned) == 0 {
		return nil
	}
	final := true
	var who []string
	for _, t := range turned {
		final = final && t.reply.Code >= 500
		who = append(who, fmt.Sprintf("%s: %s", t.recipient, r.quote(t.reply)))
	}
	err := fmt.Errorf("%s: did not reach %s", r.name, health.Clip(strings.Join(who, "; "), 4*sentenceLimit))
	if reached := all - len(turned); reached > 0 {
		err = fmt.Errorf("%w (%d of %d have got it)", err, reached, all)
	}
	if final {
		return Refused{err}
	}
	return err
}

// Close implements Receiver; no session outlives its Send.
func (r *smtpReceiver) Close() error { return nil }
