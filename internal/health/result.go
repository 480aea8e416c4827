package health

import (
	"time"
	"unicode/utf8"
)

// Status is what one probe found.
type Status string

// The three statuses of a probe. Degraded means up, but not as it should be:
// it is shown, and it never counts as a failure.
const (
	Healthy   Status = "healthy"
	Degraded  Status = "degraded"
	Unhealthy Status = "unhealthy"
)

// NotProbed is no finding: the prober itself could not look, as without the right
// to send, or with options that do not fit. It says nothing of the service, and
// is an error before it leaves the worker.
const NotProbed Status = "not probed"

// Up reports whether the service did its work: healthy or degraded.
func (s Status) Up() bool { return s == Healthy || s == Degraded }

// MessageLimit bounds a result's message in bytes, so that a server which
// answers with a page of error text does not fill histories.
const MessageLimit = 300

// Result is the finding of one probe.
type Result struct {
	Status Status `json:"status"`
	// At is when the probe began.
	At time.Time `json:"at"`
	// LatencyMS is how long the probe took, in milliseconds.
	LatencyMS float64 `json:"latency_ms"`
	// Message says what was found; a failed condition carries the observed
	// value: "row count 0 < 1".
	Message string `json:"message"`
	// Observations are named numbers: rows, lag_seconds, status_code.
	Observations map[string]float64 `json:"observations,omitempty"`
	// Facts are named short texts: tier is "primary".
	Facts map[string]string `json:"facts,omitempty"`
}

// Clip shortens text to at most limit bytes on a rune boundary and marks the cut.
func Clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := max(0, limit-len("…"))
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
