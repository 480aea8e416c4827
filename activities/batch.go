package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"paramedic/internal/health"
)

// Surveyor probes the targets of configured services, many at once.
type Surveyor interface {
	// Roll counts the targets of a service.
	Roll(ctx context.Context, service string) (Roll, error)
	// Survey probes one batch. An error means that the prober itself could not
	// do its work; nothing is then known of any target.
	Survey(ctx context.Context, in BatchInput, progress Progress) (BatchResult, error)
}

// Progress lets a batch go on where an earlier try of it has stopped.
type Progress interface {
	// Load reads what an earlier try saved last, if it saved anything.
	Load(state any) (found bool)
	// Save keeps a state, and tells Temporal that the worker lives.
	Save(state any)
}

// Roll counts the targets of a service by the class of their interval; the
// class without a name has the interval of the service.
type Roll struct {
	Classes map[string]int `json:"classes"`
}

// BatchInput names the targets to probe: those of a class that health.InBatch
// puts into the batch. Which these are stands in the worker's own configuration.
type BatchInput struct {
	Service string `json:"service"`
	Class   string `json:"class,omitempty"`
	// Batch counts from 0 to below Of.
	Batch int `json:"batch"`
	Of    int `json:"of"`
	// Due is when the batch was to begin; Until is when its tick ends, and with
	// it the tries of targets that fail.
	Due   time.Time `json:"due"`
	Until time.Time `json:"until"`
	// Failing names the targets of the batch that failed at the last tick; what
	// became of them stands in the result.
	Failing []string `json:"failing,omitempty"`
	// Named is the most failed targets that the result is to name, those of
	// Failing before others; 0 means FailedLimit.
	Named int `json:"named,omitempty"`
	// Vantage names the point from which to look; empty if there is only one.
	Vantage string `json:"vantage,omitempty"`
}

// BatchResult is what a batch of probes found. Of targets that passed before
// and pass now it says nothing.
type BatchResult struct {
	// Class counts all targets of the class, Probed those that were probed.
	Class  int `json:"class"`
	Probed int `json:"probed"`
	// Failed are the targets that failed, at each try within the tick, by name;
	// at most as many as the input says, and Omitted counts those beyond.
	Failed  []health.Finding `json:"failed,omitempty"`
	Omitted int              `json:"omitted,omitempty"`
	// Passed are those of the input's Failing that pass now; Gone those that no
	// longer are targets of the class.
	Passed []health.Finding `json:"passed,omitempty"`
	Gone   []string         `json:"gone,omitempty"`
	// Broken says why nothing is known of some targets, by the first of them:
	// they could not be probed for a reason of the prober's own.
	Broken string `json:"broken,omitempty"`
	// CutOff says why the failures are the prober's own: the control probe
	// failed too. Nothing is then known of any target that failed, and Failed
	// is empty.
	CutOff string `json:"cut_off,omitempty"`
}

// FailedLimit is the most failed targets that the result of one batch names, so
// that it stays far below what a history can take.
const FailedLimit = 1000

// Batches are the activities that look at many targets at once.
type Batches struct{ Surveyor Surveyor }

// Roll counts the targets of a service.
func (b *Batches) Roll(ctx context.Context, service string) (Roll, error) {
	roll, err := b.Surveyor.Roll(ctx, service)
	return roll, classify(err)
}

// Survey probes one batch of targets. It is carried out at least once: their
// results are stored before it completes, and a worker that takes it up from
// one that has died goes on after the targets that were done.
func (b *Batches) Survey(ctx context.Context, in BatchInput) (BatchResult, error) {
	result, err := b.Surveyor.Survey(ctx, in, heartbeat{ctx})
	if err != nil {
		return BatchResult{}, classify(err)
	}
	return result, nil
}

// heartbeat is the Progress of an activity. Losing one beat costs a probe that
// is made again, so they may be batched as the SDK does.
type heartbeat struct{ ctx context.Context }

// Load implements Progress.
func (h heartbeat) Load(state any) bool {
	return activity.HasHeartbeatDetails(h.ctx) && activity.GetHeartbeatDetails(h.ctx, state) == nil
}

// Save implements Progress.
func (h heartbeat) Save(state any) { activity.RecordHeartbeat(h.ctx, state) }
