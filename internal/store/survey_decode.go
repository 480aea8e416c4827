package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"paramedic/internal/health"
)

var errCode = errors.New("it is cut short or damaged")

// decoder reads what an encoder has written. Its first error stays.
type decoder struct {
	in    []byte
	hour  int64
	left  int
	texts [][]byte
	// target is the name of the one that was read last; it is written over.
	target []byte
	err    error
}

// glance is a result without what few are asked for.
type glance struct {
	// target is good until the next one.
	target              []byte
	at, latency, status int64
	message             int
	detailed            bool
}

func newDecoder(hour int64, data []byte) (*decoder, error) {
	if len(data) == 0 || data[0] != codeVersion {
		return nil, fmt.Errorf("a survey: %w", errCode)
	}
	d := &decoder{in: data[1:], hour: hour}
	d.left = d.count()
	d.texts = make([][]byte, d.count())
	for n := range d.texts {
		d.texts[n] = d.bytes()
	}
	return d, d.failure()
}

// decodeSurvey reads the findings that are wanted, in the order of their
// targets; all of them if wanted is nil.
func decodeSurvey(hour int64, data []byte, wanted func(glance) bool) ([]health.Finding, error) {
	d, err := newDecoder(hour, data)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(d.texts))
	for n, text := range d.texts {
		texts[n] = string(text)
	}
	var findings []health.Finding
	for d.left > 0 {
		seen := d.next()
		if d.err == nil && wanted != nil && !wanted(seen) {
			d.skip(seen)
		} else if d.err == nil {
			findings = append(findings, d.finding(seen, texts))
		}
		if d.err != nil {
			return nil, d.failure()
		}
	}
	return findings, nil
}

// finding reads the rest of a result.
func (d *decoder) finding(seen glance, texts []string) health.Finding {
	found := health.Finding{Target: string(seen.target), Result: health.Result{
		Status: statusOf(seen.status), At: time.UnixMilli(seen.at).UTC(), LatencyMS: float64(seen.latency) / 1000,
	}}
	found.Message = strings.Replace(d.text(texts, seen.message), itself, found.Target, 1)
	if seen.detailed {
		d.details(texts, &found.Result)
	}
	return found
}

// scanSurvey hands each result to do, in the order of their targets, and makes
// nothing of what do need not know.
func scanSurvey(hour int64, data []byte, do func(glance)) error {
	d, err := newDecoder(hour, data)
	if err != nil {
		return err
	}
	for d.left > 0 {
		seen := d.next()
		d.skip(seen)
		if d.err != nil {
			return d.failure()
		}
		do(seen)
	}
	return nil
}

func (d *decoder) failure() error {
	if d.err == nil {
		return nil
	}
	return fmt.Errorf("a survey: %w", d.err)
}

func (d *decoder) next() glance {
	d.left--
	same := d.number()
	if same > uint64(len(d.target)) {
		d.err, same = errCode, 0
	}
	d.target = append(d.target[:same], d.bytes()...)
	seen := glance{target: d.target, at: d.hour + int64(d.number()), latency: int64(d.number())}
	kind := d.number()
	seen.status, seen.detailed, seen.message = int64(kind>>1), kind&1 == 1, int(min(d.number(), math.MaxInt32))
	return seen
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.in)
	if size <= 0 {
		d.in, d.err = nil, errCode
		return 0
	}
	d.in = d.in[size:]
	return n
}

// count reads how many follow, of which each takes a byte at least.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.in)) {
		d.in, d.err = nil, errCode
		return 0
	}
	return int(n)
}

func (d *decoder) bytes() []byte {
	size := d.count()
	text := d.in[:size]
	d.in = d.in[size:]
	return text
}

func (d *decoder) text(texts []string, n int) string {
	if n < 0 || n >= len(texts) {
		d.err = errCode
		return ""
	}
	return texts[n]
}

func (d *decoder) details(texts []string, r *health.Result) {
	word := func() string { return d.text(texts, int(min(d.number(), math.MaxInt32))) }
	if n := d.count(); n > 0 {
		r.Observations = make(map[string]float64, n)
		for range n {
			name := word()
			r.Observations[name] = d.value()
		}
	}
	if n := d.count(); n > 0 {
		r.Facts = make(map[string]string, n)
		for range n {
			name := word()
			r.Facts[name] = word()
		}
	}
}

// skip passes over the rest of a result.
func (d *decoder) skip(seen glance) {
	if !seen.detailed {
		return
	}
	for range d.count() {
		d.number()
		d.value()
	}
	for range d.count() {
		d.number()
		d.number()
	}
}

// value reads a number: a whole one, or else the bits of a float.
func (d *decoder) value() float64 {
	if whole := d.number(); whole&1 == 1 {
		return float64(whole >> 1)
	}
	if len(d.in) < 8 {
		d.in, d.err = nil, errCode
		return 0
	}
	value := math.Float64frombits(binary.BigEndian.Uint64(d.in))
	d.in = d.in[8:]
	return value
}
