package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/pipeline"
)

// readPipeline reads a section and two services, web and db.
func readPipeline(t *testing.T, section string) *Config {
	t.Helper()
	config, err := read("paramedic.yml", section+"\nservices: [{name: web, probe: {other: {}}}, {name: db, probe: {other: {}}}]")
	require.NoError(t, err)
	return config
}

func TestNoPipelineUnlessWritten(t *testing.T) {
	require.Nil(t, readPipeline(t, "").Pipeline)
	require.Equal(t, &pipeline.Panels{Services: []string{"web", "db"}}, readPipeline(t, "pipeline:").Pipeline)
	require.Equal(t, &pipeline.Panels{Services: []string{}}, readPipeline(t, "pipeline: {services: []}").Pipeline)
}

// A service is all that a panel needs where probes use the names of the defaults.
func TestPanelsWhenOnlyServicesAreWritten(t *testing.T) {
	p := readPipeline(t, `pipeline:
  freshness: {service: db}
  wal: {service: web}
  dlq: [{name: S2S, service: web}, {name: Pixel, service: db}]
  failover: {service: web}
  sync: {service: db, tables: [{name: geo}, {name: hourly, rows: web/up}]}`).Pipeline
	require.Equal(t, &pipeline.Freshness{Service: "db", Observation: "lag_seconds", Warn: seconds(900), Critical: seconds(3600)}, p.Freshness)
	require.Equal(t, &pipeline.WAL{Service: "web", Size: "size_bytes", Files: "files", LastWrite: "newest_age_seconds", Pending: "pending"}, p.WAL)
	queue := pipeline.DefaultQueue
	queue.Name, queue.Service = "Pixel", "db"
	require.Equal(t, queue, p.DLQ[1])
	require.Equal(t, "primary", p.Failover.Normal)
	require.Equal(t, hours(168), p.Sync.Lookback)
	require.Equal(t, []pipeline.Table{{Name: "geo", Rows: "rows_geo"}, {Name: "hourly", Rows: "web/up"}}, p.Sync.Tables)
}

func TestPipelineOfEveryKey(t *testing.T) {
	require.Equal(t, &pipeline.Panels{
		Freshness: &pipeline.Freshness{Service: "plain", Observation: "age", Warn: seconds(300), Critical: seconds(600)},
		Services:  []string{"merged", "plain"},
		WAL:       &pipeline.WAL{Service: "plain", Size: "s", Files: "f", LastWrite: "w", Pending: "full/p"},
		DLQ:       []pipeline.Queue{{Name: "S2S", Service: "plain", Pending: "p", LastAttempt: "a", LastResult: "r", Recovered: "t"}},
		Failover:  &pipeline.Failover{Service: "plain", Tier: "t", Normal: "one", LastEvent: "e", Duration: "d", Standby: "full/up"},
		Sync:      &pipeline.Sync{Service: "plain", LastSync: "l", Lookback: hours(24), Tables: []pipeline.Table{{Name: "geo", Rows: "full/rows"}}},
	}, readFile(t, "testdata/good/everything.yml").Pipeline)
}

// Red comes after yellow, also where only yellow is written.
func TestRedFollowsYellow(t *testing.T) {
	require.Equal(t, seconds(4*1800), readPipeline(t, "pipeline: {freshness: {service: db, warn: 30m}}").Pipeline.Freshness.Critical)
	require.Equal(t, seconds(3600), readPipeline(t, "pipeline: {freshness: {service: db, warn: 1m}}").Pipeline.Freshness.Critical)
}

func TestManyServicesHaveNoCardsByThemselves(t *testing.T) {
	var services strings.Builder
	for i := range cardsLimit + 1 {
		fmt.Fprintf(&services, "\n  - {name: s%d, probe: {other: {}}}", i)
	}
	config, err := read("paramedic.yml", "pipeline:\nservices:"+services.String())
	require.NoError(t, err)
	require.Empty(t, config.Pipeline.Services)
}

func TestPipelineReadsBack(t *testing.T) {
	config := readPipeline(t, "pipeline: {wal: {service: web}, sync: {service: db, tables: [{name: geo}]}}")
	var text bytes.Buffer
	require.NoError(t, config.WriteYAML(&text))
	again, err := read("paramedic.yml", text.String())
	require.NoError(t, err, text.String())
	require.Equal(t, config.Pipeline, again.Pipeline)
}
