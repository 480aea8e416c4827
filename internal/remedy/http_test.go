package remedy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/remedy"
)

// endpoint is a web service that counts its calls.
type endpoint struct {
	*httptest.Server
	calls atomic.Int32
}

func newEndpoint(t *testing.T, handler http.HandlerFunc) *endpoint {
	t.Helper()
	e := &endpoint{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.calls.Add(1)
		handler(w, r)
	}))
	t.Cleanup(e.Close)
	return e
}

func calling(url string) *remedy.HTTP {
	return &remedy.HTTP{URL: url, Method: http.MethodPost, Timeout: health.Duration(20 * time.Second)}
}

func TestHTTPCallsTheEndpointOnce(t *testing.T) {
	t.Parallel()
	var request *http.Request
	var body []byte
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		request = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "{\n  \"job\": 42\n}")
	})
	options := calling(e.URL + "/admin/restart?key=hunter22")
	options.Token = option.NewSecret("s3cret-token")
	options.Headers = map[string]option.Secret{"X-Team": option.NewSecret("blue-team")}
	options.Body = `{"app":"ingest"}`
	checkpoint := fresh(t)
	treatment := apply(t, options, checkpoint)
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.Regexp(t, `^POST to `+e.URL+` was answered 202 Accepted in [0-9.]+[mµ]?s$`, treatment.Detail)
	require.Equal(t, `{ "job": 42 }`, treatment.Output)
	require.Equal(t, "POST /admin/restart?key=hunter22", request.Method+" "+request.RequestURI)
	require.Equal(t, `{"app":"ingest"}`, string(body))
	require.Equal(t, "Bearer s3cret-token", request.Header.Get("Authorization"))
	require.Equal(t, "blue-team", request.Header.Get("X-Team"))
	require.Equal(t, "application/json", request.Header.Get("Content-Type"))
	require.Equal(t, "paramedic", request.Header.Get("User-Agent"))
	require.Empty(t, request.Header.Get("Idempotency-Key"))

	again := apply(t, options, checkpoint)
	require.Equal(t, health.Uncertain, again.Effect)
	require.Regexp(t, `^POST to `+e.URL+` was begun at \d\d:\d\d:\d\d UTC, and the worker ended before the answer was known; `+
		`not called again$`, again.Detail)
	require.EqualValues(t, 1, e.calls.Load())
}

// The worker is killed before it sent the request, while it waits for the
// answer and after it has it: the endpoint is called once at most.
func TestHTTPCallsOnceThoughTheWorkerDies(t *testing.T) {
	t.Parallel()
	for hang, calls := range map[string]int32{"saved": 0, "": 1, "applied": 1} {
		t.Run(hang, func(t *testing.T) {
			t.Parallel()
			called := make(chan struct{}, 10)
			e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) {
				called <- struct{}{}
				if hang == "" {
					<-r.Context().Done()
				}
			})
			checkpoint := fresh(t)
			output, kill := attempt{URL: e.URL, Checkpoint: checkpoint.path, Hang: hang}.start(t)
			if hang == "" {
				<-called
			} else {
				awaitLine(t, output, "hanging")
			}
			kill()
			require.Equal(t, health.Uncertain, apply(t, calling(e.URL), checkpoint).Effect)
			require.Equal(t, calls, e.calls.Load())
		})
	}
}

// What may be called again is, under the same key.
func TestHTTPRepeatsAnIdempotentCall(t *testing.T) {
	t.Parallel()
	var keys []string
	e := newEndpoint(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if len(keys) == 1 {
			panic(http.ErrAbortHandler)
		}
	})
	options := calling(e.URL)
	options.Idempotent = true
	checkpoint := fresh(t)
	_, err := open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
	require.ErrorContains(t, err, "POST to "+e.URL+": ")
	require.EqualValues(t, 1, e.calls.Load(), "not twice in one try")
	require.Equal(t, health.Applied, apply(t, options, checkpoint).Effect)
	require.Len(t, keys, 2)
	require.NotEmpty(t, keys[0])
	require.Equal(t, keys[0], keys[1])
	require.Equal(t, health.Applied, apply(t, options, fresh(t)).Effect)
	require.NotEqual(t, keys[0], keys[2], "another attempt is another call")
}

func TestHTTPJudgesAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1000)
	for name, test := range map[string]struct {
		code   int
		body   string
		expect []int
		want   health.Effect
		detail string
	}{
		"200":              {200, "", nil, health.Applied, "was answered 200 OK in "},
		"500":              {500, "queue\n  \x1b full", nil, health.Failed, "was answered 500 Internal Server Error: queue full"},
		"expected":         {409, "", []int{200, 409}, health.Applied, "was answered 409 Conflict in "},
		"expected others":  {200, "fine", []int{202}, health.Failed, "was answered 200 OK: fine"},
		"redirect":         {307, "", nil, health.Failed, "was answered 307 Temporary Redirect (to http://other.example), and redirects are not followed; set url to the final address"},
		"redirect is fine": {303, "", []int{303}, health.Applied, "was answered 303 See Other in "},
		"long":             {503, long, nil, health.Failed, "was answered 503 Service Unavailable: " + health.Clip(long, 200)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEndpoint(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.code/100 == 3 {
					w.Header().Set("Location", "http://other.example/login?token=abcdef")
				}
				w.WriteHeader(test.code)
				_, _ = io.WriteString(w, test.body)
			})
			options := calling(e.URL)
			options.Expect = test.expect
			treatment := apply(t, options, fresh(t))
			require.Equal(t, test.want, treatment.Effect, treatment.Detail)
			require.True(t, strings.HasPrefix(treatment.Detail, "POST to "+e.URL+" "+test.detail), treatment.Detail)
			require.NotContains(t, treatment.Detail, "abcdef")
			require.LessOrEqual(t, len(treatment.Output), 4<<10)
			require.EqualValues(t, 1, e.calls.Load())
		})
	}
}

// An endpoint that takes the call and does not answer may have done its work.
func TestHTTPWithoutAnAnswerIsUncertain(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	options := calling(e.URL)
	options.Timeout = health.Duration(300 * time.Millisecond)
	checkpoint := fresh(t)
	treatment := apply(t, options, checkpoint)
	require.Equal(t, health.Uncertain, treatment.Effect)
	require.Equal(t, "POST to "+e.URL+" was sent, and there is no answer: no answer within 300ms; not called again", treatment.Detail)
	require.Equal(t, health.Uncertain, apply(t, options, checkpoint).Effect)
	require.EqualValues(t, 1, e.calls.Load())

	ctx, cancel := context.WithCancel(t.Context())
	options.Timeout = health.Duration(time.Minute)
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := open(t, options).Apply(ctx, remedy.Request{Checkpoint: fresh(t)})
	require.ErrorIs(t, err, context.Canceled, "the worker stops: that is no outcome")
}

// An endpoint that cannot be reached was not called, and the next try does.
func TestHTTPTriesAgainWhatItCouldNotReach(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	checkpoint := fresh(t)
	_, err = open(t, calling("http://"+address+"/secret-path")).Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
	require.EqualError(t, err, "POST to http://"+address+": dial tcp "+address+": connect: connection refused")
	require.NoFileExists(t, checkpoint.path)

	e := newEndpoint(t, func(http.ResponseWriter, *http.Request) {})
	_, err = open(t, calling(e.URL)).Apply(t.Context(), remedy.Request{Checkpoint: brokenCheckpoint{}})
	require.ErrorIs(t, err, errNotDurable)
	require.Zero(t, e.calls.Load())
}
