package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// rememberFor is how long the answer to a request with an idempotency key is
// remembered.
const rememberFor = 24 * time.Hour

// Recall returns what a request with an idempotency key was answered within the
// last 24 hours, or ErrNotFound.
func (s *Store) Recall(ctx context.Context, key string) (answer Remembered, err error) {
	var record string
	err = s.read.QueryRowContext(ctx, s.bound(`SELECT record FROM remembered WHERE id = ? AND at >= ?`),
		cleanText(key), time.Now().Add(-rememberFor).UnixMilli()).Scan(&record)
	if errors.Is(err, sql.ErrNoRows) {
		return answer, fmt.Errorf("idempotency key %q: %w", key, ErrNotFound)
	}
	if err == nil {
		err = json.Unmarshal([]byte(record), &answer)
	}
	if err != nil {
		return Remembered{}, s.failed("recall an answer", err)
	}
	return answer, nil
}

// Once is a change that a request with an idempotency key asks for: it is on
// the disk together with its answer, or neither is.
type Once struct {
	Key string
	// Answer makes the answer of the target as it is after the change, or as it
	// was before its removal. It may be called for a change that fails then.
	Answer func(Registered) Remembered
}

// ErrTaken says that another request has taken an idempotency key first; Recall
// tells what it was answered.
var ErrTaken = errors.New("another request has taken it first")

// Remember keeps what a request with an idempotency key was answered for 24
// hours, or says ErrTaken. It is for requests that change nothing; what one that
// does is answered is kept with its change, see Once.
func (s *Store) Remember(ctx context.Context, key string, answer Remembered) error {
	err := s.durably(ctx, func(w *writing) error { return w.remember(ctx, key, answer) })
	if err != nil && !errors.Is(err, ErrTaken) {
		return s.failed("remember an answer", err)
	}
	return err
}

// remember keeps an answer. One without a time is of this moment.
func (w *writing) remember(ctx context.Context, key string, answer Remembered) error {
	if answer.At.IsZero() {
		answer.At = time.Now().UTC()
	}
	record, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	kept, err := w.exec(ctx, `INSERT INTO remembered (id, at, record) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET at = excluded.at, record = excluded.record WHERE remembered.at < ?`,
		cleanText(key), answer.At.UnixMilli(), string(record), time.Now().Add(-rememberFor).UnixMilli())
	if err == nil && kept == 0 {
		return fmt.Errorf("idempotency key %q: %w", key, ErrTaken)
	}
	return err
}

// forgetAnswers removes answers that nobody is told any more.
func (s *Store) forgetAnswers(ctx context.Context, before int64) (int, error) {
	return s.repeat(ctx, func(w *writing) (int64, error) {
		return w.exec(ctx, `DELETE FROM remembered WHERE id IN (SELECT id FROM remembered WHERE at < ? ORDER BY at LIMIT 1000)`, before)
	})
}
