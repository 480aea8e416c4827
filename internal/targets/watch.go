package targets

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long files must be left alone before they are read: programs
	// write in several steps.
	quiet = 300 * time.Millisecond
	// unrest is how long they are waited for in a directory that is never quiet.
	unrest = 3 * time.Second
	// glance is the time between looks at all files, for directories that do not
	// tell of changes: some network file systems, and those that do not exist.
	glance = 30 * time.Second
)

// watch reads files again when they change, until ctx ends. It hands on to
// poll that there are other sources.
func (b *Book) watch(ctx context.Context, asked chan<- struct{}) error {
	changes, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching files of targets: %w", err)
	}
	defer changes.Close()
	b.follow(changes)
	b.lookAgain() // what has changed before it was watched
	glances := time.NewTicker(glance)
	defer glances.Stop()
	var settled <-chan time.Time
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.kept:
			b.follow(changes)
			b.lookAgain()
			select {
			case asked <- struct{}{}:
			default:
			}
		case err := <-changes.Errors:
			return fmt.Errorf("watching files of targets: %w", err)
		case <-changes.Events:
			if settled == nil {
				since = time.Now()
			}
			settled = time.After(min(quiet, unrest-time.Since(since)))
		case <-settled:
			settled = nil
			b.lookAgain()
		case <-glances.C:
			b.follow(changes)
			b.lookAgain()
		}
	}
}

// follow watches the directories of all files, and no others. Directories, not
// files: programs and Kubernetes replace files. One that cannot be watched is
// looked at now and then.
func (b *Book) follow(changes *fsnotify.Watcher) {
	directories := b.directories()
	for _, watched := range changes.WatchList() {
		if !slices.Contains(directories, watched) {
			_ = changes.Remove(watched) // or it is gone
		}
	}
	for _, directory := range directories {
		_ = changes.Add(directory)
	}
}

func (b *Book) directories() []string {
	b.change.Lock()
	defer b.change.Unlock()
	all := map[string]bool{}
	for _, p := range b.pages {
		if p.file != nil {
			all[filepath.Dir(p.file.path)] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// lookAgain reads every file that has changed.
func (b *Book) lookAgain() {
	b.change.Lock()
	defer b.change.Unlock()
	for service, p := range b.pages {
		if p.file != nil && p.file.look() {
			before, _ := b.look(service)
			a, _ := b.settle(p, before) // which tells the log
			b.publish(service, a)
		}
	}
}
