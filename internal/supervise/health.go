package supervise

import "time"

// Status is what a part, or the whole process, is doing.
type Status string

// The statuses, from best to worst.
const (
	Healthy  Status = "healthy"
	Starting Status = "starting"
	Stopped  Status = "stopped"
	Failed   Status = "failed"
)

var badness = map[Status]int{Healthy: 0, Starting: 1, Stopped: 2, Failed: 3}

// Mark is the status of one part and the time of its last change.
type Mark struct {
	Status Status
	Since  time.Time
}

// Health is the status of every part at one moment. It holds no error texts:
// it is made to be shown to anybody.
type Health struct {
	// Status is the worst of the parts. Without parts nothing works yet, which
	// is Starting.
	Status    Status
	Timestamp time.Time
	Parts     map[string]Mark
	// Vitals are the signs of life of each part.
	Vitals map[string]Vitals
}

// Health returns the present marks of all parts.
func (s *Supervisor) Health() Health {
	s.mu.Lock()
	units := s.units
	s.mu.Unlock()
	health := Health{
		Status: Starting, Timestamp: time.Now(),
		Parts: make(map[string]Mark, len(units)), Vitals: make(map[string]Vitals, len(units)),
	}
	if len(units) > 0 {
		health.Status = Healthy
	}
	for _, u := range units {
		mark, vitals := u.current()
		health.Parts[u.Name], health.Vitals[u.Name] = mark, vitals
		if badness[mark.Status] > badness[health.Status] {
			health.Status = mark.Status
		}
	}
	return health
}
