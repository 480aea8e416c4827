// Package logging makes the process's log: lines that tell the story of an
// incident to somebody at a terminal, or JSON for machines. It is also where
// every known secret is masked on its way out, whoever logs it.
package logging

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"paramedic/internal/option"
)

// Options say how to log.
type Options struct {
	// JSON writes one object a line, with every attribute.
	JSON bool
	// Verbose writes debug messages, and what the Temporal SDK says of itself.
	Verbose bool
}

// Log is a logger whose secrets can be replaced while it is in use.
type Log struct {
	*slog.Logger
	redactor *atomic.Pointer[option.Redactor]
}

// New returns a log that writes to out.
func New(out io.Writer, options Options) *Log {
	level := slog.LevelInfo
	if options.Verbose {
		level = slog.LevelDebug
	}
	var next slog.Handler
	if options.JSON {
		next = slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: inSeconds})
	} else {
		next = tint.NewTextHandler(out, &tint.Options{Level: level, TimeFormat: "15:04:05.000", NoColor: !isTerminal(out)})
	}
	redactor := &atomic.Pointer[option.Redactor]{}
	return &Log{
		Logger:   slog.New(handler{Handler: next, redactor: redactor, lines: !options.JSON, terse: !options.JSON && !options.Verbose}),
		redactor: redactor,
	}
}

// inSeconds writes durations as machines like them: slog counts nanoseconds.
func inSeconds(_ []string, attribute slog.Attr) slog.Attr {
	if attribute.Value.Kind() == slog.KindDuration {
		attribute.Value = slog.Float64Value(attribute.Value.Duration().Seconds())
	}
	return attribute
}

// Mask replaces the values that must never be written.
func (l *Log) Mask(secrets []string) { l.redactor.Store(option.NewRedactor(secrets)) }

// Redact masks those values in a text that leaves the process by another way.
func (l *Log) Redact(text string) string { return l.redactor.Load().Redact(text) }

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// handler masks secrets and, when terse, leaves out what the Temporal SDK adds
// to every line and says of itself.
type handler struct {
	slog.Handler
	redactor *atomic.Pointer[option.Redactor]
	// lines is set where people read lines, which are to be what they seem.
	lines, terse bool
	// sdk is set on loggers of the SDK, told those of our workflows and
	// activities, which speak through it.
	sdk, told bool
}

// ofSDK are the attributes that the SDK adds, true for those that only
// workflows and activities have.
var ofSDK = map[string]bool{
	"Namespace": false, "TaskQueue": false, "WorkerID": false,
	"WorkflowType": true, "WorkflowID": true, "RunID": true, "Attempt": true,
	"ActivityID": true, "ActivityType": true, "service": true,
	"TraceID": true, "SpanID": true,
}

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, record slog.Record) error {
	if h.terse && h.sdk && !h.told && record.Level < slog.LevelWarn {
		return nil
	}
	if h.terse && record.Level < slog.LevelWarn && isOperation(record) {
		return nil
	}
	message := h.mask(record.Message)
	if h.lines {
		message = visible(message)
	}
	clean := slog.NewRecord(record.Time, record.Level, message, record.PC)
	record.Attrs(func(attribute slog.Attr) bool {
		if _, sdk := ofSDK[attribute.Key]; !h.terse || !sdk {
			clean.AddAttrs(h.maskAttribute(attribute))
		}
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// visible writes a message, which may hold what a service has answered or what
// somebody has noted, so that it can neither move the cursor nor look like
// another message: its further lines are indented.
func visible(message string) string {
	var b strings.Builder
	for _, r := range message {
		switch {
		case r == '\n':
			b.WriteString("\n    ")
		case r != '\t' && unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isOperation(record slog.Record) (found bool) {
	record.Attrs(func(attribute slog.Attr) bool {
		found = found || attribute.Key == operationKey
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	kept := make([]slog.Attr, 0, len(attributes))
	for _, attribute := range attributes {
		told, sdk := ofSDK[attribute.Key]
		h.sdk, h.told = h.sdk || sdk, h.told || told
		if !h.terse || !sdk {
			kept = append(kept, h.maskAttribute(attribute))
		}
	}
	h.Handler = h.Handler.WithAttrs(kept)
	return h
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	h.Handler = h.Handler.WithGroup(name)
	return h
}

func (h handler) mask(text string) string { return h.redactor.Load().Redact(text) }

// maskAttribute masks what an attribute would be written as.
func (h handler) maskAttribute(attribute slog.Attr) slog.Attr {
	value := attribute.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(attribute.Key, h.mask(value.String()))
	case slog.KindAny:
		if err, ok := value.Any().(error); ok {
			return slog.String(attribute.Key, h.mask(err.Error()))
		}
		if text := value.String(); h.mask(text) != text {
			return slog.String(attribute.Key, h.mask(text))
		}
	case slog.KindGroup:
		group := value.Group()
		masked := make([]slog.Attr, len(group))
		for i, member := range group {
			masked[i] = h.maskAttribute(member)
		}
		return slog.Attr{Key: attribute.Key, Value: slog.GroupValue(masked...)}
	}
	return slog.Attr{Key: attribute.Key, Value: value}
}
