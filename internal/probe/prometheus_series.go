package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// Bounds of what is read of an application's metrics, in bytes: all of it, one
// line, and the lines of the metric that is checked.
const (
	metricsLimit = 32 << 20
	lineLimit    = 64 << 10
	seriesLimit  = 1 << 20
)

// series is one line of metrics.
type series struct {
	metric string
	labels map[string]string
	value  float64
}

// has reports whether the series has all the labels.
func (s series) has(labels map[string]string) bool {
	for name, value := range labels {
		if own, ok := s.labels[name]; !ok || own != value {
			return false
		}
	}
	return true
}

// String writes it as worker_status{name="mailer"}.
func (s series) String() string {
	if len(s.labels) == 0 {
		return s.metric
	}
	pairs := make([]string, 0, len(s.labels))
	for _, name := range namesOf(s.labels) {
		pairs = append(pairs, name+"="+strconv.Quote(s.labels[name]))
	}
	return s.metric + "{" + strings.Join(pairs, ",") + "}"
}

// number is the value as people write it.
func (s series) number() string { return strconv.FormatFloat(s.value, 'f', -1, 64) }

// readSeries reads the series of one metric out of the text format, sorted by
// their labels. The rest is neither kept nor understood.
func readSeries(body io.Reader, metric string) ([]series, error) {
	text, err := linesOf(body, metric)
	if err != nil {
		return nil, err
	}
	// Without a line that says what type the metric has, all series of it are
	// plain values, also those of histograms.
	families, err := new(expfmt.TextParser).TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the lines of %s are not in the text format of Prometheus: %w", metric, err)
	}
	var all []series
	for _, sample := range families[metric].GetMetric() {
		all = append(all, series{metric: metric, labels: labelsOf(sample), value: sample.GetUntyped().GetValue()})
	}
	slices.SortFunc(all, func(a, b series) int { return strings.Compare(a.String(), b.String()) })
	return all, nil
}

func labelsOf(sample *dto.Metric) map[string]string {
	labels := map[string]string{}
	for _, pair := range sample.GetLabel() {
		labels[pair.GetName()] = pair.GetValue()
	}
	return labels
}

// linesOf returns the lines that hold a value of the metric.
func linesOf(body io.Reader, metric string) ([]byte, error) {
	limited := &io.LimitedReader{R: body, N: metricsLimit + 1}
	scanner := bufio.NewScanner(limited)
	scanner.Buffer(nil, lineLimit)
	var kept bytes.Buffer
	for scanner.Scan() {
		line := bytes.TrimLeft(scanner.Bytes(), " \t")
		rest, found := bytes.CutPrefix(line, []byte(metric))
		if !found || len(rest) == 0 || !bytes.ContainsRune([]byte("{ \t"), rune(rest[0])) {
			continue
		}
		kept.Write(line)
		kept.WriteByte('\n')
		if kept.Len() > seriesLimit {
			return nil, fmt.Errorf("the series of %s are longer than %d bytes", metric, seriesLimit)
		}
	}
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("the metrics are longer than %d bytes", metricsLimit)
	case errors.Is(scanner.Err(), bufio.ErrTooLong):
		return nil, fmt.Errorf("a line of the metrics is longer than %d bytes", lineLimit)
	default:
		return kept.Bytes(), scanner.Err()
	}
}
