package store

import (
	"encoding/binary"
	"math"
	"strings"

	"paramedic/internal/health"
)

// itself stands for the target's own name in its message: many say the same
// but for that. It is in no text, as those of the store hold no NUL.
const itself = "\x00"

// codeVersion is the first byte of an encoded survey.
const codeVersion = 1

// encoder writes findings one after another: of the name of a target what
// differs from the one before, times as milliseconds of the hour, latencies in
// microseconds, and texts by their number.
type encoder struct {
	out   []byte
	texts map[string]int
	list  []string
}

// encodeSurvey writes findings of an hour that are ordered by target.
func encodeSurvey(hour int64, findings []health.Finding) []byte {
	e := encoder{texts: map[string]int{}, out: make([]byte, 0, 24*len(findings))}
	before := ""
	for _, found := range findings {
		e.name(before, found.Target)
		before = found.Target
		e.number(found.At.UnixMilli() - hour)
		e.number(int64(min(found.LatencyMS, 1e12) * 1000))
		e.number(statusNumber(found.Status)<<1 | flag(len(found.Observations)+len(found.Facts) > 0))
		e.text(strings.Replace(found.Message, found.Target, itself, 1))
		if len(found.Observations)+len(found.Facts) > 0 {
			e.details(found.Result)
		}
	}
	body := e.out
	e.out = append(make([]byte, 0, len(body)+64), codeVersion)
	e.number(int64(len(findings)))
	e.number(int64(len(e.list)))
	for _, text := range e.list {
		e.bytes(text)
	}
	return append(e.out, body...)
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

func (e *encoder) number(n int64) { e.out = binary.AppendUvarint(e.out, uint64(n)) }

func (e *encoder) bytes(text string) {
	e.number(int64(len(text)))
	e.out = append(e.out, text...)
}

func (e *encoder) name(before, name string) {
	same := 0
	for same < len(before) && same < len(name) && before[same] == name[same] {
		same++
	}
	e.number(int64(same))
	e.bytes(name[same:])
}

func (e *encoder) text(text string) {
	n, known := e.texts[text]
	if !known {
		n = len(e.list)
		e.texts[text], e.list = n, append(e.list, text)
	}
	e.number(int64(n))
}

func (e *encoder) details(r health.Result) {
	e.number(int64(len(r.Observations)))
	for name, value := range r.Observations {
		e.text(name)
		if whole := uint64(value); value >= 0 && value < 1<<53 && float64(whole) == value {
			e.number(int64(whole<<1 | 1))
			continue
		}
		e.number(0)
		e.out = binary.BigEndian.AppendUint64(e.out, math.Float64bits(value))
	}
	e.number(int64(len(r.Facts)))
	for name, value := range r.Facts {
		e.text(name)
		e.text(value)
	}
}
