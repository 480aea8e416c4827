package remedy

import (
	"strings"
	"unicode/utf8"
)

// tail keeps the end of what is written to it, at least limit bytes.
type tail struct {
	limit int
	kept  []byte
}

// Write implements io.Writer; it never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	// Cut at twice the limit, so that each byte is moved once and not with
	// every write.
	if len(t.kept) > 2*t.limit {
		t.kept = append(t.kept[:0], t.kept[len(t.kept)-t.limit:]...)
	}
	return len(p), nil
}

// text is what was kept, as valid UTF-8.
func (t *tail) text() string { return strings.ToValidUTF8(string(t.kept), "\uFFFD") }

// clipFront shortens text to its last limit bytes at most, on a rune boundary,
// and marks the cut.
func clipFront(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	cut := len(text) - limit + len("…")
	for cut < len(text) && !utf8.RuneStart(text[cut]) {
		cut++
	}
	return "…" + text[cut:]
}
