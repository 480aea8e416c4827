// Package store keeps what pages, metrics and health endpoints show beyond the
// present moment: the newest of every target, results by age, incidents, alerts
// and what could not be delivered. It lives in a SQLite file or in a PostgreSQL
// database, and both hold the same.
//
// Nearly all of it is a copy: workflows know nothing of it, and nothing is
// decided by it.
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
// # Targets of a service
//
// What the probes of many targets find comes in surveys: one record for all of
// them, known by an id, in place of rows. It is read as the latest of each
// target, and by those who follow what other processes write. What it says of
// the service as a whole is added to the sums of the service, as if it were one
// target without a name; the results that were not healthy are kept as any
// other. A while after its hour is over a survey is folded: each target gets a
// pack of its single results of that hour, sums of its hours and days, and its
// latest. Who asks for one target before that has the surveys looked through,
// so that charts are the same before and after.
//
// Targets that were registered by the API, and answers to requests that carry
// an idempotency key, are no copy: they live here alone. They are on the disk
// before the call returns, and do not go through a Writer.
//
// # Reading
//
// Results are clustered by target, sums of services by time. Nothing reads
// results of all services at once but Recent, which is asked at start, and
// nothing those of all targets of a service but the folding of an hour.
package store
