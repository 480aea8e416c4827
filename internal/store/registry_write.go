package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"paramedic/internal/health"
)

// CreateTarget registers a target. If there is one of that name, it returns that
// one and ErrExists. Here and below, once is nil for a request without a key;
// with one, ErrTaken says that another request has taken it, and nothing is
// changed.
func (s *Store) CreateTarget(ctx context.Context, key Key, labels map[string]string, once *Once) (Registered, error) {
	return s.changeTarget(ctx, "register", key, once, func(r *registering) (Registered, error) {
		found, err := r.find(ctx, key)
		if err == nil {
			return found, fmt.Errorf("%q: %w", key.Target, ErrExists)
		}
		if !errors.Is(err, ErrNotFound) {
			return found, err
		}
		return r.put(ctx, Registered{Key: key, CreatedAt: r.now}, labels)
	})
}

// ReplaceTarget gives a registered target other labels. It says ErrNotFound if
// there is none of that name, and ErrChanged if its version is another one;
// version 0 is any. The same labels again change nothing, and so no version.
func (s *Store) ReplaceTarget(ctx context.Context, key Key, labels map[string]string, version int64, once *Once) (Registered, error) {
	return s.changeTarget(ctx, "change", key, once, func(r *registering) (Registered, error) {
		found, err := r.expect(ctx, key, version)
		if err != nil || maps.Equal(found.Labels, labels) {
			return found, err
		}
		return r.put(ctx, found, labels)
	})
}

// DeleteTarget takes a target out of the registry. It says ErrNotFound if there
// is none of that name, and ErrChanged if its version is another one; version 0
// is any. What was found of the target is kept for as long as all else.
func (s *Store) DeleteTarget(ctx context.Context, key Key, version int64, once *Once) error {
	_, err := s.changeTarget(ctx, "remove", key, once, func(r *registering) (Registered, error) {
		found, err := r.expect(ctx, key, version)
		if err != nil {
			return found, err
		}
		r.changed = true
		_, err = r.exec(ctx, `DELETE FROM registered WHERE service = ? AND target = ?`, key.Service, key.Target)
		return found, err
	})
	return err
}

// ImportTargets registers targets, and gives those that are there the labels
// that stand here: all of them or, after an error, none. It removes none. Of
// two of one name the last counts. To import the same again changes nothing.
func (s *Store) ImportTargets(ctx context.Context, service string, targets []health.Target) (created, changed, unchanged int, err error) {
	wanted := make(map[string]map[string]string, len(targets))
	for _, target := range targets {
		if err := sayable(Key{service, target.Name}); err != nil {
			return 0, 0, 0, err
		}
		wanted[target.Name] = target.Labels
	}
	err = s.register(ctx, func(r *registering) error {
		known, err := r.known(ctx, service, slices.Sorted(maps.Keys(wanted)))
		if err != nil {
			return err
		}
		var rows []Registered
		created, changed, unchanged, rows = compare(service, known, wanted, r.now)
		r.changed = len(rows) > 0
		return r.putAll(ctx, rows)
	})
	if err != nil {
		return 0, 0, 0, s.failed("import targets", err)
	}
	return created, changed, unchanged, nil
}

// compare counts what an import does, and returns the rows that it writes.
func compare(service string, known []Registered, wanted map[string]map[string]string, now time.Time) (
	created, changed, unchanged int, rows []Registered,
) {
	for _, found := range known {
		labels, named := wanted[found.Target]
		if !named {
			continue
		}
		delete(wanted, found.Target)
		if maps.Equal(labels, found.Labels) {
			unchanged++
			continue
		}
		changed++
		rows = append(rows, found.with(labels, now))
	}
	for name, labels := range wanted {
		created++
		rows = append(rows, Registered{Key: Key{service, name}, CreatedAt: now}.with(labels, now))
	}
	return created, changed, unchanged, rows
}

// with is the next version of a target.
func (r Registered) with(labels map[string]string, now time.Time) Registered {
	r.Labels, r.UpdatedAt = maps.Clone(labels), now
	// The clock keeps a target that is registered anew from having a version that
	// its predecessor has had.
	r.Version = max(r.Version+1, time.Now().UnixMicro())
	return r
}

