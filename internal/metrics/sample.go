package metrics

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// sample is one number of a scrape. It does what a constant metric of the
// library does, with less work for each: a scrape makes tens of thousands.
type sample struct {
	desc    *prometheus.Desc
	value   float64
	counter bool
	// labels are sorted by name.
	labels []*dto.LabelPair
}

// Desc implements prometheus.Metric.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s *sample) Write(to *dto.Metric) error {
	to.Label = s.labels
	if s.counter {
		to.Counter = &dto.Counter{Value: &s.value}
	} else {
		to.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}

// label makes a label of a sample. Prometheus takes nothing but UTF-8, and
// drops the whole scrape otherwise.
func label(name *string, value string) *dto.LabelPair {
	value = strings.ToValidUTF8(value, "\uFFFD")
	return &dto.LabelPair{Name: name, Value: &value}
}

func gauge(desc *prometheus.Desc, value float64, labels ...*dto.LabelPair) prometheus.Metric {
	return &sample{desc: desc, value: value, labels: sorted(labels)}
}

func counter(desc *prometheus.Desc, count int, labels ...*dto.LabelPair) prometheus.Metric {
	return &sample{desc: desc, value: float64(count), counter: true, labels: sorted(labels)}
}

func sorted(labels []*dto.LabelPair) []*dto.LabelPair {
	slices.SortFunc(labels, func(a, b *dto.LabelPair) int { return strings.Compare(*a.Name, *b.Name) })
	return labels
}

// The names of the labels, of which samples share one copy.
var (
	labelService  = new("service")
	labelState    = new("state")
	labelSeverity = new("severity")
	labelKind     = new("kind")
	labelMode     = new("mode")
	labelWindow   = new("window")
	labelName     = new("name")
	labelReason   = new("reason")
	labelReceiver = new("receiver")
	labelTo       = new("to")
)

// unix is a time in Prometheus' own unit.
func unix(at time.Time) float64 { return float64(at.UnixMilli()) / 1e3 }

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
