package store

import (
	"context"
	"encoding/json"
	"time"
)

// latest writes the newest result and the newest standing of each target,
// unless the database has a later one.
func (w *writing) latest(ctx context.Context, b Batch) error {
	results, standings := moments{}, moments{}
	for _, r := range b.Results {
		results.offer(w.ids[r.Key], r.At, r.Result)
	}
	for _, s := range b.Standings {
		standings.offer(w.ids[Key{s.Service, s.Target}], s.At, s)
	}
	if err := w.newest(ctx, "result", results); err != nil {
		return err
	}
	return w.newest(ctx, "standing", standings)
}

// moments hold the newest value of each target by its id.
type moments map[int64]moment

type moment struct {
	at    int64
	value any
}

func (n moments) offer(id int64, at time.Time, value any) {
	if found, ok := n[id]; !ok || at.UnixMicro() > found.at {
		n[id] = moment{at.UnixMicro(), value}
	}
}

// newest writes one column of the table latest, and the time that goes with it.
func (w *writing) newest(ctx context.Context, name string, values moments) error {
	var ids, stamps, ats []int64
	var records []string
	for id, moment := range values {
		record, err := json.Marshal(moment.value)
		if err != nil {
			return err
		}
		ids, stamps, ats = append(ids, id), append(stamps, w.stamp), append(ats, moment.at)
		records = append(records, string(record))
	}
	at := name + "_at"
	return w.rows(ctx, into("latest", append(numbers("target stamp "+at), texts(name)...)...).on(
		`ON CONFLICT (target) DO UPDATE SET stamp = excluded.stamp, `+at+` = excluded.`+at+`, `+name+` = excluded.`+name+`
			WHERE excluded.`+at+` > latest.`+at), columns{ids, stamps, ats, records})
}