// registering is a transaction that changes what is registered.
type registering struct {
	*writing
	now time.Time
	// changed is set if somebody has to read the registered targets again.
	changed bool
}

// changeTarget changes one target in a transaction of its own. Why it refuses
// is no failure of the transaction, and is told with the target as it is.
func (s *Store) changeTarget(ctx context.Context, what string, key Key, once *Once, do func(*registering) (Registered, error)) (after Registered, err error) {
	if err := sayable(key); err != nil {
		return Registered{}, err
	}
	var refusal error
	err = s.register(ctx, func(r *registering) (err error) {
		after, err = do(r)
		if errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrChanged) {
			refusal = err
			return nil
		}
		if err != nil || once == nil {
			return err
		}
		return r.remember(ctx, once.Key, once.Answer(after))
	})
	if errors.Is(err, ErrTaken) {
		return Registered{}, err
	}
	if err != nil {
		return Registered{}, s.failed(what+" a target", err)
	}
	return after, refusal
}

// register does something with the registered targets in a transaction that is
// on the disk when it returns.
func (s *Store) register(ctx context.Context, do func(*registering) error) error {
	return s.durably(ctx, func(w *writing) error {
		r := &registering{writing: w, now: time.UnixMilli(time.Now().UnixMilli()).UTC()}
		if err := do(r); err != nil || !r.changed {
			return err
		}
		_, err := w.exec(ctx, `UPDATE clock SET registered = ?`, w.stamp)
		return err
	})
}

func (r *registering) find(ctx context.Context, key Key) (Registered, error) {
	return findRegistered(ctx, r.Store, r.tx, key)
}

// known are those of the names that are registered. It reads no others, as an
// import of many comes in parts.
func (r *registering) known(ctx context.Context, service string, names []string) ([]Registered, error) {
	among := ` AND target IN (SELECT unnest(?::text[]))`
	var list any = names
	if r.kind == kindSQLite {
		text, err := json.Marshal(names)
		if err != nil {
			return nil, err
		}
		among, list = ` AND target IN (SELECT value FROM json_each(?))`, string(text)
	}
	return scanRegistered(ctx, r.tx, r.bound(selectRegistered+among), service, list)
}

// expect finds a target of a version; 0 is any.
func (r *registering) expect(ctx context.Context, key Key, version int64) (Registered, error) {
	found, err := r.find(ctx, key)
	if err == nil && version != 0 && version != found.Version {
		return found, fmt.Errorf("%q: %w: it is version %d now", key.Target, ErrChanged, found.Version)
	}
	return found, err
}

func (r *registering) put(ctx context.Context, target Registered, labels map[string]string) (Registered, error) {
	r.changed = true
	target = target.with(labels, r.now)
	return target, r.putAll(ctx, []Registered{target})
}

// putAll writes targets as they are now.
func (r *registering) putAll(ctx context.Context, targets []Registered) error {
	services, names, labels := make([]string, len(targets)), make([]string, len(targets)), make([]string, len(targets))
	versions, created, updated := make([]int64, len(targets)), make([]int64, len(targets)), make([]int64, len(targets))
	for n, t := range targets {
		record, err := json.Marshal(t.Labels)
		if err != nil {
			return err
		}
		services[n], names[n], labels[n] = t.Service, t.Target, string(record)
		versions[n], created[n], updated[n] = t.Version, t.CreatedAt.UnixMilli(), t.UpdatedAt.UnixMilli()
	}
	return r.rows(ctx, insertRegistered, columns{services, names, labels, versions, created, updated})
}

var insertRegistered = into("registered", append(texts("service target labels"), numbers("version created_at updated_at")...)...).on(
	`ON CONFLICT (service, target) DO UPDATE SET labels = excluded.labels, version = excluded.version, updated_at = excluded.updated_at`)

// sayable refuses a name that no database keeps as it is.
func sayable(key Key) error {
	for what, name := range map[string]string{"service": key.Service, "target": key.Target} {
		if name == "" || cleanText(name) != name {
			return fmt.Errorf("%s %q: a name is at least one character of valid UTF-8, and none is NUL", what, name)
		}
	}
	return nil
}
