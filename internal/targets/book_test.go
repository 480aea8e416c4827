package targets

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(text []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(text)
}

// take returns what was written since it was called last, without times.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.text.Reset()
	return strings.TrimSpace(j.text.String())
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

// shelf is a registry in memory.
type shelf struct {
	mu    sync.Mutex
	stamp int64
	held  map[string][]health.Target
	err   error
	reads int
}

func (s *shelf) set(service string, targets []health.Target, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stamp++
	s.held[service], s.err = targets, err
}

func (s *shelf) Targets(_ context.Context, service string) ([]health.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	return s.held[service], s.err
}

func (s *shelf) TargetsStamp(context.Context) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stamp, s.err
}

func newShelf() *shelf { return &shelf{held: map[string][]health.Target{}} }

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// names are those of a service's targets, or the error.
func names(b *Book, service string) string {
	list, err := b.List(service)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, target := range list.All() {
		all = append(all, target.Name)
	}
	return strings.Join(all, " ")
}

func TestBookOfTheConfiguration(t *testing.T) {
	var log journal
	b := NewBook(nil, log.logger())
	_, err := b.List("shops")
	require.ErrorIs(t, err, ErrNone)
	b.Keep([]Source{
		{Service: "shops", List: named("b", "a"), ClassOf: func(target health.Target) string { return target.Name }},
		{Service: "desks", List: named("c")},
	})
	require.Equal(t, "a b", names(b, "shops"))
	require.Equal(t, "c", names(b, "desks"))
	list, err := b.List("shops")
	require.NoError(t, err)
	require.Equal(t, map[string]int{"a": 1, "b": 1}, list.Counts())

	b.Keep([]Source{{Service: "shops", List: named("d")}})
	require.Equal(t, "d", names(b, "shops"))
	require.Equal(t, 2, list.Len(), "who has a list keeps it")
	_, err = b.List("desks")
	require.ErrorIs(t, err, ErrNone)
	require.Empty(t, log.take())
}

// A file that was never readable leaves the targets unknown; once it was, its
// targets stay whatever becomes of it.
func TestFileKeepsItsLastGoodTargets(t *testing.T) {
	var log journal
	path := filepath.Join(t.TempDir(), "shops.yml")
	b := NewBook(nil, log.logger())
	source := Source{Service: "shops", List: named("z"), FileSD: path}
	b.Keep([]Source{source})
	_, err := b.List("shops")
	require.ErrorIs(t, err, ErrUnknown)
	require.EqualError(t, err, "service shops: its targets are not known yet: open "+path+": no such file or directory")
	require.Equal(t, `level=WARN msg="the targets are not known yet, and none is probed" service=shops `+
		`error="open `+path+`: no such file or directory"`, log.take())
	b.Keep([]Source{source})
	require.Empty(t, log.take(), "it was told already")

	write(t, path, "- targets: [b, a]")
	b.lookAgain()
	require.Equal(t, "a b z", names(b, "shops"))
	require.Equal(t, `level=INFO msg="the targets can be read again" service=shops`, log.take())

	write(t, path, "- targets: [b, a")
	b.lookAgain()
	b.lookAgain()
	require.Equal(t, "a b z", names(b, "shops"))
	require.Equal(t, `level=WARN msg="the targets are wrong or cannot be read, those read before stay" service=shops `+
		`error="`+path+`:1:1: this is not YAML: did not find expected ',' or ']'; correct the text here"`, log.take())

	// The rest of the configuration is in force all the same.
	source.List = named("y")
	b.Keep([]Source{source})
	require.Equal(t, "a b y", names(b, "shops"))
	require.Empty(t, log.take())

	require.NoError(t, os.Remove(path))
	b.lookAgain()
	require.Equal(t, "a b y", names(b, "shops"))
	require.Contains(t, log.take(), "no such file")

	write(t, path, "[]")
	b.lookAgain()
	require.Equal(t, "y", names(b, "shops"))
	require.Contains(t, log.take(), "can be read again")

	source.FileSD = filepath.Join(t.TempDir(), "other.yml")
	b.Keep([]Source{source})
	_, err = b.List("shops")
	require.ErrorIs(t, err, ErrUnknown, "what another file said is not what this one says")
}

