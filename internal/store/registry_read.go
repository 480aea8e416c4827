package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"paramedic/internal/health"
)

const selectRegistered = `SELECT service, target, labels, version, created_at, updated_at FROM registered WHERE service = ?`

// RegisteredTarget returns a registered target, or ErrNotFound.
func (s *Store) RegisteredTarget(ctx context.Context, key Key) (Registered, error) {
	found, err := findRegistered(ctx, s, s.read, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Registered{}, s.failed("read a registered target", err)
	}
	return found, err
}

func findRegistered(ctx context.Context, s *Store, from querier, key Key) (Registered, error) {
	found, err := scanRegistered(ctx, from, s.bound(selectRegistered+` AND target = ?`), cleanText(key.Service), cleanText(key.Target))
	if err != nil {
		return Registered{}, err
	}
	if len(found) == 0 {
		return Registered{}, fmt.Errorf("target %q of %s: %w", key.Target, key.Service, ErrNotFound)
	}
	return found[0], nil
}

// RegisteredTargets returns the registered targets of a service by name.
func (s *Store) RegisteredTargets(ctx context.Context, service string) ([]Registered, error) {
	found, err := scanRegistered(ctx, s.read, s.bound(selectRegistered), cleanText(service))
	if err != nil {
		return nil, s.failed("read the registered targets", err)
	}
	// Not by the database: each has an order of its own.
	slices.SortFunc(found, func(a, b Registered) int { return strings.Compare(a.Target, b.Target) })
	return found, nil
}

// Targets returns the registered targets of a service by name, as a prober
// needs them.
func (s *Store) Targets(ctx context.Context, service string) ([]health.Target, error) {
	found, err := s.RegisteredTargets(ctx, service)
	targets := make([]health.Target, len(found))
	for n, target := range found {
		targets[n] = target.AsTarget()
	}
	return targets, err
}

// TargetsStamp returns a number that is another one after each change of what
// is registered, of whatever service and by whatever process. It costs one row.
func (s *Store) TargetsStamp(ctx context.Context) (stamp int64, err error) {
	if err := s.read.QueryRowContext(ctx, `SELECT registered FROM clock`).Scan(&stamp); err != nil {
		return 0, s.failed("look for changes of the registered targets", err)
	}
	return stamp, nil
}

func scanRegistered(ctx context.Context, from querier, statement string, args ...any) (found []Registered, err error) {
	rows, err := from.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		target, err := scanOneRegistered(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, target)
	}
	return found, rows.Err()
}

func scanOneRegistered(rows *sql.Rows) (r Registered, err error) {
	var labels string
	var created, updated int64
	if err := rows.Scan(&r.Service, &r.Target, &labels, &r.Version, &created, &updated); err != nil {
		return r, err
	}
	r.CreatedAt, r.UpdatedAt = time.UnixMilli(created).UTC(), time.UnixMilli(updated).UTC()
	if err := json.Unmarshal([]byte(labels), &r.Labels); err != nil {
		return r, fmt.Errorf("labels of %s: %w", r.name(), err)
	}
	return r, nil
}
