package targets

import (
	"crypto/sha256"

	"paramedic/internal/health"
)

// file is a file of targets: what was read of it last, and what is wrong with
// it now.
type file struct {
	path    string
	targets []health.Target
	// read is set once it could be read; err is why it cannot now.
	read bool
	err  error
	// seen tells its content from another.
	seen [sha256.Size]byte
}

// look reads the file unless it is as it was, and reports whether something
// has changed. Targets that could be read stay while it is wrong.
func (f *file) look() bool {
	text, err := readFile(f.path)
	if err != nil {
		changed := f.err == nil || f.err.Error() != err.Error()
		f.err, f.seen = err, [sha256.Size]byte{}
		return changed
	}
	seen := sha256.Sum256(text)
	if seen == f.seen {
		return false
	}
	f.seen = seen
	targets, err := parseFileSD(f.path, text)
	if f.err = err; err == nil {
		f.targets, f.read = targets, true
	}
	return true
}
