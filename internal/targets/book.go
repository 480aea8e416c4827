package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"paramedic/internal/health"
)

// Book keeps the current list of targets of every service. It is safe for
// concurrent use.
type Book struct {
	registry Registry
	log      *slog.Logger
	// kept tells Run that there are other sources.
	kept chan struct{}
	// turn is held by whoever reads the registry, so that no older answer comes
	// after a newer one.
	turn chan struct{}

	// change is held by whoever changes pages.
	change sync.Mutex
	pages  map[string]*page

	mu    sync.RWMutex
	lists map[string]answer
}

// answer is what List and Shown say of a service.
type answer struct {
	list, shown *List
	err         error
}

// page is what is known of one service.
type page struct {
	source Source
	// disguises are the labels that people see instead of those with a secret.
	disguises map[string]map[string]string
	file      *file // nil if there is none
	// registered are the targets of the registry, once they were read.
	registered []health.Target
	read       bool
	// unread is why they could not be, if that was tried.
	unread error
	// told is the trouble that the log has last heard of.
	told string
}

// NewBook returns a book without services. The registry is nil where there is
// no store.
func NewBook(registry Registry, log *slog.Logger) *Book {
	return &Book{
		registry: registry, log: log,
		kept: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		pages: map[string]*page{}, lists: map[string]answer{},
	}
}

// Keep puts the sources of a configuration in force, and reads their files.
// What was read of a source stays for as long as the source does; registered
// targets of a new one are read by Run.
func (b *Book) Keep(sources []Source) {
	b.change.Lock()
	defer b.change.Unlock()
	pages, lists := make(map[string]*page, len(sources)), make(map[string]answer, len(sources))
	for _, source := range sources {
		p := &page{source: source, disguises: disguises(source.List, source.Mask)}
		if source.FileSD != "" {
			p.file = &file{path: source.FileSD}
		}
		before := answer{}
		if old := b.pages[source.Service]; old != nil {
			p.inherit(old)
			before, _ = b.look(source.Service)
		}
		if p.file != nil {
			p.file.look()
		}
		pages[source.Service] = p
		lists[source.Service], _ = b.settle(p, before) // which tells the log
	}
	b.pages = pages
	b.mu.Lock()
	b.lists = lists
	b.mu.Unlock()
	select {
	case b.kept <- struct{}{}:
	default: // it will look anyhow
	}
}

// inherit takes over what was read of the sources that are the same.
func (p *page) inherit(old *page) {
	p.told = old.told
	if p.file != nil && old.file != nil && p.file.path == old.file.path {
		p.file = old.file
	}
	if p.source.API && old.source.API {
		p.registered, p.read, p.unread = old.registered, old.read, old.unread
	}
}

// List returns the targets of a service. The error is ErrUnknown, with the
// reason, while one of its sources could not be read so far, and ErrNone for a
// service that is not configured to have targets.
func (b *Book) List(service string) (*List, error) {
	a, found := b.look(service)
	if !found {
		return nil, fmt.Errorf("service %s: %w", service, ErrNone)
	}
	return a.list, a.err
}

// Shown is List for people to see: secrets in labels of the configuration are
// masked.
func (b *Book) Shown(service string) (*List, error) {
	a, found := b.look(service)
	if !found {
		return nil, fmt.Errorf("service %s: %w", service, ErrNone)
	}
	return a.shown, a.err
}

func (b *Book) look(service string) (answer, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	a, found := b.lists[service]
	return a, found
}

// settle puts the sources of a service together, and tells the log what is
// wrong with them, once. The list before stays for as long as the sources
// contradict each other, which is the error.
func (b *Book) settle(p *page, before answer) (a answer, conflict error) {
	unread := b.missing(p)
	if unread == nil {
		if a.list, conflict = combine(p.parts(), p.source.ClassOf); conflict == nil {
			a.shown = a.list.disguised(p.disguises)
		}
	}
	trouble := cmp.Or(unread, conflict)
	switch {
	case conflict != nil && before.list != nil:
		a.list, a.shown = before.list, before.shown
	case trouble != nil:
		a.err = fmt.Errorf("service %s: %w: %w", p.source.Service, ErrUnknown, trouble)
	case p.file != nil:
		trouble = p.file.err
	}
	b.tell(p, a, trouble)
	return a, conflict
}

// errNotRead says that the registry was not asked yet, which is no trouble, or
// could not be, which poll tells the log for all services at once.
var errNotRead = errors.New("its registered targets were not read so far")

// missing says which source of a service could not be read so far, if any.
func (b *Book) missing(p *page) error {
	switch {
	case p.file != nil && !p.file.read:
		return p.file.err
	case p.source.API && b.registry == nil:
		return errNoRegistry
	case p.source.API && !p.read && p.unread != nil:
		return fmt.Errorf("%w: %w", errNotRead, p.unread)
	case p.source.API && !p.read:
		return errNotRead
	}
	return nil
}

// parts are the sources of a service.
func (p *page) parts() []part {
	parts := []part{{"the configuration", p.source.List}}
	if p.file != nil {
		parts = append(parts, part{p.file.path, p.file.targets})
	}
	if p.source.API {
		parts = append(parts, part{"the registered targets", p.registered})
	}
	return parts
}

// tell tells the log about trouble that it has not heard of, and about its end.
func (b *Book) tell(p *page, a answer, trouble error) {
	text := ""
	if trouble != nil && !errors.Is(trouble, errNotRead) {
		text = trouble.Error()
	}
	if text == p.told {
		return
	}
	switch service := slog.String("service", p.source.Service); {
	case text == "":
		b.log.Info("the targets can be read again", service)
	case a.list == nil:
		b.log.Warn("the targets are not known yet, and none is probed", service, "error", text)
	default:
		b.log.Warn("the targets are wrong or cannot be read, those read before stay", service, "error", text)
	}
	p.told = text
}

// publish puts an answer in force.
func (b *Book) publish(service string, a answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lists[service] = a
}

// Run watches the files and the registry until ctx ends. An error means that
// the files cannot be watched; what was read stays, and it may be run again.
func (b *Book) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var polls sync.WaitGroup
	defer polls.Wait()
	defer cancel()
	asked := make(chan struct{}, 1)
	polls.Go(func() { b.poll(ctx, asked) })
	return b.watch(ctx, asked)
}
