package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/logging"
	"paramedic/internal/supervise"
)

// open makes the read model and the lists of a worker that is not running.
func (p *process) open(t *testing.T) *process {
	t.Helper()
	p.log, p.super = logging.New(io.Discard, logging.Options{}), supervise.New(logging.New(io.Discard, logging.Options{}).Logger)
	p.data = t.TempDir()
	p.inForce.Store(p.cfg)
	require.NoError(t, p.openReadModel(t.Context()))
	t.Cleanup(p.closeReadModel)
	p.openTargets()
	return p
}

// What the configuration and its files name is shown, by an agent probed too;
// what is registered an agent cannot know.
func TestTargetsOfTheConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shops.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"targets": ["shop-2"], "labels": {"tier": "gold"}}]`), 0o600))
	service := config.Service{Name: "shops", Fleet: &config.Fleet{}, Targets: &config.Targets{
		List: []health.Target{{Name: "shop-1"}}, FileSD: file,
	}}
	registered := config.Service{Name: "kiosks", Fleet: &config.Fleet{}, Targets: &config.Targets{API: true}}
	cfg := &config.Config{Services: []config.Service{service, registered}}

	p := (&process{cfg: cfg}).open(t)
	shown, total, err := p.board.Targets("shops", board.TargetFilter{})
	require.NoError(t, err)
	require.Equal(t, 2, total)
	require.Equal(t, []string{"shop-1", "shop-2"}, []string{shown[0].Name, shown[1].Name})

	agent := (&process{cfg: cfg, flags: flags{agent: true, vantage: "eu"}}).open(t)
	list, err := agent.targets.List("shops")
	require.NoError(t, err)
	require.Equal(t, 2, list.Len())
	_, err = agent.targets.List("kiosks")
	require.Error(t, err)
}
