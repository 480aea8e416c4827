// Package store keeps what pages, metrics and health endpoints show beyond the
// present moment: the newest of every target, results by age, incidents, alerts
// and what could not be delivered. It lives in a SQLite file or in a PostgreSQL
// database, and both hold the same.
//
// It is a copy: workflows know nothing of it, and nothing is decided by it.
//
// # Writing
//
// A Batch is one transaction. Every transaction first takes the one row of the
// table clock, and so all of them, of all processes, come one after another.
// That row gives each a stamp, and stamps become visible in their order: who
// asks Changed for what came after the highest stamp that it has seen misses
// nothing, however many processes write.
//
// A result is identified by its target and the millisecond at which its probe
// began. One that is there already is left alone, and only what was really
// inserted is added to the sums of its hour and its day: a batch may be written
// again whenever its outcome is in doubt. That holds for as long as single
// results are kept (Retention.Results).
//
// # Reading
//
// Results are clustered by target, sums by time. Nothing reads results of all
// targets at once but Recent, which is asked at start.
package store
