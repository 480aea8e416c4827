package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"paramedic/internal/store"
	"paramedic/internal/web/access"
)

// keyLimit is the longest idempotency key, in bytes.
const keyLimit = 200

// once has a request with an Idempotency-Key carried out once, by whichever
// process on the same store: whoever sends it again within 24 hours gets the
// answer that was given. A key is of the one who sends it. An answer that says
// that paramedic itself failed is not kept.
func (a *API) once(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, given, err := idempotencyKey(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if !given {
			next(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			a.fail(w, r, unread(err))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		id := digest(access.From(r.Context()).Name, key)
		if !a.flights.begin(id) {
			w.Header().Set("Retry-After", "1")
			a.fail(w, r, fault{http.StatusConflict, "Idempotency-Key: another request with this key is being carried out; ask again in a moment"})
			return
		}
		defer a.flights.end(id)
		a.remembering(w, r, &attempt{id: id, request: fingerprint(r, body)}, next)
	}
}

// attempt is a request with a key that is being carried out.
type attempt struct {
	// id is the key as it is stored, request a fingerprint of what is asked.
	id, request string
	// tried is set once a change was begun that the answer is kept with, made
	// once that change is on the disk.
	tried, made bool
	answer      store.Remembered
}

type attemptKey struct{}

// onceOf has the store keep the answer that make gives together with the change
// that r asks for; it is nil for a request without a key.
func (a *API) onceOf(r *http.Request, make func(store.Registered) reply) *store.Once {
	one, keyed := r.Context().Value(attemptKey{}).(*attempt)
	if !keyed {
		return nil
	}
	return &store.Once{Key: one.id, Answer: func(after store.Registered) store.Remembered {
		kept := newKeeping()
		a.show(kept, r, make(after))
		one.tried, one.answer = true, kept.answer(one.request)
		return one.answer
	}}
}

// made notes that the change that r asks for is on the disk.
func made(r *http.Request) {
	if one, keyed := r.Context().Value(attemptKey{}).(*attempt); keyed {
		one.made = true
	}
}

// remembering answers as the first request did, or carries it out.
func (a *API) remembering(w http.ResponseWriter, r *http.Request, one *attempt, next http.HandlerFunc) {
	known, err := a.Store.Recall(r.Context(), one.id)
	if err == nil {
		a.replay(w, r, one, known)
		return
	}
	if !errors.Is(err, store.ErrNotFound) {
		a.fail(w, r, a.unkept(err))
		return
	}
	kept := newKeeping()
	next(kept, r.WithContext(context.WithValue(r.Context(), attemptKey{}, one)))
	answer := kept.answer(one.request)
	switch {
	case one.made:
		answer = one.answer
	case one.tried:
		// Another process was faster, or the word of the store was lost.
		err = store.ErrTaken
	case answer.Status < http.StatusInternalServerError:
		if err = a.Store.Remember(r.Context(), one.id, answer); err != nil && !errors.Is(err, store.ErrTaken) {
			// It changed nothing, so that to carry it out again does no harm.
			a.Log.Warn("answer not remembered", "path", r.URL.Path, "error", err)
		}
	}
	if errors.Is(err, store.ErrTaken) {
		if known, err := a.Store.Recall(r.Context(), one.id); err == nil {
			a.replay(w, r, one, known)
			return
		}
	}
	give(w, answer)
}

// replay gives the answer that is known for a key again.
func (a *API) replay(w http.ResponseWriter, r *http.Request, one *attempt, known store.Remembered) {
	if known.Request != one.request {
		a.fail(w, r, fault{http.StatusUnprocessableEntity, "Idempotency-Key: this key was sent with another request within the last 24 hours; take a new one for each request"})
		return
	}
	w.Header().Set("Idempotency-Replayed", "true")
	give(w, known)
}

func give(w http.ResponseWriter, answer store.Remembered) {
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // an error means that the client has gone
}

// idempotencyKey reads the key, in quotes or without.
func idempotencyKey(r *http.Request) (key string, given bool, err error) {
	values := r.Header.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", false, nil
	}
	key = values[0]
	if inner, quoted := strings.CutPrefix(key, `"`); quoted {
		key = strings.TrimSuffix(inner, `"`)
	}
	odd := strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
	if len(values) > 1 || key == "" || len(key) > keyLimit || odd {
		return "", false, faultf(http.StatusBadRequest, "Idempotency-Key: send one key of 1 to %d letters, digits and signs, a new one for each request, like a UUID", keyLimit)
	}
	return key, true, nil
}

// fingerprint tells requests apart.
func fingerprint(r *http.Request, body []byte) string {
	return digest(r.Method, r.URL.RequestURI(), strings.Join(r.Header.Values("If-Match"), ","),
		strings.Join(r.Header.Values("If-None-Match"), ","), string(body))
}

// digest is one name for several texts.
func digest(texts ...string) string {
	hash := sha256.New()
	for _, text := range texts {
		fmt.Fprintf(hash, "%d:%s", len(text), text) // never fails, says package hash
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// unread explains why a body could not be read.
func unread(err error) error {
	if large, is := errors.AsType[*http.MaxBytesError](err); is {
		return faultf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", large.Limit)
	}
	return fault{http.StatusBadRequest, "the body could not be read to its end"}
}

// keeping is an answer that is kept before it is sent.
type keeping struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newKeeping() *keeping { return &keeping{header: http.Header{}, status: http.StatusOK} }

// answer is what was written, as the answer to a request.
func (k *keeping) answer(request string) store.Remembered {
	answer := store.Remembered{Request: request, Status: k.status, Header: map[string]string{}, Body: k.body.Bytes()}
	for name := range k.header {
		answer.Header[name] = k.header.Get(name)
	}
	return answer
}

// Header implements http.ResponseWriter.
func (k *keeping) Header() http.Header { return k.header }

// WriteHeader implements http.ResponseWriter.
func (k *keeping) WriteHeader(status int) { k.status = status }

// Write implements http.ResponseWriter.
func (k *keeping) Write(text []byte) (int, error) { return k.body.Write(text) }

// flights are the requests with a key that are being carried out.
type flights struct {
	mu  sync.Mutex
	ids map[string]bool
}

// begin reports whether there was none of that id.
func (f *flights) begin(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ids[id] {
		return false
	}
	if f.ids == nil {
		f.ids = map[string]bool{}
	}
	f.ids[id] = true
	return true
}

func (f *flights) end(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ids, id)
}
