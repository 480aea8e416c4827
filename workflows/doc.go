// Package workflows is the story of a service on duty: Monitor looks, and
// Remediation heals and remembers. Both are deterministic; all they know of the
// world comes through package activities, and their histories are the record.
//
// # The life of an incident
//
//	Schedule ──starts every watch──▶ Monitor ──probe on the grid──▶ healthy: goes on
//	                                   │
//	                                   │ failure 1/3, 2/3, 3/3 (sooner with retry_interval),
//	                                   │ or it flaps
//	                                   ▼
//	                              Remediation  id remediation/<service>: one incident at a time
//	                                   │
//	               ┌───────────────────┤
//	               │                   ▼
//	               │      decide: act, or hold and say why   (health.Decide: first by what
//	               │          │             │                 the incident knows, then in the
//	               │          │ act         │ hold            Gatekeeper, which knows the fleet)
//	               │          ▼             ▼
//	               │      a step of     tell people it is down,
//	               │      the runbook,  rest
//	               │      settle 10 s       │
//	               │          └──────┬──────┘
//	               │                 ▼
//	               │               verify
//	               └──── still down ─┤
//	                                 ▼ passes
//	                     resolved: downtime from the first failed probe to the
//	                     first passing one; recovery notice; the record is the result
//
// # A service with many targets
//
// Its Monitor makes rounds: the targets are divided into batches, which are due
// one after the other over the interval, and each is one activity. Only targets
// that fail are named, so that ten thousand that pass cost what one costs.
//
//	slots ──due──▶ batch 3/16 ──activity──▶ 2 of 625 failed ──judge──▶ streaks, by target
//	                                                             │
//	     third failure of a target ──▶ Remediation  id remediation/<service>/<target>
//	     more than max_open_incidents ──▶ one Remediation for the whole: a storm
//	     the control probe fails, too ──▶ one for the whole: cut off; nothing is held
//	                                      against any target
//
// rounds.go is what differs from a single service, rounds_slots.go says when
// which batch is due, rounds_survey.go has it probed, rounds_judge.go says what
// the findings come to (with several vantage points, by a quorum),
// rounds_incidents.go which incidents follow, and rounds_handover.go what
// becomes of the batches that are under way as a watch ends.
//
// # Where to read
//
// Read monitor.go first, then remediation.go and its steps: deciding.go,
// permit.go, treatment.go, verification.go. Beside the healing, telling.go says
// who hears of what and escalation.go when; posting.go hands alerts to the
// Outbox of each receiver (outbox.go), which groups, sends and retries them.
// instructions.go is what people may say to an incident, monitor_orders.go to a
// Monitor. gatekeeper.go keeps the books of the fleet. messages.go holds every
// id, signal, update and query; check.go, record.go and books.go what they carry.
// recorder.go shows to people what happens while it happens, and archive.go has
// the record of a closed incident stored.
//
// # Rules that hold everywhere
//
//   - A Monitor ends successfully, also when its service is down: only a
//     successful run hands its state to the next watch.
//   - What a prober could not find out is held against nobody: an error, a
//     worker that is cut off or overloaded, too few vantage points.
//   - A restart needs the Gatekeeper's permit, which is the answer of
//     health.Decide to all that is known; who cannot ask does not act.
//   - Alerts run beside the healing and never in its way. What is still on its
//     way when an incident closes goes on in the Outbox.
//   - What is shown to people goes the way of the log: never in a replay, at no
//     cost in history, and nothing depends on it. What must not be lost, the
//     record of a closed incident, goes by an activity.
//   - Inputs carry names and limits, never addresses, commands or secrets.
package workflows
