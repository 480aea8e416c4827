package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"paramedic/internal/health"
)

// bodyLimit bounds what is read of an answer, in bytes.
const bodyLimit = 1 << 20

// drainLimit bounds what is read of the rest of a longer answer to keep its
// connection; beyond it a new connection is cheaper.
const drainLimit = 64 << 10

// answer is what a web service said, ready to be judged.
type answer struct {
	facts
	bytes int
	// notJSON says why the body could not be parsed.
	notJSON error
	// lag is the greatest age that a condition asked for; nil when none did.
	lag *time.Duration
}

// readAnswerOf reads and closes the response to a request made at start. The
// conditions judged on it end when ctx does.
func readAnswerOf(ctx context.Context, response *http.Response, start time.Time) (*answer, error) {
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit+1))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	_, _ = io.CopyN(io.Discard, response.Body, drainLimit)
	found := &answer{bytes: min(len(text), bodyLimit), facts: facts{
		Status: response.StatusCode, Headers: lowerCase(response.Header), Latency: now.Sub(start),
		Tick: tick(ctx),
	}}
	if len(text) > bodyLimit {
		text, found.notJSON = text[:bodyLimit], fmt.Errorf("it is longer than %d bytes", bodyLimit)
	} else {
		found.notJSON = json.Unmarshal(text, &found.Body)
	}
	found.Text = string(text)
	found.Age = func(value any) (time.Duration, error) { return found.age(now, value) }
	return found, nil
}

// age is the conditions' function of that name; it notes the greatest as lag.
func (f *answer) age(now time.Time, value any) (time.Duration, error) {
	at, err := readTime(value)
	if err != nil {
		return 0, err
	}
	age := now.Sub(at)
	if f.lag == nil || age > *f.lag {
		f.lag = &age
	}
	return age, nil
}

// judge holds the answer against the conditions.
func (f *answer) judge(expect, degraded []condition) health.Result {
	result := health.Result{Status: health.Healthy, Message: fmt.Sprintf("status %d", f.Status)}
	failures, concerns := f.failing(expect), f.failing(degraded)
	switch {
	case len(failures) > 0:
		result.Status, result.Message = health.Unhealthy, strings.Join(failures, "; ")
	case len(concerns) > 0:
		result.Status, result.Message = health.Degraded, strings.Join(concerns, "; ")
	case f.lag != nil:
		result.Message += ", lag " + health.Span(*f.lag)
	}
	result.Observations = map[string]float64{
		"status_code": float64(f.Status), "response_bytes": float64(f.bytes),
	}
	if f.lag != nil {
		result.Observations["lag_seconds"] = f.lag.Seconds()
	}
	return result
}

// failing returns what the conditions that do not hold have observed.
func (f *answer) failing(conditions []condition) []string {
	var failures []string
	for _, c := range conditions {
		failure, err := c.check(f.facts)
		switch {
		case err != nil && f.notJSON != nil && c.mentions("body"):
			failure = fmt.Sprintf("%s: body is not JSON: %s", c.text, jsonWords(f.notJSON, f.bytes))
		case err != nil:
			failure = fmt.Sprintf("%s: %s", c.text, reason(err))
		}
		if failure != "" {
			failures = append(failures, failure)
		}
	}
	return failures
}

func jsonWords(err error, bytes int) string {
	var syntax *json.SyntaxError
	if bytes == 0 {
		return "it is empty"
	}
	if errors.As(err, &syntax) {
		return fmt.Sprintf("%v at byte %d", syntax, syntax.Offset)
	}
	return err.Error()
}

// lowerCase flattens headers for conditions.
func lowerCase(header http.Header) map[string]string {
	flat := make(map[string]string, len(header))
	for name, values := range header {
		flat[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	return flat
}
