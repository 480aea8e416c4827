package alert

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"paramedic/internal/health"
)

const (
	// drainLimit bounds in bytes what is read of an answer, so that the
	// connection can be used again without reading an endless one.
	drainLimit = 64 << 10
	// excerptLimit is how many bytes of a failed answer the error repeats.
	excerptLimit = 200
	// longestWait bounds a receiver's Retry-After: a mistake over there must
	// not hold an alert back for a day.
	longestWait = time.Hour
)

// judge maps the answer to delivered (nil), Refused, Busy or a passing error.
func (c *caller) judge(response *http.Response, answer []byte) error {
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	excerpt := c.excerpt(answer)
	err := fmt.Errorf("%s: answered %s%s", c.name, status(code), excerpt)
	switch {
	case code >= 300 && code < 400:
		return Refused{fmt.Errorf("%s: answered %s, and redirects are not followed%s; set url to the final address",
			c.name, status(code), destination(response))}
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		if after, ok := retryAfter(response.Header.Get("Retry-After"), time.Now()); ok {
			return Busy{Err: err, After: after}
		}
		return err
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly:
		return err
	case code >= 400 && code < 500:
		return Refused{err}
	default:
		return err
	}
}

// excerpt returns ": " and the beginning of an answer on one line, without
// secrets; "" when there is no text.
func (c *caller) excerpt(answer []byte) string {
	text := strings.ToValidUTF8(string(answer), "")
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if text == "" {
		return ""
	}
	return ": " + health.Clip(c.redactor.Redact(text), excerptLimit)
}

func status(code int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
}

// destination names where a redirect leads, its scheme and host only.
func destination(response *http.Response) string {
	location, err := response.Location()
	if err != nil {
		return ""
	}
	return " (to " + (&url.URL{Scheme: location.Scheme, Host: location.Host}).String() + ")"
}

// retryAfter reads the header of that name: seconds or an HTTP date.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	var after time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		after = date.Sub(now)
	} else {
		return 0, false
	}
	return min(max(after, 0), longestWait), true
}
