package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"paramedic/internal/health"
)

// saveAlert replaces an outcome by a later one; of the same time, "delivered"
// is the last word.
const saveAlert = `INSERT INTO alerts (dedup_key, receiver, service, incident, status, stage, at, outcome, rank, error)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (dedup_key, receiver) DO UPDATE SET service = excluded.service, incident = excluded.incident,
		status = excluded.status, stage = excluded.stage, at = excluded.at, outcome = excluded.outcome,
		rank = excluded.rank, error = excluded.error
	WHERE excluded.at > alerts.at OR (excluded.at = alerts.at AND excluded.rank >= alerts.rank)`

func (w *writing) alerts(ctx context.Context, alerts []Alert) error {
	for _, a := range alerts {
		_, err := w.exec(ctx, saveAlert, a.DedupKey, a.Receiver, a.Service, a.Incident, string(a.Status), string(a.Stage),
			a.At.UnixMilli(), string(a.Outcome), rank(a.Outcome), a.Error)
		if err != nil {
			return fmt.Errorf("%s: %w", a.DedupKey, err)
		}
	}
	return nil
}

func rank(o AlertOutcome) int {
	switch o {
	case AlertDelivered:
		return 2
	case AlertDead:
		return 1
	default:
		return 0
	}
}

// Alerts returns the alerts that a filter chooses, newest first.
func (s *Store) Alerts(ctx context.Context, f AlertFilter) (alerts []Alert, err error) {
	clause, args := " WHERE 1 = 1", []any{}
	for column, value := range map[string]string{"incident": f.Incident, "service": f.Service, "receiver": f.Receiver} {
		if value != "" {
			clause, args = clause+" AND "+column+" = ?", append(args, cleanText(value))
		}
	}
	err = s.query(ctx, func(rows *sql.Rows) error {
		var a Alert
		var at int64
		err := rows.Scan(&a.DedupKey, &a.Receiver, &a.Service, &a.Incident, &a.Status, &a.Stage, &at, &a.Outcome, &a.Error)
		a.At = time.UnixMilli(at).UTC()
		alerts = append(alerts, a)
		return err
	}, `SELECT dedup_key, receiver, service, incident, status, stage, at, outcome, error FROM alerts`+clause+
		` ORDER BY at DESC, dedup_key DESC, receiver LIMIT ?`, append(args, limit(f.Limit))...)
	if err != nil {
		return nil, s.failed("read alerts", err)
	}
	return alerts, nil
}

// saveOutbox replaces all that was known of a receiver, unless that is later.
const saveOutbox = `INSERT INTO outboxes (receiver, at, record) VALUES (?, ?, ?)
	ON CONFLICT (receiver) DO UPDATE SET at = excluded.at, record = excluded.record WHERE excluded.at >= outboxes.at`

func (w *writing) outboxes(ctx context.Context, outboxes []health.Outbox) error {
	for _, o := range outboxes {
		record, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.Receiver, err)
		}
		if _, err := w.exec(ctx, saveOutbox, cleanText(o.Receiver), o.At.UnixMilli(), string(record)); err != nil {
			return fmt.Errorf("%s: %w", o.Receiver, err)
		}
	}
	return nil
}

// Outboxes returns what each receiver's Outbox held when it last said so, by
// the receivers' names, with its dead letters.
func (s *Store) Outboxes(ctx context.Context) (outboxes []health.Outbox, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error {
		var receiver, record string
		if err := rows.Scan(&receiver, &record); err != nil {
			return err
		}
		var outbox health.Outbox
		if err := json.Unmarshal([]byte(record), &outbox); err != nil {
			return fmt.Errorf("outbox %s: %w", receiver, err)
		}
		outboxes = append(outboxes, outbox)
		return nil
	}, `SELECT receiver, record FROM outboxes ORDER BY receiver`)
	if err != nil {
		return nil, s.failed("read outboxes", err)
	}
	return outboxes, nil
}
