package realtest

import (
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// S3Bucket is the bucket that every S3 server of a test starts with.
const S3Bucket = "backups"

// S3Server is an S3 server over a directory.
type S3Server struct {
	*Process
	AccessKey, SecretKey string
	root                 string
}

// S3 starts a Versity S3 gateway over a directory, with one empty bucket. Its
// endpoint is plain HTTP at Addr, path style.
func S3(t testing.TB) *S3Server {
	t.Helper()
	path := Binary(t, "versitygw",
		"GOBIN=$PWD/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0")
	root, address := t.TempDir(), FreeAddress(t)
	if err := os.Mkdir(filepath.Join(root, S3Bucket), 0o755); err != nil {
		t.Fatalf("make the bucket: %v", err)
	}
	server := &S3Server{AccessKey: "test-access", SecretKey: rand.Text(), root: root}
	server.Process = Run(t, Command{
		Addr: address, Path: path, Dir: t.TempDir(),
		Args: []string{"--port", address, "--keep-alive", "--quiet", "posix",
			"--sidecar", t.TempDir(), root},
		Env: []string{
			"ROOT_ACCESS_KEY_ID=" + server.AccessKey,
			"ROOT_SECRET_ACCESS_KEY=" + server.SecretKey,
		},
	})
	return server
}

// Objects returns the names of all objects in the bucket, read from the disk
// and not through the server, so that nothing can hide.
func (s *S3Server) Objects(t testing.TB) []string {
	t.Helper()
	var names []string
	bucket := filepath.Join(s.root, S3Bucket)
	err := filepath.WalkDir(bucket, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			name, _ := filepath.Rel(bucket, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatalf("list the bucket: %v", err)
	}
	return names
}

// Age makes an object look as if it had been stored that long ago.
func (s *S3Server) Age(t testing.TB, name string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(filepath.Join(s.root, S3Bucket, name), then, then); err != nil {
		t.Fatalf("age %s: %v", name, err)
	}
}
