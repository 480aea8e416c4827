package store

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// surveyOf holds so many results of a service, and is known by its name.
func surveyOf(service string, results int) Batch {
	findings := make([]health.Finding, results)
	for n := range findings {
		findings[n] = health.Finding{Target: "a", Result: health.Result{Status: health.Healthy, At: time.Unix(int64(1+n%3000), 0)}}
	}
	return Batch{Surveys: NewSurveys(service, findings)}
}

// surveyed are the services whose surveys were written, in their order.
func (s *fakeSink) surveyed() (services []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.batches {
		for _, survey := range b.Surveys {
			services = append(services, survey.service)
		}
	}
	return services
}

// Surveys wait in their order while the store is down, and each is written with
// the id that it had at first.
func TestWriterKeepsSurveysInOrder(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		var ids []int64
		w.sink.fail(func(_ int, batch Batch) error {
			for _, survey := range batch.Surveys {
				ids = append(ids, survey.id)
			}
			return errDown
		})
		w.Put(surveyOf("a", 10))
		settle()
		w.Put(surveyOf("b", 10))
		require.Equal(t, 2, w.Stats().Buffered)
		w.sink.fail(nil)
		require.NoError(t, w.Settled(t.Context()))
		require.Equal(t, []string{"a", "b"}, w.sink.surveyed())
		require.Equal(t, ids[0], w.sink.batches[0].Surveys[0].id)
		require.Equal(t, 2, w.Stats().Written)
	})
}

// The oldest surveys go when there is no room for their results.
func TestWriterBoundsSurveys(t *testing.T) {
	inBubble(t, WriterOptions{MaxResults: 10}, func(t *testing.T, w writerTest) {
		w.sink.fail(down)
		for _, service := range []string{"a", "b", "c"} {
			w.Put(surveyOf(service, 40))
		}
		require.Equal(t, 40, w.Stats().Dropped)
		w.sink.fail(nil)
		require.NoError(t, w.Settled(t.Context()))
		require.Equal(t, []string{"b", "c"}, w.sink.surveyed())
	})
}

// Many surveys are written a part at a time, and one that the store does not
// take keeps none of the others out.
func TestWriterDividesSurveys(t *testing.T) {
	inBubble(t, WriterOptions{}, func(t *testing.T, w writerTest) {
		for range 5 {
			w.Put(surveyOf("a", batchSurveyed/2))
		}
		require.NoError(t, w.Settled(t.Context()))
		batches, _ := w.sink.counts()
		require.Equal(t, 3, batches)

		w.sink.fail(func(_ int, batch Batch) error {
			for _, survey := range batch.Surveys {
				if survey.service == "bad" {
					return errors.New("what is this?")
				}
			}
			return nil
		})
		for _, service := range []string{"b", "bad", "c"} {
			w.Put(surveyOf(service, 1))
		}
		require.NoError(t, w.Settled(t.Context()))
		require.Subset(t, w.sink.surveyed(), []string{"b", "c"})
		require.Equal(t, 1, w.Stats().Refused)
		require.Contains(t, w.log.String(), "the results of targets of bad")
	})
}
