package store

import (
	"context"
	"fmt"
)

// surveys writes those surveys that are not there yet. What they say of the
// service as a whole is added to its sums, as a target without a name; what
// failed is kept like any failure.
func (w *writing) surveys(ctx context.Context, surveys []Survey) error {
	for _, s := range surveys {
		fresh, err := w.exec(ctx, `INSERT INTO surveys (id, stamp, service, hour, code) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			s.id, w.stamp, s.service, s.hour, s.data)
		if err != nil {
			return fmt.Errorf("%s: %w", s.service, err)
		}
		if fresh == 0 {
			continue
		}
		if err := w.addSurvey(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.service, err)
		}
	}
	return nil
}

func (w *writing) addSurvey(ctx context.Context, s Survey) error {
	whole := w.ids[Key{Service: s.service}]
	hour, day := sum{at: s.hour, target: whole}, sum{at: floor(s.hour, dayMS), target: whole}
	minutes := make([]sum, len(s.sums))
	for n, minute := range s.sums {
		minute.target = whole
		minutes[n] = minute
		hour.merge(minute)
		day.merge(minute)
	}
	for _, part := range []struct {
		table string
		sums  []sum
	}{{"minutes", minutes}, {"hours", []sum{hour}}, {"days", []sum{day}}} {
		if err := w.rows(ctx, addTo(part.table), sumColumns(part.sums)); err != nil {
			return err
		}
	}
	return w.rows(ctx, insertFailures, rowColumns(w.distinct(s.failed)))
}
