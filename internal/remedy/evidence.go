package remedy

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"paramedic/internal/health"
)

const (
	// evidenceTime is how long collecting evidence may take.
	evidenceTime = 5 * time.Second
	// evidenceLimit bounds evidence, in bytes.
	evidenceLimit = 4 << 10
	// factLimit bounds one fact, in bytes.
	factLimit = 500
)

// evidence puts facts and the end of a log together, within the limit. Facts go
// first and are few; the log loses its beginning.
func evidence(facts, log string) string {
	if facts != "" {
		facts = health.Clip(facts, evidenceLimit/2) + "\n"
	}
	return facts + clipFront(strings.TrimSpace(log), evidenceLimit-len(facts))
}

// colour is an escape sequence of a terminal, as programs print them.
var colour = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// plain takes out of a text what only a terminal understands.
func plain(text string) string {
	text = colour.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, text))
}

// oneLine is a text on one line, bounded.
func oneLine(text string) string {
	return health.Clip(strings.Join(strings.Fields(plain(text)), " "), factLimit)
}
