// Package devserver runs a whole Temporal server and its Web UI inside the
// worker's process, on one SQLite file. It is what makes the first run a single
// command; for several machines, point the worker at a Temporal cluster instead.
//
// Everything listens on 127.0.0.1, because the Web UI has no authentication.
// The data directory holds:
//
//	worker.lock          the lock of the one process that uses the directory, and its pid
//	temporal.db (-wal, -shm)  everything Temporal knows: schedules, histories, search attributes
//	temporal.db.<version>.bak a copy, made before another server version first wrote to the file
//	temporal.log (.1)    what the server logged at level warn and above
//
// The build tag noembed leaves the server out: Start then says so, and nothing
// of go.temporal.io/server is linked.
package devserver
