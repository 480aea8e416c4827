package workflows

import (
	"time"

	"paramedic/activities"
	"paramedic/internal/health"
)

// MonitorState is what one watch hands to the next, and the answer to QueryState.
// It is copied into three histories a watch and stays below 1 kB, but for Fleet.
type MonitorState struct {
	State health.State `json:"state"`
	// Since is when the state began.
	Since  time.Time     `json:"since"`
	Streak health.Streak `json:"streak"`
	// LastTick is when a probe was last begun, whether it came to a result or
	// not. What was due by then is done; no tick is made twice.
	LastTick time.Time `json:"last_tick,omitzero"`
	// LastProbeAt, LatencyMS and Message are those of the last probe.
	LastProbeAt time.Time `json:"last_probe_at,omitzero"`
	LatencyMS   float64   `json:"latency_ms"`
	Message     string    `json:"message"`
	// Results are the latest ones; Flapping is set while they change too often.
	Results  health.Results `json:"results,omitzero"`
	Flapping bool           `json:"flapping,omitempty"`
	Paused   *Pause         `json:"paused,omitempty"`
	// Orders are what people have ordered for this service.
	Orders health.Orders `json:"orders,omitzero"`
	// Fleet is set for a service with targets. The state above is then that of
	// the service as a whole: degraded while a target is down, down while it has
	// one incident for the whole.
	Fleet *FleetState `json:"fleet,omitempty"`
}

// FleetState is where the targets of a service stand. Only those that fail are
// named; it stays below 100 kB.
type FleetState struct {
	// Through is the time up to which all batches that are due have been begun; it
	// may lie a moment ahead.
	Through time.Time `json:"through,omitzero"`
	// Unfinished are batches that were under way as the last watch ended.
	Unfinished []Unfinished `json:"unfinished,omitempty"`
	// Classes are the targets by the class of their interval; that without a
	// name is the service's own. Nil until they have been counted.
	Classes map[string]ClassState `json:"classes,omitempty"`
	// Failing are the targets whose latest probe failed, by name; at most
	// failingLimit.
	Failing []FailingTarget `json:"failing,omitempty"`
	// Whole is the one incident for the service as a whole, if there is one.
	Whole *WholeState `json:"whole,omitempty"`
}

// ClassState is how the targets of a class are divided.
type ClassState struct {
	// Size counts the targets, Batches what they are divided into.
	Size    int `json:"size"`
	Batches int `json:"batches"`
	// Omitted counts, by batch, the targets that failed and are not in Failing.
	Omitted map[int]int `json:"omitted,omitempty"`
}

// WholeState is the one incident for a service with targets as a whole.
type WholeState struct {
	Reason WholeReason `json:"reason"`
	// SeenAt is when what it is for was last seen.
	SeenAt time.Time `json:"seen_at"`
	// Down counts the targets that it was last told are down.
	Down int `json:"down,omitempty"`
}

// FailingTarget is a target whose latest probe failed.
type FailingTarget struct {
	Target string        `json:"target"`
	Class  string        `json:"class,omitempty"`
	Streak health.Streak `json:"streak"`
	// Last is what its latest probe found.
	Last health.Result `json:"last"`
	// Open is set once it has an incident of its own; Asked is at how many
	// failures it was last made sure that it still has.
	Open  bool `json:"open,omitempty"`
	Asked int  `json:"asked,omitempty"`
}

// WholeReason is why a service with targets has one incident for the whole.
type WholeReason string

// The reasons for one incident for the whole.
const (
	// Storm: more targets are down than may have an incident of their own.
	Storm WholeReason = "storm"
	// CutOff: the workers that look cannot reach anything.
	CutOff WholeReason = "cut off"
)

// RemediationInput opens an incident, or takes an open one on after
// continue-as-new, when Record holds it.
type RemediationInput struct {
	Check  Check  `json:"check"`
	Target string `json:"target,omitempty"`
	// Streak is the run of failures that opened the incident.
	Streak health.Streak `json:"streak"`
	// LastFailure is the result that reached the threshold.
	LastFailure health.Result `json:"last_failure"`
	// Flapping is set when the service flaps, which opens an incident, too.
	Flapping bool `json:"flapping,omitempty"`
	// Class is that of the target. Whole is set if the incident is that of a
	// service with targets as a whole, Down counts those of them that are down.
	Class  string        `json:"class,omitempty"`
	Whole  WholeReason   `json:"whole,omitempty"`
	Down   int           `json:"down,omitempty"`
	Orders health.Orders `json:"orders,omitzero"`
	Record *Record       `json:"record,omitempty"`
}

