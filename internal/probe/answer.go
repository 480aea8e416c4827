package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	scene
	status, bytes int
	// lag is the greatest age that was asked for; nil when none was.
	lag *time.Duration
}

// observed is a value to pick out of an answer.
type observed struct {
	name  string
	value condition
}

// needs says which parts of an answer are spoken of; the others need not be
// made ready.
type needs struct{ body, text, headers, age bool }

// needsOf returns what rules and values to observe speak of.
func needsOf(r rules, all []observed) needs {
	conditions := slices.Concat(r.expect, r.degraded)
	for _, o := range all {
		conditions = append(conditions, o.value)
	}
	spoken := func(word string) bool {
		return slices.ContainsFunc(conditions, func(c condition) bool { return c.speaksOf(word) })
	}
	return needs{body: spoken("body"), text: spoken("text"), headers: spoken("headers"), age: spoken("age")}
}

// buffers hold answers while they are read.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// bufferKept is the size of a buffer, in bytes, beyond which it is not kept.
const bufferKept = 64 << 10

// readAnswerOf reads and closes the response to a request made at start. The
// conditions judged on it end when ctx does.
func readAnswerOf(ctx context.Context, response *http.Response, start time.Time, wanted needs) (*answer, error) {
	defer func() { _ = response.Body.Close() }()
	buffer, _ := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= bufferKept {
			buffers.Put(buffer)
		}
	}()
	buffer.Reset()
	if _, err := buffer.ReadFrom(io.LimitReader(response.Body, bodyLimit+1)); err != nil {
		return nil, err
	}
	now := time.Now()
	if buffer.Len() > bodyLimit {
		_, _ = io.CopyN(io.Discard, response.Body, drainLimit)
	}
	found := &answer{status: response.StatusCode, bytes: min(buffer.Len(), bodyLimit), scene: newScene(ctx, start)}
	found.values["status"] = found.status
	if wanted.headers {
		found.values["headers"] = lowerCase(response.Header)
	}
	if wanted.text {
		found.values["text"] = string(buffer.Bytes()[:found.bytes])
	}
	if wanted.body {
		found.parse(buffer.Bytes())
	}
	if wanted.age {
		found.values["age"] = func(value any) (time.Duration, error) { return found.age(now, value) }
	}
	return found, nil
}

// parse reads the body of an answer as JSON.
func (f *answer) parse(text []byte) {
	var body any
	err := fmt.Errorf("it is longer than %d bytes", bodyLimit)
	if len(text) <= bodyLimit {
		err = json.Unmarshal(text, &body)
	}
	if err != nil {
		body, f.absent["body"] = nil, "body is not JSON: "+jsonWords(err, len(text))
	}
	f.values["body"] = body
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

// judge observes and holds the answer against the rules. What could not be
// observed makes it degraded.
func (f *answer) judge(rules rules, all []observed) health.Result {
	values, obstacles := f.observe(all)
	result := health.Result{}
	result.Status, result.Message = rules.judge(f.scene)
	if result.Status == health.Healthy && len(obstacles) > 0 {
		result.Status, result.Message = health.Degraded, strings.Join(obstacles, "; ")
	}
	if result.Status == health.Healthy {
		result.Message = "status " + strconv.Itoa(f.status)
		if f.lag != nil {
			result.Message += ", lag " + health.Span(*f.lag)
		}
	}
	result.Observations = map[string]float64{
		"status_code": float64(f.status), "response_bytes": float64(f.bytes),
	}
	if f.lag != nil {
		result.Observations["lag_seconds"] = f.lag.Seconds()
	}
	values.note(&result)
	return result
}

// observe picks values out of the answer, lets conditions speak of them, and
// says what it could not pick.
func (f *answer) observe(all []observed) (values readings, obstacles []string) {
	values = newReadings()
	for _, o := range all {
		value, err := run(o.value.program, f.scene)
		why := ""
		if err != nil {
			why = o.value.obstacle(f.scene, err)
		} else if err = values.add(o.name, orTime(value)); err != nil {
			why = err.Error()
		}
		if why != "" {
			f.absent[o.name] = why
			obstacles = append(obstacles, o.name+": "+why)
		}
	}
	values.into(f.scene)
	return values, obstacles
}

// orTime returns a text that is a time as JSON writes them as that time.
func orTime(value any) any {
	if text, ok := value.(string); ok {
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at
		}
	}
	return value
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
