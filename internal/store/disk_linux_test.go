package store_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
	"paramedic/internal/store"
)

// smallDisk mounts a file system of so many bytes for this test.
func smallDisk(t *testing.T, bytes string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes); errors.Is(err, os.ErrPermission) {
		realtest.Skip(t, "only root can mount a small disk (%v)", err)
	} else {
		require.NoError(t, err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// TestFullDisk: a write that finds no room fails and leaves nothing half done;
// reading goes on, and so does writing once there is room.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "8m")
	location := filepath.Join(dir, "store.db")
	s := open(t, location)
	fleet := newFleet(100, noon, time.Second)
	write(t, s, fleet.batch(1000))
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)

	var failure error
	lost := store.Batch{}
	written := fleet.made
	for range 100 {
		lost = fleet.batch(1000)
		if failure = s.Write(t.Context(), lost); failure != nil {
			break
		}
		written = fleet.made
	}
	require.ErrorContains(t, failure, location+": write: ")
	require.ErrorContains(t, failure, "full")
	require.Equal(t, written, probesOf(t, s, fleet), "nothing half done")

	require.NoError(t, os.Remove(ballast))
	write(t, s, lost)
	require.Equal(t, written+1000, probesOf(t, s, fleet))
	again, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, written+1000, probesOf(t, again, fleet))
	require.NoError(t, again.Close())
}

// fill leaves next to no room on a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
}

// probesOf counts all that are in the sums of days.
func probesOf(t *testing.T, s *store.Store, f *fleet) (count int) {
	t.Helper()
	for service := range f.services {
		count += day(t, s, store.Key{Service: name(service)}).Probes
	}
	return count
}

// TestNoRoomToBegin: the error says where there is no room.
func TestNoRoomToBegin(t *testing.T) {
	dir := smallDisk(t, "64k")
	fill(t, filepath.Join(dir, "ballast"))
	location := filepath.Join(dir, "store.db")
	_, err := store.Open(t.Context(), location, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, location)
	t.Log(err)
}

// TestStartOnAFullDisk: a store that cannot be opened for want of room is not
// broken, and opens once there is room.
func TestStartOnAFullDisk(t *testing.T) {
	dir := smallDisk(t, "1m")
	for name, first := range map[string]bool{"new": false, "known": true} {
		location, quiet := filepath.Join(dir, name+".db"), slog.New(slog.DiscardHandler)
		if first {
			s, err := store.Open(t.Context(), location, quiet)
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
		ballast := filepath.Join(dir, "ballast")
		fill(t, ballast)
		s, err := store.At(location, quiet)
		require.NoError(t, err)
		err = s.Migrate(t.Context())
		require.Error(t, err)
		require.True(t, store.MayPass(err), err)
		require.ErrorContains(t, err, "full")
		require.NoError(t, os.Remove(ballast))
		require.NoError(t, s.Migrate(t.Context()))
		require.NoError(t, s.Close())
	}
}
