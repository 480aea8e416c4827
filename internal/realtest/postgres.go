package realtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// postgresUser is the superuser of every PostgreSQL of a test.
const postgresUser = "tester"

// postgresDrop forces out whom a test has left connected.
const postgresDrop = "DROP DATABASE %s WITH (FORCE)"

// PostgreSQL returns the connection string of a database of its own, empty, on
// a real server that all tests of this binary share. Both are gone at the end:
// the database with the test, the server with the binary.
func PostgreSQL(t testing.TB) (dsn string) {
	t.Helper()
	return postgresDatabase(t, sharedPostgres(t))
}

// PostgreSQLServer is a PostgreSQL that a test may stop and start.
type PostgreSQLServer struct {
	*Process
	// DSN leads to a database of the test's own.
	DSN string
}

// OwnPostgreSQL starts a PostgreSQL for this test alone; args are added to its
// command line ("-c", "max_connections=5"). What it has committed outlives Kill,
// as it does with users; the shared server, which nobody kills, is faster.
func OwnPostgreSQL(t testing.TB, args ...string) *PostgreSQLServer {
	t.Helper()
	postgresBin(t) // skips before anything is made
	cluster := newPostgresCluster(t, postgresDir(t), FreeAddress(t))
	t.Cleanup(func() { _ = os.RemoveAll(cluster.dir) })
	ready := func(ctx context.Context) error { return pingPostgres(ctx, cluster.dsn) }
	server := &PostgreSQLServer{Process: Run(t, Command{
		Addr: cluster.address, Path: cluster.program("postgres"), Args: append(cluster.args(), args...),
		Dir: cluster.dir, Credential: cluster.owner, Ready: ready,
	})}
	t.Cleanup(server.Kill)
	server.DSN = postgresDatabase(t, cluster.dsn)
	return server
}

// Kill ends the server and its connections without a word to its clients. It is
// PostgreSQL's own "immediate shutdown": after SIGKILL the next start would be
// refused for as long as a child of the old one is there.
func (s *PostgreSQLServer) Kill() {
	select {
	case <-s.exited:
	default:
		s.signal(syscall.SIGQUIT)
		<-s.exited
	}
}

// postgresDatabase makes a database that is dropped when the test ends.
func postgresDatabase(t testing.TB, dsn string) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := execPostgres(dsn, "CREATE DATABASE "+name); err != nil {
		t.Fatalf("create a database for this test: %v", err)
	}
	t.Cleanup(func() {
		// A server that the test has stopped is gone with all its databases.
		if err := execPostgres(dsn, fmt.Sprintf(postgresDrop, name)); err != nil && pingPostgres(context.Background(), dsn) == nil {
			t.Errorf("drop the database of this test: %v", err)
		}
	})
	return strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
}

func execPostgres(dsn, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return closed(conn, err)
}

func pingPostgres(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	return closed(conn, conn.Ping(ctx))
}

// closed closes a connection, and keeps the error that came before.
func closed(conn *pgx.Conn, err error) error {
	if closing := conn.Close(context.Background()); err == nil {
		err = closing
	}
	return err
}

// postgresCluster is a data directory, and how its server is started.
type postgresCluster struct {
	bin     string
	dir     string
	address string
	dsn     string
	// owner is who runs the server; nil means whoever runs the test.
	owner *syscall.Credential
}

// postgresDir makes a directory that is not in the test's own, which nobody
// else may enter.
func postgresDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "paramedic-test-postgres-")
	if err != nil {
		t.Fatalf("make a directory for PostgreSQL: %v", err)
	}
	return dir
}

// newPostgresCluster makes a data directory in dir, whose server listens at address.
func newPostgresCluster(t testing.TB, dir, address string) *postgresCluster {
	t.Helper()
	cluster := &postgresCluster{bin: postgresBin(t), dir: dir, address: address, owner: postgresOwner(t)}
	password := rand.Text()
	secret := filepath.Join(dir, "password")
	writeFile(t, secret, password)
	cluster.give(t, dir, secret)
	output, err := command(cluster.owner, cluster.program("initdb"), "--pgdata="+cluster.data(), "--no-sync",
		"--username="+postgresUser, "--pwfile="+secret, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	cluster.dsn = (&url.URL{
		Scheme: "postgres", User: url.UserPassword(postgresUser, password), Host: address,
		Path: "/postgres", RawQuery: "sslmode=disable",
	}).String()
	return cluster
}

func (c *postgresCluster) data() string { return filepath.Join(c.dir, "data") }

func (c *postgresCluster) program(name string) string { return filepath.Join(c.bin, name) }

// args start a server that listens on loopback only, and keeps what it has
// committed for as long as the machine runs.
func (c *postgresCluster) args() []string {
	_, port, _ := net.SplitHostPort(c.address)
	return []string{"-D", c.data(), "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB"}
}

// give gives files to who runs the server.
func (c *postgresCluster) give(t testing.TB, paths ...string) {
	t.Helper()
	if c.owner == nil {
		return
	}
	for _, path := range paths {
		if err := os.Chown(path, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			t.Fatalf("give %s to who runs PostgreSQL: %v", path, err)
		}
	}
}

// command returns a command that runs as owner.
func command(owner *syscall.Credential, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: owner}
	return cmd
}

// postgresBin returns the directory of PostgreSQL's programs. Debian keeps them
// out of PATH, one directory for each version.
func postgresBin(t testing.TB) string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb"); len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return postgresVersion(a) - postgresVersion(b) }))
	}
	return filepath.Dir(Binary(t, "initdb", "apt-get install postgresql"))
}

// postgresVersion reads the version out of /usr/lib/postgresql/VERSION/bin/initdb.
func postgresVersion(path string) int {
	number, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return number
}

// postgresOwner is who runs the server, since root must not: the user of
// Debian's package.
func postgresOwner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.Lookup("postgres")
	if err != nil {
		Skip(t, "root may not run PostgreSQL, and there is no user postgres (%v)", err)
	}
	uid, _ := strconv.ParseUint(found.Uid, 10, 32)
	gid, _ := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