// Of a target in two sources nobody knows which labels it has.
func TestTargetInTwoSources(t *testing.T) {
	var log journal
	path := written(t, "shops.json", `[{"targets": ["b"]}]`)
	b := NewBook(nil, log.logger())
	source := Source{Service: "shops", List: named("a", "b"), FileSD: path}
	b.Keep([]Source{source})
	_, err := b.List("shops")
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, err, "the target b is in the configuration and in "+path+"; remove one of them")
	require.Contains(t, log.take(), "none is probed")

	write(t, path, `[{"targets": ["c"]}]`)
	b.lookAgain()
	require.Equal(t, "a b c", names(b, "shops"))
	log.take()
	write(t, path, `[{"targets": ["a", "d"]}]`)
	b.lookAgain()
	require.Equal(t, "a b c", names(b, "shops"), "the list before stays")
	require.Contains(t, log.take(), "the target a is in the configuration and in "+path)
	source.List = named("b")
	b.Keep([]Source{source})
	require.Equal(t, "a b d", names(b, "shops"))
	require.Contains(t, log.take(), "can be read again")
}

func TestRegisteredTargets(t *testing.T) {
	var log journal
	registry := newShelf()
	eu := map[string]string{"dc": "eu"}
	registry.held["shops"] = []health.Target{{Name: "b", Labels: eu}, {Name: "a", Labels: map[string]string{"dc": "eu"}}}
	b := NewBook(registry, log.logger())
	source := Source{Service: "shops", List: named("z"), API: true}
	b.Keep([]Source{source, {Service: "desks", List: named("c")}})
	_, err := b.List("shops")
	require.ErrorIs(t, err, ErrUnknown)
	require.Empty(t, log.take(), "it is no trouble that the store was not asked yet")

	require.NoError(t, b.Refresh(t.Context(), "shops"))
	require.Equal(t, "a b z", names(b, "shops"))
	b.Keep([]Source{source})
	require.Equal(t, "a b z", names(b, "shops"), "they outlive a reload")

	registry.set("shops", nil, errors.New("no space left"))
	require.EqualError(t, b.Refresh(t.Context(), "shops"), "reading the registered targets of shops: no space left")
	require.Equal(t, "a b z", names(b, "shops"))
	registry.set("shops", named("z"), nil)
	require.ErrorContains(t, b.Refresh(t.Context(), "shops"),
		"the target z is in the configuration and in the registered targets; remove one of them")
	require.Equal(t, "a b z", names(b, "shops"))

	for _, other := range []string{"desks", "nobody"} {
		require.ErrorContains(t, b.Refresh(t.Context(), other), "it has no registered targets")
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	b.turn <- struct{}{}
	require.ErrorIs(t, b.Refresh(over, "shops"), context.Canceled)
}

func TestRegisteredTargetsWithoutAStore(t *testing.T) {
	var log journal
	b := NewBook(nil, log.logger())
	b.Keep([]Source{{Service: "shops", API: true}})
	_, err := b.List("shops")
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, err, "there is no store here")
	require.ErrorContains(t, b.Refresh(t.Context(), "shops"), "there is no store here")
}

// What another process registers is known here within a second, and a registry
// that does not change is read once.
func TestPollFollowsTheStamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		registry := newShelf()
		registry.set("shops", named("a"), errors.New("no connection"))
		b := NewBook(registry, log.logger())
		source := Source{Service: "shops", API: true}
		b.Keep([]Source{source})
		ctx, cancel := context.WithCancel(t.Context())
		asked := make(chan struct{})
		var polls sync.WaitGroup
		polls.Go(func() { b.poll(ctx, asked) })
		defer polls.Wait()
		defer cancel()

		time.Sleep(3*time.Second + time.Millisecond)
		require.EqualError(t, errorOf(b.List("shops")), "service shops: its targets are not known yet: "+
			"its registered targets were not read so far: asking whether registered targets have changed: no connection")
		require.ErrorIs(t, errorOf(b.List("shops")), ErrUnknown)
		require.Equal(t, 1, strings.Count(log.take(), "registered targets cannot be read"))

		registry.set("shops", named("a"), nil)
		time.Sleep(time.Second)
		require.Equal(t, "a", names(b, "shops"))
		require.Equal(t, `level=INFO msg="registered targets can be read again"`, log.take())
		reads := registry.reads
		time.Sleep(time.Minute)
		require.Equal(t, reads, registry.reads)

		registry.set("shops", named("a", "b"), nil)
		time.Sleep(time.Second)
		require.Equal(t, "a b", names(b, "shops"))

		b.Keep([]Source{source, {Service: "desks", API: true}})
		asked <- struct{}{}
		synctest.Wait()
		require.Empty(t, names(b, "desks"), "a new service is read though nothing was registered")
		require.NoError(t, errorOf(b.List("desks")))
	})
}

