package workflows

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

const (
	// waitingLimit is how many alerts wait before updates are dropped, the
	// oldest first; evidenceWaiting how many before they lose their evidence.
	waitingLimit    = 2000
	evidenceWaiting = 50
	// crowdLimit is how many first words and resolutions may wait. It is far
	// beyond what a fleet can say while one receiver is down; what is over it
	// becomes a dead letter, the oldest first, as a run must end some day.
	crowdLimit = 5000
	// alertsPackFrom is the size in bytes from which alerts go packed into the
	// next run; alertsPackedLimit is what they may take then, under 1 MB as text.
	alertsPackFrom    = 200_000
	alertsPackedLimit = 700_000
	// shownWhole is how many waiting alerts a query shows with all they say.
	shownWhole = 500
)

const (
	droppedUpdate = "an update, dropped because too many alerts wait for this receiver"
	noRoom        = "too many alerts wait for this receiver"
)

// bound keeps what waits within what a run can carry.
func (o *outbox) bound(ctx workflow.Context) {
	if len(o.Waiting) > evidenceWaiting {
		for i := range o.Waiting {
			o.Waiting[i].Evidence = ""
		}
	}
	if len(o.Waiting) > waitingLimit && !o.dropUpdate(ctx) && len(o.Waiting) > crowdLimit {
		o.buryOldest(ctx)
	}
}

// dropUpdate drops the oldest update that waits, if there is one: it says less
// than the first word and the last.
func (o *outbox) dropUpdate(ctx workflow.Context) bool {
	oldest := slices.IndexFunc(o.Waiting, func(a health.Alert) bool { return a.Stage == health.AlertUpdate })
	if oldest < 0 {
		return false
	}
	update := o.Waiting[oldest]
	o.logger.Error(fmt.Sprintf("ALERT LOST: %s: %s of %s", o.Receiver, droppedUpdate, update.Service))
	o.Waiting = slices.Delete(o.Waiting, oldest, oldest+1)
	o.Dropped++
	o.report(ctx, update, droppedUpdate)
	return true
}

// buryOldest makes a dead letter of the alert that waits longest.
func (o *outbox) buryOldest(ctx workflow.Context) {
	oldest := o.Waiting[0]
	o.Waiting = slices.Delete(o.Waiting, 0, 1)
	o.bury(ctx, oldest, 0, noRoom)
	o.report(ctx, oldest, noRoom)
}

// alerts are the parts of a state that may be large.
type alerts struct {
	Waiting []health.Alert
	Sending []health.Alert
	Dead    []health.DeadLetter
}

// packed is the state for the next run. Many alerts of one receiver are much
// alike, and take about a tenth of their size when compressed. If that is still
// too much, it makes room and says that it wants to be called again.
func (o *outbox) packed(ctx workflow.Context) (state OutboxState, fits bool, err error) {
	plain, err := json.Marshal(alerts{o.Waiting, o.Sending, o.Dead})
	if err != nil {
		return OutboxState{}, false, fmt.Errorf("packing the alerts to %s: %w", o.Receiver, err)
	}
	if len(plain) <= alertsPackFrom {
		return o.OutboxState, true, nil
	}
	packed, err := compress(plain)
	if err != nil {
		return OutboxState{}, false, fmt.Errorf("packing the alerts to %s: %w", o.Receiver, err)
	}
	if len(packed) > alertsPackedLimit && o.relieve(ctx, 1-0.9*alertsPackedLimit/float64(len(packed))) {
		return OutboxState{}, false, nil
	}
	state = o.OutboxState
	state.Waiting, state.Sending, state.Dead, state.Packed = nil, nil, nil, packed
	return state, true, nil
}

// relieve makes the state smaller by about the given share, and reports whether
// it could. Dead letters go first, as they have had their chance.
func (o *outbox) relieve(ctx workflow.Context, share float64) bool {
	if len(o.Dead) == 0 && len(o.Waiting) == 0 {
		return false
	}
	over := int(math.Ceil(share * float64(len(o.Dead)+len(o.Waiting))))
	letters := min(over, len(o.Dead))
	o.Dead = slices.Clone(o.Dead[letters:])
	o.Dropped += letters
	for range min(over-letters, len(o.Waiting)) {
		if !o.dropUpdate(ctx) {
			o.buryOldest(ctx)
		}
	}
	return true
}

func compress(plain []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(plain); err != nil {
		return nil, err
	}
	err = writer.Close()
	return packed.Bytes(), err
}

// unpacked undoes packed.
func (s OutboxState) unpacked() (OutboxState, error) {
	if len(s.Packed) == 0 {
		return s, nil
	}
	var all alerts
	reader, err := gzip.NewReader(bytes.NewReader(s.Packed))
	if err == nil {
		err = json.NewDecoder(reader).Decode(&all)
	}
	if err != nil {
		return s, fmt.Errorf("unpacking the alerts to %s: %w", s.Receiver, err)
	}
	s.Waiting, s.Sending, s.Dead, s.Packed = all.Waiting, all.Sending, all.Dead, nil
	return s, nil
}

// shown is the state for people. In a crowd, those who wait are named only, as
// an answer may not be larger than Temporal carries.
func (o *outbox) shown() OutboxState {
	state := o.OutboxState
	if len(state.Waiting) <= shownWhole {
		return state
	}
	state.Waiting = make([]health.Alert, 0, len(o.Waiting))
	for _, alert := range o.Waiting {
		state.Waiting = append(state.Waiting, health.Alert{
			Status: alert.Status, Service: alert.Service, DedupKey: alert.DedupKey,
		})
	}
	return state
}
