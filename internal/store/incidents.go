package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"paramedic/internal/health"
)

// pageLimit is how many incidents or alerts a page holds unless it says otherwise.
const pageLimit = 50

// saveIncident replaces a record by one that is as far or further: whatever is
// resolved replaces what is open, and else the timeline decides.
const saveIncident = `INSERT INTO incidents (id, service, target, severity, state, outcome, opened_at, resolved_at, progress, record)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (id) DO UPDATE SET service = excluded.service, target = excluded.target, severity = excluded.severity,
		state = excluded.state, outcome = excluded.outcome, opened_at = excluded.opened_at,
		resolved_at = excluded.resolved_at, progress = excluded.progress, record = excluded.record
	WHERE (excluded.resolved_at > 0 AND incidents.resolved_at = 0)
		OR ((excluded.resolved_at > 0) = (incidents.resolved_at > 0) AND excluded.progress >= incidents.progress)`

func (w *writing) incidents(ctx context.Context, incidents []health.Incident) error {
	for _, i := range incidents {
		record, err := json.Marshal(i)
		if err != nil {
			return fmt.Errorf("%s: %w", i.ID, err)
		}
		// An open one has no end, whatever the record says, and a resolved one has.
		resolved := int64(0)
		if i.State == health.Resolved {
			resolved = max(i.ResolvedAt.UnixMilli(), 1)
		}
		_, err = w.exec(ctx, saveIncident, cleanText(i.ID), cleanText(i.Service), cleanText(i.Target), cleanText(i.Severity),
			cleanText(string(i.State)), cleanText(string(i.Outcome)), i.OpenedAt.UnixMilli(), resolved,
			len(i.Timeline.Entries)+i.Timeline.Omitted, string(record))
		if err != nil {
			return fmt.Errorf("%s: %w", i.ID, err)
		}
	}
	return nil
}

// Incidents returns a page of the incidents that a filter chooses, newest first,
// and how many it chooses in all.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) (page []health.Incident, total int, err error) {
	where, args := f.where()
	if err := s.read.QueryRowContext(ctx, s.bound(`SELECT count(*) FROM incidents`+where), args...).Scan(&total); err != nil {
		return nil, 0, s.failed("count incidents", err)
	}
	err = s.query(ctx, func(rows *sql.Rows) error {
		incident, err := scanIncident(rows)
		page = append(page, incident)
		return err
	}, `SELECT id, record FROM incidents`+where+` ORDER BY opened_at DESC, id DESC LIMIT ? OFFSET ?`,
		append(args, limit(f.Limit), max(f.Offset, 0))...)
	if err != nil {
		return nil, 0, s.failed("read incidents", err)
	}
	return page, total, nil
}

// OpenIncidents returns how many entries the timeline of every incident that is
// not resolved has had, by id: to know which records are worth reading.
func (s *Store) OpenIncidents(ctx context.Context) (map[string]int, error) {
	open := map[string]int{}
	err := s.query(ctx, func(rows *sql.Rows) error {
		var id string
		var entries int
		err := rows.Scan(&id, &entries)
		open[id] = entries
		return err
	}, `SELECT id, progress FROM incidents WHERE resolved_at = 0`)
	if err != nil {
		return nil, s.failed("look for open incidents", err)
	}
	return open, nil
}

func (f IncidentFilter) where() (clause string, args []any) {
	var terms []string
	add := func(term string, arg ...any) { terms, args = append(terms, term), append(args, arg...) }
	if f.Service != "" {
		add("service = ?", cleanText(f.Service))
	}
	if f.Target != "" {
		add("target = ?", cleanText(f.Target))
	}
	if f.Open && !f.Closed {
		add("resolved_at = 0")
	}
	if f.Closed && !f.Open {
		add("resolved_at > 0")
	}
	if !f.From.IsZero() {
		add("opened_at >= ?", f.From.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("opened_at < ?", f.Until.UnixMilli())
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

func limit(asked int) int {
	if asked <= 0 {
		return pageLimit
	}
	return asked
}

// Incident returns the record of an incident, or ErrNotFound.
func (s *Store) Incident(ctx context.Context, id string) (health.Incident, error) {
	row := s.read.QueryRowContext(ctx, s.bound(`SELECT id, record FROM incidents WHERE id = ?`), cleanText(id))
	incident, err := scanIncident(row)
	if errors.Is(err, sql.ErrNoRows) {
		return health.Incident{}, fmt.Errorf("incident %q: %w", id, ErrNotFound)
	}
	if err != nil {
		return health.Incident{}, s.failed("read an incident", err)
	}
	return incident, nil
}

func scanIncident(row interface{ Scan(...any) error }) (incident health.Incident, err error) {
	var id, record string
	if err := row.Scan(&id, &record); err != nil {
		return incident, err
	}
	if err := json.Unmarshal([]byte(record), &incident); err != nil {
		return incident, fmt.Errorf("incident %s: %w", id, err)
	}
	return incident, nil
}
