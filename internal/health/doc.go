// Package health is the domain: what a probe found, when a streak of failures
// becomes an incident, whether to act on it or hold and why, and the record
// that stays when it is over. Everything in it is a pure function or plain
// data on the standard library, so that workflows can use it deterministically
// and its rules can be tested in tables.
package health
