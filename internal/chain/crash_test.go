package chain

import (
	"cmp"
	"fmt"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// longSettle is a settle time in which there is time to look.
const longSettle = 6 * time.Second

// scene is one worker that is going to die, and one service that it heals.
type scene struct {
	*deployment
	unit unit
	wire *wire
}

// site is the name of the service.
const site = "site"

// crash is a place in a remediation at which the worker is killed.
type crash struct {
	name string
	// signal hurts the service; SIGKILL if not set.
	signal syscall.Signal
	// unit are extra lines of the unit's service section.
	unit []string
	// remediation is put in front of the steps.
	remediation string
	cut         cut
	// answer is how the receiver answers until the worker has died.
	answer func(http.ResponseWriter, *http.Request, notification) (accept bool)
	// reached waits until the worker is at that place.
	reached func(*scene)
	// check looks at the record for proof that it was there at the time of its death.
	check func(t *testing.T, died time.Time, i incident)
}

func (s *scene) awaitCut() {
	s.t.Helper()
	select {
	case <-s.wire.reached:
	case <-time.After(soon):
		require.FailNow(s.t, "systemd was not asked")
	}
}

func (s *scene) awaitState(state string) {
	s.t.Helper()
	s.await("the unit is "+state, func() bool { return s.unit.State(s.unit.name) == state })
}

var crashes = []crash{
	{name: "before it speaks to systemd", cut: cutAtOnce, reached: (*scene).awaitCut},
	{name: "as it asks for the restart", cut: cutAtRequest, reached: (*scene).awaitCut},
	{
		name: "while the unit stops", signal: syscall.SIGSTOP, unit: []string{"ExecStop=/bin/sleep 3"},
		reached: func(s *scene) { s.awaitState("deactivating") },
	},
	{
		name: "while the unit starts", unit: []string{"ExecStartPre=/bin/sleep 3"},
		reached: func(s *scene) { s.awaitState("activating") },
	},
	{
		name: "before it hears that the unit has started", cut: cutAtAnswer,
		reached: func(s *scene) {
			s.awaitCut()
			s.await("the unit has started", func() bool {
				return s.unit.started(s.t) == 2 && s.unit.State(s.unit.name) == "active"
			})
		},
	},
	{
		name: "in the settle timer", remediation: fmt.Sprintf("settle: %s, ", longSettle),
		reached: func(s *scene) {
			s.await("the restart is written down", func() bool {
				i, ok := s.incident(site)
				_, applied := i.find("attempt", "applied: ")
				return ok && applied
			})
		},
		check: func(t *testing.T, died time.Time, i incident) {
			applied, _ := i.find("attempt", "applied: ")
			require.WithinRange(t, died, applied.At, applied.At.Add(longSettle))
		},
	},
	{
		name: "before the alert is taken",
		answer: func(_ http.ResponseWriter, r *http.Request, body notification) bool {
			if body.Status == "recovered" {
				<-r.Context().Done()
			}
			return body.Status != "recovered"
		},
		reached: func(s *scene) {
			s.await("the alert is on its way", func() bool { return len(s.receiver.about(site, "recovered")) > 0 })
		},
	},
	{
		name: "while the alert is retried",
		answer: func(w http.ResponseWriter, _ *http.Request, _ notification) bool {
			http.Error(w, "the mail queue is full", http.StatusServiceUnavailable)
			return false
		},
		reached: func(s *scene) {
			s.await("the alert was tried twice", func() bool { return len(s.receiver.about(site, "recovered")) > 1 })
		},
	},
}

// Wherever the worker dies, the next one ends what it began: the service is
// restarted once, and people hear once that it is back.
func TestHealsOnceThoughTheWorkerDies(t *testing.T) {
	for _, c := range crashes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.set(t)
			s.unit.hurt(cmp.Or(c.signal, syscall.SIGKILL))
			c.reached(s)
			s.worker.Kill()
			died := time.Now()
			s.wire.mend()
			s.receiver.answer(nil)
			s.worker.Start()

			i := s.resolved(site)
			require.Equal(t, "healed", i.Outcome)
			require.Equal(t, []int{1, 1}, []int{i.Attempts, i.Restarts}, "attempts and restarts")
			s.receiver.requireRecovery(site, i)
			require.Equal(t, 2, s.unit.started(t), "starts of the unit")
			require.Equal(t, "active", s.unit.State(s.unit.name))
			require.Equal(t, 1, s.count(site), "incidents")
			if c.check != nil {
				c.check(t, died, i)
			}
		})
	}
}

// set prepares the service and the worker.
func (c crash) set(t *testing.T) *scene {
	t.Helper()
	m := realtest.Systemd(t)
	s := &scene{unit: newPatient(t, m, site, c.unit...), wire: newWire(t, m.Socket(), c.cut)}
	service := s.unit.service(s.wire.path)
	service.remediation = "{" + c.remediation + service.remediation[1:]
	s.deployment = deploy(t, "", service)
	s.receiver.answer(c.answer)
	return s
}
