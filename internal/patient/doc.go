// Package patient is something to hurt: a small web service that is a real
// process, a ward that owns the process and starts it only when told to, and
// the call bell that a real remedy rings. The first run of paramedic uses it to
// show, within seconds and with nothing installed, what happens when a service
// dies.
package patient
