package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// attempt follows one probe from step to step, so that its failure can say in
// plain words what went wrong, after how long, and during what.
type attempt struct {
	start time.Time
	limit time.Duration // zero: none
	step  step
	hide  *option.Redactor
}

// begin starts an attempt under the time limit of ctx. The secrets are masked
// in its messages: a server may well repeat what it was sent.
func begin(ctx context.Context, secrets ...option.Secret) *attempt {
	values := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		values = append(values, secret.Reveal())
	}
	return beginHiding(ctx, option.NewRedactor(values))
}

// beginHiding starts an attempt whose secrets are hidden by a redactor that
// was made before; nil if it has none.
func beginHiding(ctx context.Context, hide *option.Redactor) *attempt {
	a := &attempt{start: time.Now(), hide: hide}
	if limit, ok := ctx.Value(limitKey{}).(time.Duration); ok {
		a.limit = limit
	} else if deadline, ok := ctx.Deadline(); ok {
		a.limit = deadline.Sub(a.start)
	}
	return a
}

type limitKey struct{}

// withLimit returns a context that ends after limit and carries it to begin,
// which on a busy machine comes late.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, limitKey{}, limit), limit)
}

// doing names the step that follows: "reading the test key".
func (a *attempt) doing(format string, args ...any) { a.step = step{format, args} }

// step is written out only if the attempt fails in it.
type step struct {
	format string
	args   []any
}

// String implements fmt.Stringer.
func (s step) String() string { return fmt.Sprintf(s.format, s.args...) }

// failed is the result of an attempt that err ended in its current step.
func (a *attempt) failed(err error) health.Result { return a.unhealthy("%s", a.explain(err)) }

// explain says in plain words what err ended, and when.
func (a *attempt) explain(err error) string {
	words := plainly(err)
	if isTimeout(err) {
		words = fmt.Sprintf("timeout after %v", a.elapsed())
	}
	return fmt.Sprintf("%s while %s", words, a.step)
}

// unhealthy is the result of an attempt that found something wrong.
func (a *attempt) unhealthy(format string, args ...any) health.Result {
	message := a.hide.Redact(fmt.Sprintf(format, args...))
	return health.Result{Status: health.Unhealthy, Message: message}
}

// notProbed is the result of an attempt that could not be made, which is held
// against nobody.
func (a *attempt) notProbed(format string, args ...any) health.Result {
	result := a.unhealthy(format, args...)
	result.Status = health.NotProbed
	return result
}

// mask hides the secrets in what a server has said.
func (a *attempt) mask(result health.Result) health.Result {
	result.Message = a.hide.Redact(result.Message)
	for name, text := range result.Facts {
		result.Facts[name] = a.hide.Redact(text)
	}
	return result
}

// elapsed is the time since the start, rounded to what people read: the 10 s
// they configured and not 10.003 s, nor the part of it left for the work after
// reserve has kept its share.
func (a *attempt) elapsed() health.Duration {
	elapsed := time.Since(a.start)
	if a.limit > 0 && elapsed > a.limit*2/3 {
		elapsed = a.limit
	}
	unit := 10 * time.Millisecond
	if elapsed >= time.Second {
		unit = 100 * time.Millisecond
	}
	return health.Duration(max(elapsed.Round(unit), unit))
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// plainly puts an error into the words of an operator. What it does not know
// it passes on, without the URL that net/http adds, whose query may hold a key.
func plainly(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset by the server"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host"
	case errors.As(err, &dns):
		return fmt.Sprintf("host name %s not found", dns.Name)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed by the server"
	}
	if words := tlsWords(err); words != "" {
		return "TLS: " + words
	}
	var request *url.Error
	if errors.As(err, &request) {
		return plainly(request.Err)
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(err.Error()), " "), ".")
}

// tlsWords describes a failed handshake, empty if err is none.
func tlsWords(err error) string {
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		record    tls.RecordHeaderError
		alert     tls.AlertError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("certificate expired or not yet valid (%s to %s)",
			invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &invalid):
		return invalid.Error()
	case errors.As(err, &authority):
		return "certificate signed by an unknown authority"
	case errors.As(err, &hostname):
		return hostname.Error()
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS"
	case errors.As(err, &alert):
		return alert.Error()
	default:
		return ""
	}
}