func errorOf(_ *List, err error) error { return err }

// A change of a file is seen, also if the file is replaced, and if Kubernetes
// turns a link to it.
func TestRunSeesChangesOfFiles(t *testing.T) {
	directory := t.TempDir()
	plain, linked := filepath.Join(directory, "plain.yml"), filepath.Join(directory, "linked.yml")
	for _, version := range []string{"one", "two"} {
		require.NoError(t, os.Mkdir(filepath.Join(directory, version), 0o755))
		write(t, filepath.Join(directory, version, "linked.yml"), "- targets: ["+version+"]")
	}
	require.NoError(t, os.Symlink("one", filepath.Join(directory, "data")))
	require.NoError(t, os.Symlink("data/linked.yml", linked))
	write(t, plain, "- targets: [a]")
	var log journal
	b := NewBook(nil, log.logger())
	b.Keep([]Source{{Service: "plain", FileSD: plain}, {Service: "linked", FileSD: linked}})
	stop := running(t, b)
	defer stop()

	eventually := func(service, want string) {
		t.Helper()
		require.Eventually(t, func() bool { return names(b, service) == want }, 20*time.Second, 10*time.Millisecond,
			"%s: %s", service, want)
	}
	eventually("linked", "one")
	write(t, plain, "- targets: [a, b]")
	eventually("plain", "a b")
	write(t, plain+".new", "- targets: [c]")
	require.NoError(t, os.Rename(plain+".new", plain))
	eventually("plain", "c")
	require.NoError(t, os.Symlink("two", filepath.Join(directory, "data.new")))
	require.NoError(t, os.Rename(filepath.Join(directory, "data.new"), filepath.Join(directory, "data")))
	eventually("linked", "two")

	other := filepath.Join(t.TempDir(), "other.json")
	b.Keep([]Source{{Service: "plain", FileSD: other}})
	require.Contains(t, names(b, "plain"), "not known yet")
	require.Eventually(t, func() bool { return len(b.kept) == 0 }, 10*time.Second, time.Millisecond)
	write(t, other, `[{"targets": ["d"]}]`)
	eventually("plain", "d")
}

// running runs a book; stop ends it and waits.
func running(t *testing.T, b *Book) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	return func() {
		cancel()
		require.NoError(t, <-done)
	}
}

// People see no secret that a label of the configuration holds; probes do, and
// so does whoever sorts by class. What others have registered stays as it is.
func TestSecretsInLabelsAreNotShown(t *testing.T) {
	registry := &shelf{held: map[string][]health.Target{"shops": {{Name: "b", Labels: map[string]string{"zone": "secret"}}}}}
	book := NewBook(registry, slog.New(slog.DiscardHandler))
	source := Source{
		Service: "shops", API: true,
		List:    []health.Target{{Name: "a", Labels: map[string]string{"zone": "secret", "tier": "gold"}}, {Name: "c", Labels: map[string]string{"tier": "gold"}}},
		ClassOf: func(target health.Target) string { return target.Labels["zone"] },
		Mask:    func(text string) string { return strings.ReplaceAll(text, "secret", "***") },
	}
	book.Keep([]Source{source})
	require.NoError(t, book.Refresh(t.Context(), "shops"))

	list, err := book.List("shops")
	require.NoError(t, err)
	shown, err := book.Shown("shops")
	require.NoError(t, err)
	require.Equal(t, "secret", list.All()[0].Labels["zone"])
	masked := health.Target{Name: "a", Labels: map[string]string{"zone": "***", "tier": "gold"}}
	require.Equal(t, []health.Target{masked, list.All()[1], list.All()[2]}, shown.All())
	require.Equal(t, []health.Target{masked, list.All()[1]}, shown.Class("secret"))
	require.Equal(t, list.Counts(), shown.Counts())

	// A contradiction leaves both as they are.
	registry.set("shops", named("a"), nil)
	require.ErrorIs(t, book.Refresh(t.Context(), "shops"), errRefused)
	same, err := book.Shown("shops")
	require.NoError(t, err)
	require.Same(t, shown, same)

	source.Mask, source.API = nil, false
	book.Keep([]Source{source})
	list, err = book.List("shops")
	require.NoError(t, err)
	shown, err = book.Shown("shops")
	require.NoError(t, err)
	require.Same(t, list, shown)
	_, err = book.Shown("nobody")
	require.ErrorIs(t, err, ErrNone)
}
