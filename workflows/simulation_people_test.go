package workflows_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"paramedic/internal/health"
	"paramedic/workflows"
)

// admit makes up the services of a simulation, what befalls them, and what
// people do.
func (s *simulation) admit(seed uint64) {
	s.limits.ConcurrentRestarts = 1 + s.random.IntN(3)
	s.limits.MinHealthy = 51
	count := 3 + s.random.IntN(10)
	s.limits.Services = count
	for i := range count {
		name := fmt.Sprintf("s%02d", i)
		p := &patient{check: s.randomService(name), random: rand.New(rand.NewPCG(seed, uint64(i)))}
		p.outages = randomOutages(s.random)
		p.modes = []modeChange{{noon, p.check.Remediation.Mode}}
		if i > 0 && s.random.IntN(4) == 0 {
			if other := s.names[s.random.IntN(i)]; secondOf(other) != secondOf(name) {
				p.check.DependsOn = []string{other}
			}
		}
		s.names = append(s.names, name)
		s.services[name] = p
	}
	for range s.random.IntN(40) {
		s.meddle()
	}
}

// secondOf is the second of the minute in which a service is probed. The test
// environment of the SDK panics when a workflow is signalled in the very moment
// in which it is started, and an incident signals that of its dependency.
func secondOf(service string) time.Duration {
	return health.Spread(service, simulatedWatch) % time.Minute
}

func (s *simulation) randomService(name string) workflows.Check {
	check := web()
	check.Service = name
	check.Watch = health.Duration(simulatedWatch)
	check.SuccessThreshold = 1 + s.random.IntN(2)
	check.Remediation.Mode = []health.Mode{health.ModeAct, health.ModeAct, health.ModeAct, health.ModeObserve, health.ModeApprove}[s.random.IntN(5)]
	check.Remediation.ApproveWithin = health.Duration(10 * time.Minute)
	check.Remediation.StableFor = health.Duration(10 * time.Minute)
	check.Remediation.Limits = health.Limits{
		PerIncident: 1 + s.random.IntN(3), IncidentsPerHour: s.random.IntN(3), RestartsPerDay: s.random.IntN(6),
	}
	check.Reminder = health.Duration(time.Hour)
	check.Escalation = []workflows.Level{{After: health.Duration(15 * time.Minute), Alerts: []string{"ops"}}}
	if s.random.IntN(5) == 0 {
		check.FlapHigh, check.FlapLow = health.FlapHigh, health.FlapLow
	}
	return check
}

// randomOutages are some hours of ups and downs, long and short.
func randomOutages(random *rand.Rand) []period {
	var outages []period
	for at := noon; ; {
		at = at.Add(time.Duration(1+random.IntN(60)) * time.Minute)
		if at.After(noon.Add(simulated)) {
			return outages
		}
		length := time.Duration(random.IntN(600)) * time.Second
		if random.IntN(8) == 0 {
			length = time.Duration(random.IntN(90)) * time.Minute
		}
		end := at.Add(length)
		if end.After(noon.Add(simulated)) {
			end = noon.Add(simulated)
		}
		outages = append(outages, period{at, end})
		at = end
	}
}

// meddle has a human do something at some time, or a clock be set.
func (s *simulation) meddle() {
	name := s.names[s.random.IntN(len(s.names))]
	p, after := s.services[name], time.Duration(s.random.IntN(int(simulated)))
	what, length := s.random.IntN(9), time.Duration(5+s.random.IntN(60))*time.Minute
	mode := []health.Mode{health.ModeAct, health.ModeObserve, health.ModeApprove}[s.random.IntN(3)]
	skew := time.Duration(s.random.IntN(7200)-3600) * time.Second
	// Between two watches nobody is there to be told.
	s.RegisterDelayedCallback(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		now := s.Now().UTC()
		monitor, incident := "monitor/"+name, workflows.RemediationID(name, "")
		span := workflows.Span{For: health.Duration(length), By: "ann"}
		by := workflows.Instruction{By: "ann"}
		switch what {
		case 0:
			if s.SignalWorkflowByID(monitor, workflows.SignalMaintain, span) == nil {
				p.maintenance = append(p.maintenance, period{now, now.Add(length)})
			}
		case 1:
			if s.SignalWorkflowByID(monitor, workflows.SignalSilence, span) == nil {
				p.silences = append(p.silences, period{now, now.Add(length)})
			}
		case 2:
			if s.SignalWorkflowByID(monitor, workflows.SignalMode, workflows.SetMode{Mode: mode, By: "ann"}) == nil {
				p.modes = append(p.modes, modeChange{now, mode})
			}
		case 3:
			p.skew = skew
		case 4:
			p.rearmed = append(p.rearmed, now)
			_ = s.SignalWorkflowByID(incident, workflows.Rearm, by)
		default:
			said := []string{workflows.Acknowledge, workflows.Unacknowledge, workflows.Retry, workflows.Approve}[what-5]
			_ = s.SignalWorkflowByID(incident, said, by)
		}
	}, after)
}
