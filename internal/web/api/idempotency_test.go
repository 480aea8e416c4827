package api

import (
	"cmp"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

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
