package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var errRefused = &pgconn.PgError{Severity: "ERROR", Code: "22021", Message: "invalid byte sequence for encoding"}

// poisoned fails for batches that hold one of the services.
func poisoned(err error, services ...string) func(int, Batch) error {
	return func(_ int, batch Batch) error {
		for _, r := range batch.Results {
			if slices.Contains(services, r.Service) {
				return fmt.Errorf("write results: %w", err)
			}
		}
		return nil
	}
}

func TestWriterLeavesOutWhatIsRefused(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(poisoned(errRefused, "s000007", "s000008", "s004999"))
		w.Put(Batch{Results: numbered(0, 5000), Standings: []health.Standing{{Service: "web"}}})
		settle()
		names := w.sink.names()
		slices.Sort(names) // within the batch the halves change places
		require.Len(t, slices.Compact(names), 4997)
		_, calls := w.sink.counts()
		require.Less(t, calls, 100)
		stats := w.Stats()
		require.Equal(t, []int{3, 4998, 0, 0}, []int{stats.Refused, stats.Written, stats.Buffered, stats.Failures})
		require.Equal(t, 1, strings.Count(w.log.String(), "\n"), w.log.String())
		require.Contains(t, w.log.String(), `rows=3 first="a result of s000007" error="write results: ERROR: invalid byte sequence`)
	})
}

func TestArchiveOfWhatIsRefused(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(func(_ int, batch Batch) error {
			if slices.ContainsFunc(batch.Incidents, func(i health.Incident) bool { return i.ID == "bad" }) {
				return errRefused
			}
			return nil
		})
		good := make(chan error, 1)
		go func() { good <- w.Archive(t.Context(), health.Incident{ID: "good"}) }()
		require.ErrorContains(t, w.Archive(t.Context(), health.Incident{ID: "bad"}), "archive incident bad: the store refuses it: ERROR: invalid byte")
		require.NoError(t, <-good)
	})
}

// An error that nobody knows is the row's if another row can be written, and
// the store's if none can.
func TestWriterIsolatesUnclearFaults(t *testing.T) {
	unclear := errors.New("cannot encode argument 3")
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(poisoned(unclear, "s000000", "s000001", "s000002", "s000003", "s000500"))
		w.Put(Batch{Results: numbered(0, 1000)})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, w.sink.names(), 995)
		require.Equal(t, 5, w.Stats().Refused)
		require.Equal(t, patience, w.Stats().Failures)
	})
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		w.sink.fail(func(int, Batch) error { return unclear })
		w.Put(Batch{Results: numbered(0, 1000)})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 1000, w.Stats().Buffered)
		_, calls := w.sink.counts()
		require.Less(t, calls, 100*w.Stats().Failures)
		w.sink.fail(nil)
		time.Sleep(longestRest)
		synctest.Wait()
		require.Len(t, w.sink.names(), 1000)
		require.Zero(t, w.Stats().Refused)
	})
}

// A row that failed for an unclear reason is not given up if the reason is gone.
func TestWriterTriesUnclearRowsAgain(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		bad := poisoned(errors.New("something odd"), "s000100")
		alone := 0
		w.sink.fail(func(call int, batch Batch) error {
			if len(batch.Results) == 1 && batch.Results[0].Service == "s000100" {
				if alone++; alone == 2 {
					return nil
				}
			}
			return bad(call, batch)
		})
		w.Put(Batch{Results: numbered(0, 1000)})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []int{0, 1000, 0}, []int{w.Stats().Refused, w.Stats().Written, w.Stats().Buffered})
		require.Contains(t, w.sink.names(), "s000100")
	})
}

// A store that goes down in the middle of the search loses nothing.
func TestWriterLosesNothingWhileItIsolates(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		bad := poisoned(errRefused, "s000100")
		w.sink.fail(func(call int, batch Batch) error {
			if call > 5 && call < 20 {
				return errDown
			}
			return bad(call, batch)
		})
		w.Put(Batch{Results: numbered(0, 1000)})
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		names := w.sink.names()
		slices.Sort(names)
		require.Len(t, slices.Compact(names), 999)
		require.Equal(t, []int{1, 999}, []int{w.Stats().Refused, w.Stats().Written})
	})
}

func TestFaults(t *testing.T) {
	_, unsupported := json.Marshal(math.NaN())
	for _, c := range []struct {
		err  error
		want fault
	}{
		{errRefused, faultContent},
		{unsupported, faultContent},
		{&pgconn.PgError{Code: "23514"}, faultContent},
		{&pgconn.PgError{Code: "57P01"}, faultStore},
		{&pgconn.PgError{Code: "42P01"}, faultStore},
		{&pgconn.PgError{}, faultStore},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, faultStore},
		{context.DeadlineExceeded, faultStore},
		{io.ErrUnexpectedEOF, faultStore},
		{errors.New("something else"), faultUnclear},
	} {
		require.Equal(t, c.want, faultOf(fmt.Errorf("write results: %w", c.err)), "%v", c.err)
	}
}

func TestNamesOfRows(t *testing.T) {
	for want, batch := range map[string]Batch{
		"a result of web/eu":  {Results: []Result{{Key: Key{Service: "web", Target: "eu"}}}},
		"the standing of web": {Standings: []health.Standing{{Service: "web"}}},
		"the incident web@1":  {Incidents: []health.Incident{{ID: "web@1"}}},
		"an alert to ops":     {Alerts: []Alert{{Receiver: "ops"}}},
		"the Outbox of ops":   {Outboxes: []health.Outbox{{Receiver: "ops"}}},
		"nothing":             {},
	} {
		require.Equal(t, want, batch.name())
	}
}
