package pipeline

import (
	"math"
	"strconv"
	"strings"
	"time"

	"paramedic/internal/health"
)

// reader looks values up.
type reader struct {
	look func(service string) (Seen, bool)
	now  time.Time
}

// Read fills the panels with what look knows of the services at now. A service
// that look does not know is shown as unknown.
func (p Panels) Read(look func(service string) (Seen, bool), now time.Time) View {
	r := reader{look, now}
	var v View
	if p.Freshness != nil {
		v.Freshness = r.freshness(*p.Freshness)
	}
	for _, name := range p.Services {
		v.Services = append(v.Services, r.card(name))
	}
	if p.WAL != nil {
		v.WAL = r.wal(*p.WAL)
	}
	for _, queue := range p.DLQ {
		v.DLQ = append(v.DLQ, r.queue(queue))
	}
	if p.Failover != nil {
		v.Failover = r.failover(*p.Failover)
	}
	if p.Sync != nil {
		v.Sync = r.sync(*p.Sync)
	}
	return v
}

func (r reader) freshness(f Freshness) *FreshnessView {
	v := &FreshnessView{
		Service: f.Observation.Service(f.Service), State: r.state(f.Observation.Service(f.Service)),
		Warn: f.Warn.Std(), Critical: f.Critical.Std(), Level: Unknown,
		LastEvent: r.instant(f.Service, f.Observation),
	}
	if v.LastEvent.IsZero() {
		return v
	}
	v.Age = r.since(v.LastEvent)
	switch {
	case v.Age > v.Critical:
		v.Level = Critical
	case v.Age > v.Warn:
		v.Level = Warning
	default:
		v.Level = OK
	}
	return v
}

func (r reader) card(name string) Card {
	seen, _ := r.look(name)
	state := r.state(name)
	return Card{
		Name: name, State: state, Level: levelOf(state), Since: seen.Since,
		CheckedAt: seen.Result.At, LatencyMS: seen.Result.LatencyMS, Message: seen.Result.Message,
	}
}

func (r reader) wal(w WAL) *WALView {
	return &WALView{
		Service: w.Service, State: r.state(w.Service), Size: r.number(w.Service, w.Size),
		Files: r.number(w.Service, w.Files), Pending: r.number(w.Service, w.Pending),
		LastWrite: r.instant(w.Service, w.LastWrite),
	}
}

func (r reader) queue(q Queue) QueueView {
	return QueueView{
		Name: q.Name, Service: q.Service, State: r.state(q.Service),
		Pending: r.number(q.Service, q.Pending), Recovered: r.number(q.Service, q.Recovered),
		LastAttempt: r.instant(q.Service, q.LastAttempt), LastResult: r.text(q.Service, q.LastResult),
	}
}

func (r reader) failover(f Failover) *FailoverView {
	v := &FailoverView{
		Service: f.Service, State: r.state(f.Service), Tier: r.text(f.Service, f.Tier),
		Level: Unknown, LastEvent: r.instant(f.Service, f.LastEvent), Duration: -1,
		Standby: r.yes(f.Service, f.Standby),
	}
	if seconds := r.number(f.Service, f.Duration); seconds != nil && *seconds >= 0 {
		v.Duration = span(*seconds)
	}
	switch {
	case strings.EqualFold(v.Tier, f.Normal):
		v.Level = OK
	case v.Tier != "":
		v.Level = Warning
	}
	return v
}

func (r reader) sync(s Sync) *SyncView {
	v := &SyncView{
		Service: s.Service, State: r.state(s.Service), Lookback: s.Lookback.Std(),
		LastSync: r.instant(s.Service, s.LastSync),
	}
	if !v.LastSync.IsZero() {
		v.Lag = r.since(v.LastSync)
	}
	for _, table := range s.Tables {
		v.Tables = append(v.Tables, TableView{table.Name, r.number(s.Service, table.Rows)})
	}
	return v
}

// Service is the one that the Ref looks at, in a panel of another.
func (ref Ref) Service(panel string) string {
	if service, _, other := strings.Cut(string(ref), "/"); other {
		return service
	}
	return panel
}

// Name is that of the observation or fact.
func (ref Ref) Name() string {
	if _, name, other := strings.Cut(string(ref), "/"); other {
		return name
	}
	return string(ref)
}

// split returns the service and the name that ref stands for.
func (ref Ref) split(panel string) (service, name string) { return ref.Service(panel), ref.Name() }

func (r reader) state(service string) health.State {
	if seen, known := r.look(service); known && seen.State != "" {
		return seen.State
	}
	return health.StateUnknown
}

// number looks an observation up; nil if there is none.
func (r reader) number(panel string, ref Ref) *float64 {
	service, name := ref.split(panel)
	seen, known := r.look(service)
	if !known || name == "" {
		return nil
	}
	if number, observed := seen.Result.Observations[name]; observed {
		return &number
	}
	if name != Up {
		return nil
	}
	return up(seen.State)
}

// up is the state of a service as a number.
func up(state health.State) *float64 {
	number := 0.0
	switch state {
	case health.StateHealthy, health.StateDegraded:
		number = 1
	case health.StateFailing, health.StateDown:
	default:
		return nil
	}
	return &number
}

// text looks a fact up, or an observation where there is no fact; empty if
// there is neither.
func (r reader) text(panel string, ref Ref) string {
	service, name := ref.split(panel)
	seen, _ := r.look(service)
	if fact := seen.Result.Facts[name]; fact != "" {
		return fact
	}
	if number := r.number(panel, ref); number != nil {
		return strconv.FormatFloat(*number, 'f', -1, 64)
	}
	return ""
}

// yes looks up what is either so or not; nil if it is not known.
func (r reader) yes(panel string, ref Ref) *bool {
	text := r.text(panel, ref)
	yes, err := strconv.ParseBool(strings.ToLower(text))
	if err == nil {
		return &yes
	}
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		yes = number != 0
		return &yes
	}
	return nil
}

// unixFrom is the number of seconds from which an instant is taken to be
// counted from 1970 and not from the probe: no pipeline is thirty years behind.
const unixFrom = 1e9

// instant looks an instant up; zero if there is none.
func (r reader) instant(panel string, ref Ref) time.Time {
	service, name := ref.split(panel)
	seen, _ := r.look(service)
	if at, err := time.Parse(time.RFC3339Nano, seen.Result.Facts[name]); err == nil {
		return at
	}
	number, observed := seen.Result.Observations[name]
	switch {
	case !observed || math.IsNaN(number) || math.Abs(number) > 1e11:
		return time.Time{}
	case number >= unixFrom:
		return time.UnixMilli(int64(number * 1000)).UTC()
	default:
		return seen.Result.At.Add(-span(number))
	}
}

// since is the age of an instant; one in the future, by a clock that is ahead,
// has none.
func (r reader) since(at time.Time) time.Duration { return max(0, r.now.Sub(at)) }

// longest bounds what is read as a length of time: about thirty years.
const longest = 1e9

func span(seconds float64) time.Duration {
	return time.Duration(min(max(seconds, -longest), longest) * float64(time.Second))
}
