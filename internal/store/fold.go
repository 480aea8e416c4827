package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"paramedic/internal/health"
)

const (
	// foldAfter is how long after its end an hour is folded: most of what a
	// worker could not write at once has come by then. What comes later is
	// folded too.
	foldAfter = 15 * time.Minute
	// foldStep is how many targets are written in one transaction.
	foldStep = 1000
	// foldRoom is how many bytes of surveys are folded together. Each is taken
	// apart into a few times its size in memory, so that an hour of thousands of
	// probes a second needs no more of it than a quiet one; it costs more packs
	// that are written again.
	foldRoom = 8 << 20
)

// fold moves the surveys of hours that are over into packs and sums of their
// targets, one hour of a service at a time. To fold what is folded already
// changes nothing, so that it may be interrupted, and done by two at once.
func (s *Store) fold(ctx context.Context, now time.Time) error {
	type part struct {
		hour    int64
		service string
	}
	var parts []part
	err := s.query(ctx, func(rows *sql.Rows) error {
		var p part
		err := rows.Scan(&p.hour, &p.service)
		parts = append(parts, p)
		return err
	}, `SELECT DISTINCT hour, service FROM surveys WHERE hour <= ? ORDER BY hour, service`,
		now.Add(-foldAfter).UnixMilli()-hourMS)
	for n := 0; n < len(parts) && err == nil; n++ {
		err = s.foldHour(ctx, parts[n].service, parts[n].hour)
	}
	return err
}

// foldHour folds the surveys of an hour, the oldest first, until none is left.
func (s *Store) foldHour(ctx context.Context, service string, hour int64) error {
	for {
		surveys, err := s.readSurveys(ctx, service, hour)
		if err != nil || len(surveys) == 0 {
			return err
		}
		if err := s.foldSurveys(ctx, service, hour, surveys); err != nil {
			return err
		}
	}
}

func (s *Store) foldSurveys(ctx context.Context, service string, hour int64, surveys []Survey) error {
	found, err := gatherSurveys(surveys)
	if err != nil {
		return err
	}
	for names := range slices.Chunk(slices.Sorted(maps.Keys(found)), foldStep) {
		err := s.transact(ctx, func(w *writing) error { return w.foldTargets(ctx, service, hour, names, found) })
		if err != nil {
			return err
		}
	}
	return s.transact(ctx, func(w *writing) error {
		for _, survey := range surveys {
			if _, err := w.exec(ctx, `DELETE FROM surveys WHERE id = ?`, survey.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// readSurveys reads the oldest surveys of an hour: as many as are folded
// together. It chooses before it reads, as sorting would read all of them.
func (s *Store) readSurveys(ctx context.Context, service string, hour int64) (surveys []Survey, err error) {
	size := 0
	err = s.query(ctx, func(rows *sql.Rows) error {
		survey, bytes := Survey{service: service, hour: hour}, 0
		if err := rows.Scan(&survey.id, &bytes); err != nil {
			return err
		}
		if size < foldRoom {
			surveys = append(surveys, survey)
		}
		size += bytes
		return nil
	}, `SELECT id, length(code) FROM surveys WHERE hour = ? AND service = ? ORDER BY stamp, id`, hour, service)
	for n := 0; n < len(surveys) && err == nil; n++ {
		err = s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&surveys[n].data) },
			`SELECT code FROM surveys WHERE id = ?`, surveys[n].id)
	}
	isGone := func(survey Survey) bool { return survey.data == nil } // somebody else has folded it meanwhile
	return slices.DeleteFunc(surveys, isGone), err
}

// hourOfTarget is what surveys of an hour say of one target.
type hourOfTarget struct {
	seen []sighting
	// last is when the newest result began, latest that result.
	last   int64
	latest health.Result
}

// sighting is a result in little room, as there are many of them: at is in
// milliseconds of the hour, latency in microseconds, an hour at most.
type sighting struct {
	at      int32
	latency uint32
	status  uint8
}

// rows are the results in time's order; of two of the same time the first stays.
func (h *hourOfTarget) rows(hour int64) []row {
	rows := make([]row, len(h.seen))
	for n, s := range h.seen {
		rows[n] = row{at: hour + int64(s.at), status: int64(s.status), latency: int64(s.latency)}
	}
	return distinctRows(rows)
}

// gatherSurveys takes surveys of one hour apart by target.
func gatherSurveys(surveys []Survey) (map[string]*hourOfTarget, error) {
	found := map[string]*hourOfTarget{}
	for _, survey := range surveys {
		err := scanSurvey(survey.hour, survey.data, func(g glance) {
			h := found[string(g.target)]
			if h == nil {
				h = &hourOfTarget{}
				found[string(g.target)] = h
			}
			h.seen = append(h.seen, sighting{int32(g.at - survey.hour), uint32(min(g.latency, hourMS*1000-1)), uint8(g.status)})
			h.last = max(h.last, g.at)
		})
		if err != nil {
			return nil, err
		}
	}
	for _, survey := range surveys {
		newest := func(g glance) bool { return found[string(g.target)].last == g.at }
		findings, err := decodeSurvey(survey.hour, survey.data, newest)
		if err != nil {
			return nil, err
		}
		for _, f := range findings {
			found[f.Target].latest = f.Result
		}
	}
	return found, nil
}

// foldTargets adds what was found of targets in an hour to what is known of it.
func (w *writing) foldTargets(ctx context.Context, service string, hour int64, names []string, found map[string]*hourOfTarget) error {
	var targets, ats []int64
	var codes [][]byte
	var fresh []row
	latest := moments{}
	for _, name := range names {
		key := Key{service, name}
		if err := w.findTarget(ctx, key); err != nil {
			return err
		}
		id := w.ids[key]
		known, err := w.packed(ctx, id, hour)
		if err != nil {
			return err
		}
		news := missing(known, found[name].rows(hour))
		for _, r := range news {
			r.target = id
			fresh = append(fresh, r)
		}
		targets, ats = append(targets, id), append(ats, hour)
		codes = append(codes, pack(hour, distinctRows(append(known, news...))))
		latest.offer(id, found[name].latest.At, found[name].latest)
	}
	err := w.rows(ctx, into("packs", append(numbers("target at"), blobs("code")...)...).on(
		`ON CONFLICT (target, at) DO UPDATE SET code = excluded.code`), columns{targets, ats, codes})
	if err != nil {
		return err
	}
	slices.SortFunc(fresh, byTarget)
	return errors.Join(w.addSums(ctx, "target_hours", fresh, hourMS), w.addSums(ctx, "target_days", fresh, dayMS),
		w.newest(ctx, "result", latest))
}

// packed reads the pack of a target in an hour, if there is one.
func (w *writing) packed(ctx context.Context, target, hour int64) (known []row, err error) {
	var code []byte
	err = w.tx.QueryRowContext(ctx, w.bound(`SELECT code FROM packs WHERE target = ? AND at = ?`), target, hour).Scan(&code)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = unpack(hour, code, func(at, status, latency int64) {
		known = append(known, row{at: at, status: status, latency: latency})
	})
	return known, err
}

// missing are those rows whose times are not known.
func missing(known, rows []row) []row {
	if len(known) == 0 {
		return rows
	}
	times := make(map[int64]bool, len(known))
	for _, r := range known {
		times[r.at] = true
	}
	return slices.DeleteFunc(rows, func(r row) bool { return times[r.at] })
}
