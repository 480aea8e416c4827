package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// taken is what was seen of a worker at one moment.
type taken struct {
	at     time.Time
	probes int64
	cpu    time.Duration
	// bytes are those in use in the databases of Temporal and of the store.
	temporal, store int64
	// lateness counts probes by how late they were, cumulatively, by the upper
	// bound in seconds.
	lateness map[float64]uint64
}

// take looks at the worker now.
func (w *watched) take() (taken, error) {
	t := taken{at: time.Now(), probes: w.site.probes.Load()}
	var errs [4]error
	t.cpu, errs[0] = cpuTime(w.command.Process.Pid)
	data := filepath.Join(w.dir, "data")
	t.temporal, errs[1] = bytesIn(filepath.Join(data, "temporal.db"))
	t.store, errs[2] = bytesIn(filepath.Join(data, "paramedic.db"))
	t.lateness, errs[3] = w.lateness()
	return t, errors.Join(errs[:]...)
}

// lateness reads the worker's own histogram.
func (w *watched) lateness() (map[float64]uint64, error) {
	families, err := w.metrics()
	if err != nil {
		return nil, err
	}
	family := families["paramedic_probe_lateness_seconds"]
	if family == nil {
		return nil, errors.New("the worker shows no paramedic_probe_lateness_seconds")
	}
	counts := map[float64]uint64{}
	for _, metric := range family.GetMetric() {
		for _, bucket := range metric.GetHistogram().GetBucket() {
			if bound := bucket.GetUpperBound(); !math.IsInf(bound, 1) {
				counts[bound] += bucket.GetCumulativeCount()
			}
		}
		counts[math.Inf(1)] += metric.GetHistogram().GetSampleCount()
	}
	return counts, nil
}

func (w *watched) metrics() (map[string]*dto.MetricFamily, error) {
	response, err := http.Get("http://" + w.address + "/metrics")
	if err != nil {
		return nil, fmt.Errorf("asking the worker for its metrics: %w", err)
	}
	defer response.Body.Close()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the worker's metrics: %w", err)
	}
	return families, nil
}

// compare fills in what happened between two looks.
func (v values) compare(before, after taken) {
	probes := float64(after.probes - before.probes)
	elapsed := after.at.Sub(before.at)
	v["probes"], v["per_second"] = probes, probes/elapsed.Seconds()
	v["cpu_per_check"] = milliseconds(after.cpu-before.cpu) / probes
	v["cores"] = float64(after.cpu-before.cpu) / float64(elapsed)
	v["temporal_bytes"] = float64(after.temporal-before.temporal) / probes
	v["store_bytes"] = float64(after.store-before.store) / probes
	late := map[float64]uint64{}
	for bound, count := range after.lateness {
		late[bound] = count - before.lateness[bound]
	}
	v["late_share"] = 1 - float64(late[1])/float64(late[math.Inf(1)])
	v["late_p50"], v["late_p99"], v["late_max"] = lateQuantile(late, 0.5), lateQuantile(late, 0.99), lateQuantile(late, 1)
}

// lateQuantile is the upper bound, in ms, of the bucket in which a share of all
// probes is reached.
func lateQuantile(counts map[float64]uint64, share float64) float64 {
	want := uint64(math.Ceil(share * float64(counts[math.Inf(1)])))
	least := math.Inf(1)
	for bound, count := range counts {
		if count >= want && bound < least {
			least = bound
		}
	}
	return 1000 * least
}
