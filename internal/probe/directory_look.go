package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// tally is what a look has found.
type tally struct {
	files          int
	bytes          int64
	newest, oldest time.Time
	// cut is whether there was more than may be looked at.
	cut bool
}

// String writes it for people: "12 files, 3.4 MB".
func (t tally) String() string {
	files := "files"
	if t.files == 1 {
		files = "file"
	}
	return fmt.Sprintf("%d %s, %s", t.files, files, sizeWords(t.bytes))
}

func sizeWords(bytes int64) string {
	size, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB"}
	for len(units) > 1 && size >= 1000 {
		size, units = size/1000, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", size, units[0])
}

// add counts one file.
func (t *tally) add(info fs.FileInfo) {
	written := info.ModTime()
	if t.files == 0 || written.After(t.newest) {
		t.newest = written
	}
	if t.files == 0 || written.Before(t.oldest) {
		t.oldest = written
	}
	t.files++
	t.bytes += info.Size()
}

// look counts the files in the directory.
func (p *directoryProber) look(ctx context.Context) (found tally, err error) {
	switch root, err := os.Stat(p.options.Path); {
	case err != nil:
		return tally{}, p.plain(err)
	case !root.IsDir():
		return tally{}, errors.New("not a directory")
	}
	seen := 0
	for rest := []string{p.options.Path}; len(rest) > 0 && !found.cut; {
		dir := rest[len(rest)-1]
		below, err := p.lookInto(ctx, dir, &seen, &found)
		// Directories come and go while they are looked at; only that of the
		// configuration has to be there.
		if err != nil && (dir == p.options.Path || !errors.Is(err, fs.ErrNotExist)) {
			return found, err
		}
		rest = append(rest[:len(rest)-1], below...)
	}
	return found, nil
}

// lookInto counts the files of one directory and returns those below it.
func (p *directoryProber) lookInto(ctx context.Context, dir string, seen *int, found *tally) (below []string, err error) {
	opened, err := os.Open(dir)
	if err != nil {
		return nil, p.plain(err)
	}
	defer func() { _ = opened.Close() }()
	for {
		entries, err := opened.ReadDir(entryBatch)
		if errors.Is(err, io.EOF) {
			return below, nil
		}
		if err != nil {
			return nil, p.plain(err)
		}
		for _, entry := range entries {
			if *seen++; *seen > p.limit {
				found.cut = true
				return nil, nil
			}
			if entry.IsDir() && p.options.Recursive {
				below = append(below, filepath.Join(dir, entry.Name()))
			}
			if err := p.count(entry, found); err != nil {
				return nil, p.plain(err)
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// count adds an entry if it is a file that counts and is still there.
func (p *directoryProber) count(entry fs.DirEntry, found *tally) error {
	if matches, _ := filepath.Match(p.options.Pattern, entry.Name()); !matches || !entry.Type().IsRegular() {
		return nil
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	found.add(info)
	return nil
}

// plain writes an error of the file system without the name of the call, nor
// that of the directory itself, which the message ends with.
func (p *directoryProber) plain(err error) error {
	var path *fs.PathError
	switch {
	case !errors.As(err, &path):
		return err
	case path.Path == p.options.Path:
		return path.Err
	default:
		return fmt.Errorf("%s: %w", path.Path, path.Err)
	}
}
