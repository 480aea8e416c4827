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

// Remember keeps what a request with an idempotency key was answered for 24
// hours. It says ErrExists if another request has taken the key first. An
// answer without a time is one of this moment.
func (s *Store) Remember(ctx context.Context, key string, answer Remembered) error {
	if answer.At.IsZero() {
		answer.At = time.Now().UTC()
	}
	record, err := json.Marshal(answer)
	if err != nil {
		return s.failed("remember an answer", err)
	}
	var taken int64
	err = s.durably(ctx, func(w *writing) (err error) {
		taken, err = w.exec(ctx, `INSERT INTO remembered (id, at, record) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, record = excluded.record WHERE remembered.at < ?`,
			cleanText(key), answer.At.UnixMilli(), string(record), time.Now().Add(-rememberFor).UnixMilli())
		return err
	})
	if err != nil {
		return s.failed("remember an answer", err)
	}
	if taken == 0 {
		return fmt.Errorf("idempotency key %q: %w", key, errTaken)
	}
	return nil
}

// errTaken is ErrExists of a key.
var errTaken error = taken{}

type taken struct{}

// Error implements error.
func (taken) Error() string { return "another request has taken it first" }

// Is makes it an ErrExists.
func (taken) Is(other error) bool { return other == ErrExists }

// forgetAnswers removes answers that nobody is told any more.
func (s *Store) forgetAnswers(ctx context.Context, before int64) (int, error) {
	return s.repeat(ctx, func(w *writing) (int64, error) {
		return w.exec(ctx, `DELETE FROM remembered WHERE id IN (SELECT id FROM remembered WHERE at < ? ORDER BY at LIMIT 1000)`, before)
	})
}
