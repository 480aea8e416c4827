package pages

import (
	"strconv"
)

// The size of a sparkline, in units of its picture.
const (
	sparkWidth, sparkHeight = 90, 24
	// sparkStep is the room of one probe.
	sparkStep = 3
)

// spark is the latencies of the latest probes as a small picture.
type spark struct {
	// Path is the line through the probes that passed, with gaps.
	Path string
	// Failed are the places of those that failed.
	Failed []int
	// Probes counts all; Last and Max are latencies in milliseconds.
	Probes    int
	Last, Max float64
}

// newSpark draws latencies in milliseconds, oldest first, -1 for a failed probe.
// The newest is at the right edge.
func newSpark(recent []float32) spark {
	s := spark{Probes: len(recent)}
	for _, ms := range recent {
		s.Max = max(s.Max, float64(ms))
	}
	path := make([]byte, 0, 8*len(recent))
	x, drawing := sparkWidth-sparkStep*len(recent)+1, false
	for _, ms := range recent {
		if ms < 0 {
			s.Failed = append(s.Failed, x)
			drawing = false
		} else {
			s.Last = float64(ms)
			path = append(path, move(drawing)...)
			path = strconv.AppendInt(path, int64(x), 10)
			path = append(path, ' ')
			path = strconv.AppendInt(path, int64(sparkY(ms, s.Max)), 10)
			if !drawing {
				// A point alone is a line of no length, which round ends show.
				path = append(path, "h0"...)
			}
			drawing = true
		}
		x += sparkStep
	}
	s.Path = string(path)
	return s
}

func move(drawing bool) string {
	if drawing {
		return "L"
	}
	return "M"
}

// sparkY is how far a latency is from the top.
func sparkY(ms float32, most float64) int {
	if most <= 0 {
		return sparkHeight - 2
	}
	return sparkHeight - 2 - int(float64(ms)/most*(sparkHeight-4)+0.5)
}
