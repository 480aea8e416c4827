//go:build !noembed

package devserver

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/log/tag"
)

func TestFatalErrorIsReportedAndDoesNotEndTheProcess(t *testing.T) {
	var (
		out    bytes.Buffer
		failed []error
	)
	log := serverLog{log: slog.New(slog.NewTextHandler(&out, nil)), fail: func(err error) { failed = append(failed, err) }}
	ended, returned := make(chan struct{}), false
	go func() {
		defer close(ended)
		log.With(tag.Service("frontend")).Fatal("cannot listen", tag.Error(errors.New("port taken")))
		returned = true
	}()
	<-ended
	require.False(t, returned, "the server relies on Fatal not returning")
	require.Len(t, failed, 1)
	require.EqualError(t, failed[0], "embedded Temporal server: cannot listen: port taken")
	require.Contains(t, out.String(), `level=ERROR msg="cannot listen" service=frontend`)
}

func TestLogFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), serverLogFile)
	file, err := openLogFile(path, 100)
	require.NoError(t, err)
	for range 10 {
		_, err := file.Write([]byte(strings.Repeat("x", 39) + "\n"))
		require.NoError(t, err)
	}
	require.NoError(t, file.Close())
	require.NoError(t, file.Close(), "a second Close is harmless")
	_, err = file.Write([]byte("late"))
	require.NoError(t, err, "a goroutine that outlives the server may still log")
	for _, name := range []string{path, path + ".1"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(100), name)
	}
}
