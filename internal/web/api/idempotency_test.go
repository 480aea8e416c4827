package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/store"
	"paramedic/internal/web/access"
)

func TestIdempotencyKeys(t *testing.T) {
	w := newWorld(t).fill().fleet()
	const body = `{"target":"new:80","labels":{"a":"b"}}`
	first := w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", `"k-1"`)
	require.Equal(t, http.StatusCreated, first.status, first.body)
	again := w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "k-1")
	require.Equal(t, first.status, again.status)
	require.Equal(t, first.body, again.body)
	require.Equal(t, first.header.Get("ETag"), again.header.Get("ETag"))
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Empty(t, first.header.Get("Idempotency-Replayed"))

	for _, other := range []func() answer{
		func() answer {
			return w.tell(http.MethodPost, shopsPath, `{"target":"newer:80"}`, "Idempotency-Key", "k-1")
		},
		func() answer { return w.tell(http.MethodPut, shopsPath+"/new:80", body, "Idempotency-Key", "k-1") },
	} {
		got := other()
		require.Equal(t, http.StatusUnprocessableEntity, got.status)
		require.Contains(t, got.problem(t), "this key was sent with another request within the last 24 hours")
	}
	for range 2 { // a refusal is remembered, too
		require.Equal(t, http.StatusConflict, w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "k-2").status)
	}
	for range 2 {
		require.Equal(t, http.StatusNoContent, w.tell(http.MethodDelete, shopsPath+"/new:80", "", "Idempotency-Key", "k-3").status)
	}
	w.who = access.Identity{Name: "ben", Role: access.Operator, Method: access.MethodToken}
	require.Equal(t, http.StatusCreated, w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "k-1").status, "keys are of the one who sends them")

	for _, key := range []string{"", "a b", strings.Repeat("x", 201), "\x7f"} {
		got := w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", key)
		require.Equal(t, http.StatusBadRequest, got.status, key)
		require.Contains(t, got.problem(t), "Idempotency-Key: send one key of 1 to 200")
	}
	require.Equal(t, http.StatusBadRequest, w.tell(http.MethodPost, shopsPath, body, "Idempotency-Key", "a", "Idempotency-Key", "b").status)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.tell(http.MethodPost, shopsPath, strings.Repeat(" ", bodyLimit+1), "Idempotency-Key", "k-9").status)
}

func TestSameKeyAtTheSameTime(t *testing.T) {
	w := newWorld(t).fill()
	entered, leave := make(chan struct{}), make(chan struct{})
	api, err := New(w.options)
	require.NoError(t, err)
	slow := api.once(func(answer http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-leave
		answer.WriteHeader(http.StatusNoContent)
	})
	ask := func() int {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/x", http.NoBody)
		request.Header.Set("Idempotency-Key", "k")
		slow(recorder, request)
		return recorder.Code
	}
	var wait sync.WaitGroup
	wait.Go(func() { require.Equal(t, http.StatusNoContent, ask()) })
	<-entered
	require.Equal(t, http.StatusConflict, ask())
	close(leave)
	wait.Wait()
	require.Equal(t, http.StatusNoContent, ask(), "the answer is remembered")
}

// TestSameKeyAtTwoWorkers: two processes on one store know nothing of what the
// other is carrying out, and change a target once between them all the same.
func TestSameKeyAtTwoWorkers(t *testing.T) {
	w := newWorld(t).fill().fleet()
	other := *w
	other.assemble()
	for round := range 10 {
		key, body := fmt.Sprint("k-", round), fmt.Sprintf(`{"target":"new-%d:80"}`, round)
		var answers [2]*httptest.ResponseRecorder
		var wait sync.WaitGroup
		for n, one := range []*world{w, &other} {
			wait.Go(func() {
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, shopsPath, strings.NewReader(body))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("Idempotency-Key", key)
				answers[n] = httptest.NewRecorder()
				one.mux.ServeHTTP(answers[n], request)
			})
		}
		wait.Wait()
		for _, got := range answers {
			require.Equal(t, http.StatusCreated, got.Code, got.Body)
		}
		require.Equal(t, answers[0].Body.String(), answers[1].Body.String())
		replayed := answers[0].Header().Get("Idempotency-Replayed") + answers[1].Header().Get("Idempotency-Replayed")
		require.Equal(t, "true", replayed, "one of them is the first")
	}
}

// lossy is a store whose word on a change is lost on its way, as by a
// connection that breaks during the commit.
type lossy struct {
	Store
	lost bool
}

func (l *lossy) CreateTarget(ctx context.Context, key store.Key, labels map[string]string, once *store.Once) (store.Registered, error) {
	after, err := l.Store.CreateTarget(ctx, key, labels, once)
	if err == nil && l.lost {
		return store.Registered{}, errors.New("commit: connection reset by peer")
	}
	return after, err
}

func TestLostWordOfTheStore(t *testing.T) {
	broken := &lossy{lost: true}
	w := newWorld(t, func(o *Options) { broken.Store, o.Store = o.Store, broken }).fill().fleet()
	keyless := w.post(shopsPath, `{"target":"first:80"}`)
	require.Equal(t, http.StatusServiceUnavailable, keyless.status)
	require.Contains(t, keyless.problem(t), "nothing was changed as far as is known")
	keyed := w.tell(http.MethodPost, shopsPath, `{"target":"second:80"}`, "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, keyed.status, "what is kept is what counts")
	require.Equal(t, "true", keyed.header.Get("Idempotency-Replayed"))
}

func TestFailuresAreNotRemembered(t *testing.T) {
	w := newWorld(t).fill()
	api, err := New(w.options)
	require.NoError(t, err)
	status := http.StatusServiceUnavailable
	handler := api.once(func(answer http.ResponseWriter, _ *http.Request) { answer.WriteHeader(status) })
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusNoContent, http.StatusNoContent} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/x", http.NoBody)
		request.Header.Set("Idempotency-Key", "k")
		handler(recorder, request)
		require.Equal(t, want, recorder.Code)
		status = cmp.Or(map[bool]int{want == http.StatusServiceUnavailable: http.StatusNoContent}[true], http.StatusTeapot)
	}
}
