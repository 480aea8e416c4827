// Package workflows is the story of a service on duty: Monitor looks, and
// Remediation heals and remembers. Both are deterministic; all they know of the
// world comes through package activities, and their histories are the record.
//
// # The life of an incident
//
//	Schedule ──starts every watch──▶ Monitor ──probe on the grid──▶ healthy: goes on
//	                                   │
//	                                   │ failure 1/3, 2/3, 3/3 (sooner with retry_interval)
//	                                   ▼
//	                              Remediation  id remediation/<service>: one incident at a time
//	                                   │
//	               ┌───────────────────┤
//	               │                   ▼
//	               │      decide: act, or hold and say why   (health.Decide)
//	               │          │ act                  │ hold
//	               │          ▼                      ▼
//	               │      restart, settle 10 s    tell people it is down, wait
//	               │          └──────────┬───────────┘
//	               │                     ▼
//	               │                  verify
//	               └──── still down ─────┤
//	                                     ▼ passes
//	                     resolved: downtime from the first failed probe to the
//	                     first passing one; recovery notice; the record is the result
//
// Read monitor.go first, then remediation.go; permit.go, treatment.go,
// verification.go and dispatch.go are its steps, and gatekeeper.go guards what
// the whole fleet shares. messages.go holds every id, signal, update, query and
// payload.
//
// # Rules that hold everywhere
//
//   - A Monitor ends successfully, also when its service is down: only a
//     successful run hands its state to the next watch.
//   - Alerts run beside the healing and never in its way. What is still on its
//     way when an incident closes goes on in a Delivery.
//   - Inputs carry names and limits, never addresses, commands or secrets.
package workflows
