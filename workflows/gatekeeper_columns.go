package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"paramedic/internal/health"
)

// columns are the accounts of a ledger, sorted by service, one column a field.
// Times are nanoseconds since Since, plus one; 0 is no time. In texts that hold
// the service's name, a NUL stands for it.
type columns struct {
	Since    time.Time
	Service  []string
	Incident []string
	Workflow []string
	Run      []string
	// Down is 0 for what is up, and else counts all that the incident stands for.
	Down      []int
	SeenAt    []int64
	ClosedAt  []int64
	StableFor []health.Duration
	Carried   []int
	Permit    []int64
	Asked     []int64
	Woken     []int64
	// Spent holds the restarts of all accounts, one account after the other,
	// each Spendings many.
	Spendings []int
	Spent     []int64
	SpentOn   []string // the incident; empty for the account's own
	Observed  []int
	// Queue holds indexes of accounts.
	Queue []int
}

// self stands for the name of the service.
const self = "\x00"

func columnsOf(l Ledger) columns {
	services := workflow.DeterministicKeys(l.Accounts)
	c := columns{Since: earliest(l, services)}
	index := make(map[string]int, len(services))
	for i, service := range services {
		index[service] = i
		c.add(service, l.Accounts[service])
	}
	for _, service := range l.Queue {
		c.Queue = append(c.Queue, index[service])
	}
	return c
}

func earliest(l Ledger, services []string) time.Time {
	var first time.Time
	see := func(at time.Time) {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	for _, service := range services {
		a := l.Accounts[service]
		for _, at := range []time.Time{a.SeenAt, a.ClosedAt, a.Permit, a.Asked, a.Woken} {
			see(at)
		}
		for _, s := range a.Spent {
			see(s.At)
		}
	}
	return first.UTC()
}

func (c *columns) add(service string, a *Account) {
	short := func(text string) string { return strings.ReplaceAll(text, service, self) }
	c.Service = append(c.Service, service)
	c.Incident = append(c.Incident, short(a.Incident))
	c.Workflow = append(c.Workflow, short(a.Workflow))
	c.Run = append(c.Run, a.Run)
	c.Down = append(c.Down, bit(a.Down)*(1+a.Others))
	c.SeenAt = append(c.SeenAt, c.since(a.SeenAt))
	c.ClosedAt = append(c.ClosedAt, c.since(a.ClosedAt))
	c.StableFor = append(c.StableFor, a.StableFor)
	c.Carried = append(c.Carried, a.Carried)
	c.Permit = append(c.Permit, c.since(a.Permit))
	c.Asked = append(c.Asked, c.since(a.Asked))
	c.Woken = append(c.Woken, c.since(a.Woken))
	c.Spendings = append(c.Spendings, len(a.Spent))
	for _, s := range a.Spent {
		on := short(s.Incident)
		if s.Incident == a.Incident {
			on = ""
		}
		c.Spent = append(c.Spent, c.since(s.At))
		c.SpentOn = append(c.SpentOn, on)
		c.Observed = append(c.Observed, bit(s.Observed))
	}
}

func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (c *columns) since(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return int64(at.Sub(c.Since)) + 1
}

func (c *columns) at(since int64) time.Time {
	if since == 0 {
		return time.Time{}
	}
	return c.Since.Add(time.Duration(since - 1))
}

// complete reports whether every account has a value in every column.
func (c *columns) complete() bool {
	spent := 0
	for _, count := range c.Spendings {
		spent += count
	}
	for _, i := range c.Queue {
		if i < 0 || i >= len(c.Service) {
			return false
		}
	}
	for _, length := range []int{
		len(c.Incident), len(c.Workflow), len(c.Run), len(c.Down), len(c.SeenAt), len(c.ClosedAt), len(c.StableFor),
		len(c.Carried), len(c.Permit), len(c.Asked), len(c.Woken), len(c.Spendings),
	} {
		if length != len(c.Service) {
			return false
		}
	}
	return len(c.Spent) == spent && len(c.SpentOn) == spent && len(c.Observed) == spent
}

// ledger is the way back, of columns that are complete.
func (c *columns) ledger() Ledger {
	l := Ledger{Accounts: make(map[string]*Account, len(c.Service))}
	spent := 0
	for i, service := range c.Service {
		long := func(text string) string { return strings.ReplaceAll(text, self, service) }
		a := &Account{
			Incident: long(c.Incident[i]), Workflow: long(c.Workflow[i]), Run: c.Run[i],
			Down: c.Down[i] > 0, Others: max(0, c.Down[i]-1), SeenAt: c.at(c.SeenAt[i]),
			ClosedAt: c.at(c.ClosedAt[i]), StableFor: c.StableFor[i], Carried: c.Carried[i],
			Permit: c.at(c.Permit[i]), Asked: c.at(c.Asked[i]), Woken: c.at(c.Woken[i]),
		}
		for range c.Spendings[i] {
			s := health.Spending{At: c.at(c.Spent[spent]), Incident: long(c.SpentOn[spent]), Observed: c.Observed[spent] == 1}
			if s.Incident == "" {
				s.Incident = a.Incident
			}
			a.Spent = append(a.Spent, s)
			spent++
		}
		l.Accounts[service] = a
	}
	for _, i := range c.Queue {
		l.Queue = append(l.Queue, c.Service[i])
	}
	return l
}
