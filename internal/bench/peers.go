package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// peersWindow is how long a peer is measured.
const peersWindow = 2 * time.Minute

// peer is another tool that can probe a town as a worker does: every target
// once a minute, status and body looked at.
type peer struct {
	name string
	// programs are what has to be installed.
	programs []string
	// prepare writes what they are to do into dir, and returns their arguments,
	// one line for each program.
	prepare func(dir string, site *town) ([][]string, error)
	// data is the folder in dir that grows with the checks; empty for none.
	data string
}

var peers = map[string]peer{
	"peer-blackbox": {"blackbox_exporter and Prometheus", []string{"prometheus-blackbox-exporter", "prometheus"}, prepareBlackbox, "data"},
	"peer-monit":    {"Monit", []string{"monit"}, prepareMonit, ""},
}

// peerNames are the peers in the order of their rows.
var peerNames = []string{"peer-blackbox", "peer-monit"}

// withPeers adds the measurements of other tools.
func withPeers(all map[string]measurement) map[string]measurement {
	for name, p := range peers {
		all[name] = p.measure
	}
	return all
}

// measure lets the peer look after a town of as many targets as a worker is
// given. One that is not installed has no values.
func (p peer) measure(ctx context.Context, scale float64, say progress) (found values, err error) {
	for _, program := range p.programs {
		if _, err := exec.LookPath(program); err != nil {
			say("%s is not installed", program)
			return values{}, nil
		}
	}
	dir, err := os.MkdirTemp("", "paramedic-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	site, err := openTown(ctx, max(100, int(min(1, scale)*10_000)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	running, err := p.start(ctx, dir, site)
	if err != nil {
		return nil, err
	}
	found, err = p.look(ctx, dir, site, running, max(targetsInterval, time.Duration(scale*float64(peersWindow))), say)
	return found, errors.Join(err, running.stop())
}

// look measures what a peer costs that is at work.
func (p peer) look(ctx context.Context, dir string, site *town, running programs, window time.Duration, say progress) (values, error) {
	begun := time.Now()
	for site.seen() < len(site.last) {
		if time.Since(begun) > seenLimit {
			return nil, fmt.Errorf("%s has probed only %d of %d targets in %s", p.name, site.seen(), len(site.last), seenLimit)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	say("%s has probed all %d targets after %s; measuring for %s", p.name, len(site.last), time.Since(begun).Round(time.Second), window)
	if err := sleep(ctx, targetsInterval); err != nil {
		return nil, err
	}
	site.openWindow()
	before, err := running.cost()
	if err != nil {
		return nil, err
	}
	bytes, err := sizeOf(filepath.Join(dir, p.data))
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, window); err != nil {
		return nil, err
	}
	after, err := running.cost()
	if err != nil {
		return nil, err
	}
	grown, err := sizeOf(filepath.Join(dir, p.data))
	if err != nil {
		return nil, err
	}
	probes := float64(site.probes.Load())
	found := values{
		"targets": float64(len(site.last)), "probes": probes, "cpu_per_check": milliseconds(after.cpu-before.cpu) / probes,
		"rss_max_mb": after.highest, "gap_max": quantile(site.gaps(0), 1),
	}
	if p.data != "" {
		found["bytes"] = float64(grown-bytes) / probes
	}
	return found, nil
}

// programs are those of a peer that run.
type programs []*program

type program struct {
	command *exec.Cmd
	log     string
	ended   chan error
}

func (p peer) start(ctx context.Context, dir string, site *town) (programs, error) {
	arguments, err := p.prepare(dir, site)
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", p.name, err)
	}
	var running programs
	for i, name := range p.programs {
		one := &program{log: filepath.Join(dir, name+".log"), ended: make(chan error, 1)}
		log, err := os.Create(one.log)
		if err != nil {
			return nil, errors.Join(err, running.stop())
		}
		one.command = exec.CommandContext(ctx, name, arguments[i]...)
		one.command.Dir, one.command.Stdout, one.command.Stderr = dir, log, log
		err = errors.Join(one.command.Start(), log.Close())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("starting %s: %w", name, err), running.stop())
		}
		go func() { one.ended <- one.command.Wait() }() // stop waits for it
		running = append(running, one)
	}
	return running, nil
}

// stop ends the programs. How they end is their own affair.
func (p programs) stop() error {
	var failures []error
	for _, one := range p {
		_ = one.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-one.ended:
		case <-time.After(workerStop):
			failures = append(failures, one.command.Process.Kill())
			<-one.ended
		}
	}
	return errors.Join(failures...)
}

// cost is what programs have used so far.
type cost struct {
	cpu time.Duration
	// highest is their resident memory at its highest, in MB, added up.
	highest float64
}

func (p programs) cost() (sum cost, err error) {
	for _, one := range p {
		cpu, err := cpuTime(one.command.Process.Pid)
		if err != nil {
			said, _ := os.ReadFile(one.log)
			return cost{}, fmt.Errorf("%w; it said:\n%s", err, said[max(0, len(said)-2000):])
		}
		_, highest, err := residentMB(one.command.Process.Pid)
		if err != nil {
			return cost{}, err
		}
		sum.cpu, sum.highest = sum.cpu+cpu, sum.highest+highest
	}
	return sum, nil
}

// sizeOf is how many bytes the files of a folder have.
func sizeOf(folder string) (bytes int64, err error) {
	err = filepath.WalkDir(folder, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return ignoreGone(err)
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return ignoreGone(err)
	})
	return bytes, err
}

// ignoreGone forgives a file that went away meanwhile.
func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func peerRows(measured map[string]values) []row {
	var rows []row
	for _, name := range peerNames {
		m, what := measured[name], fmt.Sprintf("beside it, %s", peers[name].name)
		if len(m) == 0 {
			rows = append(rows, info(what, "not installed"))
			continue
		}
		rows = append(rows, info(fmt.Sprintf("%s, %.0f HTTP targets every minute: CPU a check; memory; bytes a check; longest gap", what, m["targets"]),
			"%.2f ms; %.0f MB; %.0f; %.1f s", m["cpu_per_check"], m["rss_max_mb"], m["bytes"], m["gap_max"]/1000))
	}
	return rows
}
