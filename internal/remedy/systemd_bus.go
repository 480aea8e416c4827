package remedy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	systemd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

const (
	// callLimit bounds each exchange with systemd that is not the restart
	// itself; they take milliseconds.
	callLimit = 10 * time.Second
	// privateSocket is where systemd itself listens, for root only.
	privateSocket = "/run/systemd/private"
	// jobDone is the result of a job that succeeded, and jobFailed that of one
	// that failed for the unit's own sake, not for a dependency's; see systemd's
	// D-Bus interface, org.freedesktop.systemd1(5), JobRemoved.
	jobDone   = "done"
	jobFailed = "failed"
)

// systemdBus is a connection to one systemd.
type systemdBus struct {
	conn *systemd.Conn
	// raw are the two connections that conn consists of: for calls and for
	// signals. Their contexts end when they are lost.
	raw []*dbus.Conn
}

// dialSystemd connects to the systemd behind a socket; empty means the system
// bus, and as root systemd's own socket where there is no bus.
//
// A bus wants to be greeted with Hello, and systemd itself never answers that
// one. Its own socket is told by its name, which is always the same.
func dialSystemd(ctx context.Context, socket string) (*systemdBus, error) {
	if socket != "" {
		dial := func(opts ...dbus.ConnOption) (*dbus.Conn, error) { return dialSocket(socket, opts...) }
		return dialBus(ctx, dial, filepath.Base(socket) != filepath.Base(privateSocket))
	}
	bus, err := dialBus(ctx, dbus.SystemBusPrivate, true)
	if err == nil || os.Geteuid() != 0 {
		return bus, err
	}
	direct, directErr := dialSystemd(ctx, privateSocket)
	if directErr != nil {
		return nil, errors.Join(err, directErr)
	}
	return direct, nil
}

func dialSocket(path string, opts ...dbus.ConnOption) (*dbus.Conn, error) {
	return dbus.Dial("unix:path="+dbus.EscapeBusAddressValue(path), opts...)
}

type dialFunc func(...dbus.ConnOption) (*dbus.Conn, error)

func dialBus(ctx context.Context, dial dialFunc, hello bool) (*systemdBus, error) {
	bus := &systemdBus{}
	conn, err := systemd.NewConnection(func() (*dbus.Conn, error) {
		raw, err := dial(dbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		if err := greet(ctx, raw, hello); err != nil {
			_ = raw.Close()
			return nil, err
		}
		bus.raw = append(bus.raw, raw)
		return raw, nil
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to systemd: %w", err)
	}
	bus.conn = conn
	return bus, nil
}

// greet authenticates, and says hello to a bus.
func greet(ctx context.Context, raw *dbus.Conn, hello bool) error {
	// Only closing ends an exchange with somebody who does not answer.
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	// The user's number and not the name, which a static binary may be unable
	// to look up.
	err := raw.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))})
	if err == nil && hello {
		err = raw.Hello()
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (b *systemdBus) close() { b.conn.Close() }

// unit reads the state of a unit; systemd loads it if it has not yet.
func (b *systemdBus) unit(ctx context.Context, name string) (unit, error) {
	properties, err := b.properties(ctx, name)
	if err != nil {
		return unit{}, err
	}
	return newUnit(name, properties), nil
}

func (b *systemdBus) properties(ctx context.Context, name string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	properties, err := b.conn.GetAllPropertiesContext(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the unit: %w", err)
	}
	return properties, nil
}

var errBusLost = errors.New("the connection to systemd was lost while the restart was under way")

// restart asks for a restart and returns the job's result: done, failed,
// canceled, timeout, dependency or skipped.
func (b *systemdBus) restart(ctx context.Context, name string) (string, error) {
	result := make(chan string, 1)
	if _, err := b.conn.RestartUnitContext(ctx, name, "replace", result); err != nil {
		return "", fmt.Errorf("asking systemd: %w", err)
	}
	select {
	case text := <-result:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	case <-b.raw[0].Context().Done():
	case <-b.raw[1].Context().Done():
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return "", errBusLost
}

// resetFailed forgets that a unit has failed and how often it was started.
func (b *systemdBus) resetFailed(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := b.conn.ResetFailedUnitContext(ctx, name); err != nil {
		return fmt.Errorf("resetting the start limit: %w", err)
	}
	return nil
}

// refusals are the answers of systemd and of the bus that stay the same
// however often one asks, with what to do about them.
var refusals = map[string]string{
	"org.freedesktop.DBus.Error.AccessDenied":                     accessHint,
	"org.freedesktop.DBus.Error.AuthFailed":                       accessHint,
	"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": accessHint,
	"org.freedesktop.systemd1.NoSuchUnit":                         "check the unit's name",
	"org.freedesktop.systemd1.UnitMasked":                         "unmask the unit",
	"org.freedesktop.systemd1.BadUnitSetting":                     "correct the unit file",
	"org.freedesktop.systemd1.LoadFailed":                         "correct the unit file",
	"org.freedesktop.systemd1.OnlyByDependency":                   "the unit refuses to be started or stopped by hand",
}

const accessHint = "run the worker as root, or allow its user the action " +
	"org.freedesktop.systemd1.manage-units for this unit in a polkit rule"

// refusal makes err final if systemd will not change its mind, and adds what
// to do then.
func refusal(err error) error {
	if _, final := errors.AsType[Final](err); final {
		return err
	}
	if errors.Is(err, os.ErrPermission) {
		return Final{fmt.Errorf("%w; %s", err, accessHint)}
	}
	if answer, ok := errors.AsType[dbus.Error](err); ok {
		if hint, final := refusals[answer.Name]; final {
			return Final{fmt.Errorf("%w; %s", err, hint)}
		}
	}
	return err
}
