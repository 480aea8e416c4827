package api

import (
	"bytes"
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

// once has a request with an Idempotency-Key carried out once: whoever sends it
// again within 24 hours gets the answer that was given. A key is of the one who
// sends it. An answer that says that paramedic itself failed is not kept.
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
		a.remembering(w, r, id, fingerprint(r, body), next)
	}
}

// remembering answers as the first request did, or carries it out.
func (a *API) remembering(w http.ResponseWriter, r *http.Request, id, request string, next http.HandlerFunc) {
	known, err := a.Store.Recall(r.Context(), id)
	switch {
	case err == nil && known.Request != request:
		a.fail(w, r, fault{http.StatusUnprocessableEntity, "Idempotency-Key: this key was sent with another request within the last 24 hours; take a new one for each request"})
		return
	case err == nil:
		replay(w, known)
		return
	case !errors.Is(err, store.ErrNotFound):
		a.fail(w, r, a.unkept(err))
		return
	}
	kept := &keeping{header: http.Header{}, status: http.StatusOK}
	next(kept, r)
	answer := store.Remembered{Request: request, Status: kept.status, Header: map[string]string{}, Body: kept.body.Bytes()}
	for name := range kept.header {
		answer.Header[name] = kept.header.Get(name)
	}
	if kept.status < http.StatusInternalServerError {
		if err := a.Store.Remember(r.Context(), id, answer); err != nil {
			// What was asked for is done, and that is what the answer says.
			a.Log.Warn("answer not remembered", "path", r.URL.Path, "error", err)
		}
	}
	show(w, answer)
}

// replay gives an answer again.
func replay(w http.ResponseWriter, known store.Remembered) {
	w.Header().Set("Idempotency-Replayed", "true")
	show(w, known)
}

func show(w http.ResponseWriter, answer store.Remembered) {
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
