package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// pack writes the results of a target in an hour, of which no two may have the
// same time: the time since the one before in milliseconds, and the latency in
// microseconds with the status.
func pack(hour int64, rows []row) []byte {
	code := make([]byte, 0, 6*len(rows)+1)
	code = append(code, codeVersion)
	before := hour
	for _, r := range rows {
		code = binary.AppendUvarint(code, uint64(r.at-before))
		code = binary.AppendUvarint(code, uint64(r.latency)<<2|uint64(r.status))
		before = r.at
	}
	return code
}

// unpack hands each result of a pack to do, in time's order.
func unpack(hour int64, code []byte, do func(at, status, latency int64)) error {
	if len(code) == 0 || code[0] != codeVersion {
		return fmt.Errorf("a pack: %w", errCode)
	}
	d := decoder{in: code[1:]}
	for at := hour; len(d.in) > 0; {
		at += int64(d.number())
		found := d.number()
		if d.err != nil {
			return fmt.Errorf("a pack: %w", d.err)
		}
		do(at, int64(found&3), int64(found>>2))
	}
	return nil
}

// distinctRows orders the results of a target by time; of two of the same time
// the first stays.
func distinctRows(rows []row) []row {
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	return slices.CompactFunc(rows, func(a, b row) bool { return a.at == b.at })
}
