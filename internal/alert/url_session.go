package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// errHeld is all that the chat library learns of a failure: it shows nothing,
// and is none after which the library would sleep and try again. How often to
// try is decided by the workflow that sends.
var errHeld = errors.New("the request has failed")

// urlSession sends the requests of one message. The first that fails for now
// ends it. After one that is refused the service may do without: Zulip is asked
// for its limits, which not every bot may read. The last answer decides.
type urlSession struct {
	caller *caller
	// ctx replaces the context of each request: the library knows no other than
	// its own.
	ctx     context.Context
	failure error
}

// Do implements chat.Client. A good answer is a 200 whatever it was.
func (s *urlSession) Do(request *http.Request) (*http.Response, error) {
	if s.failure != nil && !IsRefused(s.failure) {
		return nil, errHeld
	}
	var body []byte
	if request.Body != nil {
		defer request.Body.Close()
		var err error
		if body, err = io.ReadAll(request.Body); err != nil {
			s.failure = fmt.Errorf("%s: read the request: %w", s.caller.name, err)
			return nil, errHeld
		}
	}
	answer, err := s.caller.call(s.ctx, request.Method, request.URL.String(), request.Header, body)
	if err != nil {
		s.failure = patient(err, answer)
		return nil, errHeld
	}
	s.failure = nil
	return &http.Response{
		StatusCode: http.StatusOK, Status: status(http.StatusOK), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Request: request,
	}, nil
}

// patient makes a failure that may pass a Busy one if the service has said in
// its answer, as Telegram does, and not in the header meant for it, when to
// come back.
func patient(err error, answer []byte) error {
	var document struct {
		Parameters struct {
			RetryAfter int `json:"retry_after"`
		} `json:"parameters"`
	}
	var busy Busy
	if IsRefused(err) || errors.As(err, &busy) || json.Unmarshal(answer, &document) != nil || document.Parameters.RetryAfter <= 0 {
		return err
	}
	seconds := min(document.Parameters.RetryAfter, int(longestWait/time.Second))
	return Busy{Err: err, After: time.Duration(seconds) * time.Second}
}