// Record is all that an open incident carries from run to run.
type Record struct {
	Incident health.Incident `json:"incident"`
	// Orders are what people have ordered for the service.
	Orders health.Orders `json:"orders,omitzero"`
	// Flapping is set while the service changes its state too often.
	Flapping bool `json:"flapping,omitempty"`
	// Attempts and Restarts are those that count against the limits: since the
	// incident was opened or re-armed.
	Attempts int `json:"attempts,omitempty"`
	Restarts int `json:"restarts,omitempty"`
	// Pretended and PretendedAt count the attempts of mode observe.
	Pretended   int       `json:"pretended,omitempty"`
	PretendedAt time.Time `json:"pretended_at,omitzero"`
	// Rested is when the last attempt was over, settling included.
	Rested time.Time `json:"rested,omitzero"`
	// Treated is set while the latest attempt took effect and no probe has
	// failed since: one passing probe is then enough.
	Treated bool `json:"treated,omitempty"`
	// Unverified is set while no probe has been made since the latest attempt.
	Unverified bool `json:"unverified,omitempty"`
	// Hurry is set when a human asked for the next attempt now.
	Hurry bool `json:"hurry,omitempty"`
	// Approval is what became of asking a human, in mode approve.
	Approval health.Approval `json:"approval,omitzero"`
	// LastFailureAt is when the latest failed probe began.
	LastFailureAt time.Time `json:"last_failure_at"`
	// Deferred is set when the latest attempt left the service alone; the next
	// one does not.
	Deferred bool `json:"deferred,omitempty"`
	// Passes counts the passing probes in a row that count; FirstPassAt is when
	// the service first passed since the last failed probe, settling included.
	Passes      int       `json:"passes,omitempty"`
	FirstPassAt time.Time `json:"first_pass_at,omitzero"`
	// Permit is set while the incident holds a permit of the Gatekeeper; Acted
	// while the attempt that it was for may have taken effect.
	Permit bool `json:"permit,omitempty"`
	Acted  bool `json:"acted,omitempty"`
	// Asked is set once the Gatekeeper may know that the service is down, Known
	// once it does; AskedAt is the time of the latest question, which names it.
	Asked   bool      `json:"asked,omitempty"`
	Known   bool      `json:"known,omitempty"`
	AskedAt time.Time `json:"asked_at,omitzero"`
	// Others counts what is down besides, for which this incident stands.
	Others int `json:"others,omitempty"`
	// Held is the last reason not to act that stands in the timeline.
	Held string `json:"held,omitempty"`
	// Telling is what people have been told.
	Telling Telling `json:"telling"`
}

// Telling is what people have been told of an incident.
type Telling struct {
	// DownAt is when people were first told that the service is down.
	DownAt time.Time `json:"down_at,omitzero"`
	// Hush is what was last written down about an alert that was kept back.
	// Folded names the dependency whose alert names this service.
	Hush   string `json:"hush,omitempty"`
	Folded string `json:"folded,omitempty"`
	// Level counts the levels of the escalation that were told.
	Level int `json:"level,omitempty"`
	// Also names the services that went down with this one after people were
	// told; they hear of them at AlsoAt, of all at once.
	Also   []string  `json:"also,omitempty"`
	AlsoAt time.Time `json:"also_at,omitzero"`
	// NextReminder is when the next reminder is due.
	NextReminder time.Time `json:"next_reminder,omitzero"`
	// Sent counts the alerts, for their dedup keys; Receivers are all that were
	// told, in order.
	Sent      int      `json:"sent,omitempty"`
	Receivers []string `json:"receivers,omitempty"`
	// Unposted are alerts that are not in an Outbox yet, oldest first; Awaited
	// counts those that no Outbox has reported on.
	Unposted []activities.Post `json:"unposted,omitempty"`
	Awaited  int               `json:"awaited,omitempty"`
}

// Unfinished is a batch that was begun and not judged.
type Unfinished struct {
	Class string    `json:"class,omitempty"`
	Batch int       `json:"batch"`
	Of    int       `json:"of"`
	Due   time.Time `json:"due"`
}
