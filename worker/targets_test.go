package main

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"paramedic/internal/board"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/logging"
	"paramedic/internal/option"
	"paramedic/internal/realtest"
	"paramedic/internal/store"
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
// what is registered in a store of one worker an agent cannot know.
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

// An agent at a vantage point follows what is registered in a store that workers
// share, and changes nothing there: not even its tables are its own to make.
func TestAgentReadsRegisteredTargets(t *testing.T) {
	service := config.Service{
		Name: "kiosks", Fleet: &config.Fleet{Vantage: []string{"eu"}}, Targets: &config.Targets{API: true},
	}
	owner, reader := databaseFor(t, "reader")
	at := func(store string) *config.Config {
		return &config.Config{Services: []config.Service{service}, Store: config.Store{URL: option.NewSecret(store)}}
	}
	agent := (&process{cfg: at(reader), flags: flags{agent: true, vantage: "eu"}}).open(t)
	require.Nil(t, agent.store)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = agent.targets.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	_, err := agent.targets.List("kiosks")
	require.Error(t, err)

	p := (&process{cfg: at(owner)}).open(t)
	require.NoError(t, p.store.Migrate(ctx))
	execute(t, owner, "GRANT SELECT ON registered, clock TO reader")
	knows := func(want int) func() bool {
		return func() bool {
			list, err := agent.targets.List("kiosks")
			return err == nil && list.Len() == want
		}
	}
	require.Eventually(t, knows(0), 20*time.Second, 10*time.Millisecond, "it may read")
	_, err = p.store.CreateTarget(ctx, store.Key{Service: "kiosks", Target: "kiosk-1"}, nil, nil)
	require.NoError(t, err)
	require.Eventually(t, knows(1), 20*time.Second, 10*time.Millisecond)
}

// databaseFor makes a database, and a user who has no right in it.
func databaseFor(t *testing.T, user string) (owner, other string) {
	t.Helper()
	owner = realtest.PostgreSQL(t)
	execute(t, owner, "CREATE ROLE "+user+" LOGIN PASSWORD 'secret'")
	address, err := url.Parse(owner)
	require.NoError(t, err)
	address.User = url.UserPassword(user, "secret")
	t.Cleanup(func() { execute(t, owner, "DROP OWNED BY "+user+"; DROP ROLE "+user) })
	return owner, address.String()
}

func execute(t *testing.T, dsn, statements string) {
	t.Helper()
	// The test's context has ended when it cleans up.
	conn, err := pgx.Connect(context.WithoutCancel(t.Context()), dsn)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	_, err = conn.Exec(context.WithoutCancel(t.Context()), statements)
	require.NoError(t, err)
}
