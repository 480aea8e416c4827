package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"paramedic/internal/supervise"
)

// The lines of the announcement, in the order in which they are written.
const (
	lineWebUI = iota
	lineStatus
	linePatient
	lineHost
	lineVantage
	lineCount
)

var lineNames = [lineCount]string{"Web UI", "Status", "Patient", "Host", "Vantage"}

// announcement is what the worker says on standard output once everything is
// ready: where to look. Each part fills in its own line.
type announcement struct {
	mu    sync.Mutex
	texts [lineCount]string
}

func (a *announcement) set(line int, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.texts[line] = text
}

func (a *announcement) get(line int) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.texts[line]
}

// String gives the lines that were filled in, each with its line end.
func (a *announcement) String() string {
	var lines strings.Builder
	for line, name := range lineNames {
		if text := a.get(line); text != "" {
			fmt.Fprintf(&lines, "%-9s %s\n", name, text)
		}
	}
	return lines.String()
}

// announced calls ready when each of the parts has been ready once.
func announced(parts []supervise.Part, ready func()) []supervise.Part {
	var waiting atomic.Int64
	waiting.Store(int64(len(parts)))
	for i, part := range parts {
		once := sync.OnceFunc(func() {
			if waiting.Add(-1) == 0 {
				ready()
			}
		})
		parts[i].Run = func(ctx context.Context, partReady func()) error {
			return part.Run(ctx, func() {
				partReady()
				once()
			})
		}
	}
	return parts
}
