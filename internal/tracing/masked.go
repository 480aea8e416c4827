package tracing

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace"
)

// masked takes known secrets out of spans before they are exported. Errors of
// activities become texts of spans, and an error can quote anything.
type masked struct {
	trace.SpanExporter
	mask func(string) string
}

// ExportSpans implements trace.SpanExporter.
func (m masked) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	clean := make([]trace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		clean[i] = maskedSpan{span, m.mask}
	}
	return m.SpanExporter.ExportSpans(ctx, clean)
}

// maskedSpan is a span whose texts are masked.
type maskedSpan struct {
	trace.ReadOnlySpan
	mask func(string) string
}

// Name implements trace.ReadOnlySpan.
func (s maskedSpan) Name() string { return s.mask(s.ReadOnlySpan.Name()) }

// Status implements trace.ReadOnlySpan.
func (s maskedSpan) Status() trace.Status {
	status := s.ReadOnlySpan.Status()
	status.Description = s.mask(status.Description)
	return status
}

// Attributes implements trace.ReadOnlySpan.
func (s maskedSpan) Attributes() []attribute.KeyValue {
	return s.attributes(s.ReadOnlySpan.Attributes())
}

// Events implements trace.ReadOnlySpan.
func (s maskedSpan) Events() []trace.Event {
	events := slices.Clone(s.ReadOnlySpan.Events())
	for i := range events {
		events[i].Attributes = s.attributes(events[i].Attributes)
	}
	return events
}

func (s maskedSpan) attributes(all []attribute.KeyValue) []attribute.KeyValue {
	all = slices.Clone(all)
	for i, each := range all {
		if each.Value.Type() == attribute.STRING {
			all[i].Value = attribute.StringValue(s.mask(each.Value.AsString()))
		}
	}
	return all
}
