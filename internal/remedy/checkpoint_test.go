package remedy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
	"paramedic/internal/remedy"
)

// fileCheckpoint keeps the state in a file, so that it outlives the process.
type fileCheckpoint struct {
	path string
	// saved is called once the state is durable.
	saved func()
}

func (c fileCheckpoint) Load(state any) (bool, error) {
	text, err := os.ReadFile(c.path)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, json.Unmarshal(text, state)
}

func (c fileCheckpoint) Save(_ context.Context, state any) error {
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.path+".new", text, 0o644); err != nil {
		return err
	}
	if err := os.Rename(c.path+".new", c.path); err != nil {
		return err
	}
	if c.saved != nil {
		c.saved()
	}
	return nil
}

// fresh is the checkpoint of an attempt that begins.
func fresh(t *testing.T) fileCheckpoint { return fileCheckpoint{path: t.TempDir() + "/checkpoint"} }

var errNotDurable = errors.New("the server cannot be reached")

// brokenCheckpoint cannot save.
type brokenCheckpoint struct{}

func (brokenCheckpoint) Load(any) (bool, error)          { return false, nil }
func (brokenCheckpoint) Save(context.Context, any) error { return errNotDurable }

// open validates options and opens their remedy.
func open(t *testing.T, options remedy.Options) remedy.Remedy {
	t.Helper()
	require.Empty(t, options.Validate())
	r, err := options.Open()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// apply applies options once, as a new attempt or with what an earlier try saved.
func apply(t *testing.T, options remedy.Options, checkpoint remedy.Checkpoint) health.Treatment {
	t.Helper()
	treatment, err := open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
	require.NoError(t, err)
	return treatment
}

func problems(found option.Problems) []string {
	texts := make([]string, 0, len(found))
	for _, p := range found {
		texts = append(texts, fmt.Sprintf("%s: %s", p.Path, p.Text))
	}
	return texts
}

// defaults are the options of a kind with nothing written.
func defaults[T remedy.Options](t *testing.T, name string) T {
	t.Helper()
	for _, kind := range remedy.Kinds() {
		if kind.Name == name {
			options, ok := kind.Options().(T)
			require.True(t, ok, "options of %s", name)
			return options
		}
	}
	require.FailNow(t, "no such kind", name)
	panic("not reached")
}

func TestKindsHaveDistinctNamesAndDocs(t *testing.T) {
	t.Parallel()
	var names []string
	for _, kind := range remedy.Kinds() {
		require.NotContains(t, names, kind.Name)
		names = append(names, kind.Name)
		require.NotEmpty(t, kind.Doc)
		require.NotSame(t, kind.Options(), kind.Options(), "options of %s are shared", kind.Name)
	}
	require.Equal(t, []string{"systemd", "docker", "http", "exec"}, names)
}
