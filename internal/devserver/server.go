//go:build !noembed

package devserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
)

// Embedded tells whether this build holds the server.
const Embedded = true

const (
	serverLogFile = "temporal.log"
	// startTimeout bounds Start; it takes about half a second.
	startTimeout = 30 * time.Second
)

// Start runs the server and its Web UI until Stop. When it returns, both
// answer, and the namespace is there with its retention and search attributes.
// The error names the flag or the directory that has to change.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	at, err := choosePorts(o.Port, o.UIPort)
	if err != nil {
		return nil, err
	}
	lock, err := openDir(o.Dir)
	if err != nil {
		return nil, err
	}
	running := &parts{lock: lock, failed: make(chan error, 1)}
	if err := running.start(ctx, o, at); err != nil {
		if isDiskFull(err) {
			err = dirError(o.Dir, err)
		}
		return nil, errors.Join(err, running.stop())
	}
	return &Server{
		address:   hostPort(at.frontend),
		uiAddress: hostPort(at.ui),
		namespace: o.Namespace,
		failed:    running.failed,
		stop:      sync.OnceValue(running.stop),
	}, nil
}

// parts is what has been started so far, in this order.
type parts struct {
	lock   *flock.Flock
	log    *logFile
	level  slog.LevelVar
	store  string
	server temporal.Server
	stopUI func()
	failed chan error
}

func (p *parts) start(ctx context.Context, o Options, at ports) error {
	var err error
	if p.log, err = openLogFile(filepath.Join(o.Dir, serverLogFile), logFileLimit); err != nil {
		return dirError(o.Dir, err)
	}
	if p.store, err = prepareStore(ctx, o.Dir, o.Log); err != nil {
		return err
	}
	store := storeConfig(p.store)
	if err := prepareNamespace(ctx, store, o); err != nil {
		return err
	}
	p.level.Set(slog.LevelWarn)
	log := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: &p.level}))
	if err := p.startServer(serverConfig(at, store), hosts(at), log); err != nil {
		return err
	}
	if err := awaitFrontend(ctx, hostPort(at.frontend), log); err != nil {
		return err
	}
	p.stopUI, err = startUI(ctx, at, o.Namespace)
	return err
}

// awaitFrontend returns when the server answers a client.
func awaitFrontend(ctx context.Context, address string, log *slog.Logger) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: address, Logger: sdklog.NewStructuredLogger(log)})
	if err != nil {
		return fmt.Errorf("embedded Temporal server on %s does not answer: %w", address, err)
	}
	c.Close()
	return nil
}

// startServer returns when all four services run or one of them failed. The
// server bounds its start itself, and cannot be interrupted in it.
func (p *parts) startServer(cfg *config.Config, at staticHosts, log *slog.Logger) error {
	started := make(chan error, 1)
	go func() {
		// A fatal error ends this goroutine in the middle; see serverLog.Fatal.
		defer close(started)
		server, err := temporal.NewServer(
			temporal.ForServices(temporal.DefaultServices),
			temporal.WithConfig(cfg),
			temporal.WithStaticHosts(at),
			temporal.WithDynamicConfigClient(dynamicConfig()),
			temporal.WithLogger(serverLog{log: log, fail: p.fail}),
			temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
			temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
				return authorization.NewNoopClaimMapper()
			}),
		)
		if err == nil {
			err = server.Start()
		}
		if err == nil {
			p.server = server
		}
		started <- err
	}()
	err, returned := <-started
	if !returned {
		err = <-p.failed
	}
	if err != nil {
		return fmt.Errorf("start embedded Temporal server: %w", err)
	}
	return nil
}

// fail passes the first fatal error on and drops the others, which follow from it.
func (p *parts) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// stop ends what was started, in reverse order.
func (p *parts) stop() error {
	var errs []error
	if p.stopUI != nil {
		p.stopUI()
	}
	if p.server != nil {
		// Services that stop warn of each other's absence.
		p.level.Set(slog.LevelError)
		errs = append(errs, stopWithin(stopTimeout, p.server.Stop))
		errs = append(errs, checkpoint(context.Background(), p.store))
	}
	if p.log != nil {
		errs = append(errs, p.log.Close())
	}
	return errors.Join(append(errs, p.lock.Close())...)
}

// stopWithin runs stop and stops waiting for it after limit: the process is
// about to end, and everything worth keeping is already in the file.
func stopWithin(limit time.Duration, stop func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(limit):
		return fmt.Errorf("embedded Temporal server did not stop within %s", limit)
	}
}
