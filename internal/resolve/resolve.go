// Package resolve connects probers of many targets: it keeps the answers of
// DNS for as long as they say, so that ten thousand probes a minute do not ask
// for the same names again and again, and it counts how many connections the
// process may hold.
package resolve

// assumedFiles is how many files a process may surely open.
const assumedFiles = 1024
