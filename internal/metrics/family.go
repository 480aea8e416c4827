package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// gaugeOf is a metric of things of which there may be thousands.
type gaugeOf struct {
	name, help string
	// desc says the same as the library says it.
	desc *prometheus.Desc
}

func newGaugeOf(name, help string, labels ...string) *gaugeOf {
	return &gaugeOf{name: name, help: help, desc: prometheus.NewDesc(name, help, labels, nil)}
}

// family returns a family without samples that has room for some.
func (g *gaugeOf) family(room int) *dto.MetricFamily {
	return &dto.MetricFamily{
		Name: &g.name, Help: &g.help, Type: dto.MetricType_GAUGE.Enum(), Metric: make([]*dto.Metric, 0, room),
	}
}

// byName puts families in the order in which they are told.
func byName(families []*dto.MetricFamily) []*dto.MetricFamily {
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return families
}
