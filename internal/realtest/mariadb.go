package realtest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// The superuser and the database of every MariaDB of a test.
const (
	mariaUser     = "tester"
	mariaDatabase = "test"
)

// MariaDBServer is a MariaDB that a test may stop and start.
type MariaDBServer struct {
	*Process
	// DSN leads the superuser to an empty database, as the Go driver writes it.
	DSN string
}

// MariaDB starts a MariaDB for this test; args are added to its command line
// ("--max-connections=5").
func MariaDB(t testing.TB, args ...string) *MariaDBServer {
	t.Helper()
	path := Binary(t, "mariadbd", "apt-get install mariadb-server")
	install := Binary(t, "mariadb-install-db", "apt-get install mariadb-server")
	owner, address := packageUser(t, "mysql"), FreeAddress(t)
	dir := openDir(t, "paramedic-test-mariadb-")
	password, start := rand.Text(), filepath.Join(dir, "start.sql")
	writeFile(t, start, fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s;\nGRANT ALL ON *.* TO %s@'%%' IDENTIFIED BY '%s' WITH GRANT OPTION;\n",
		mariaDatabase, mariaUser, password))
	giveTo(t, owner, dir, start)
	data := "--datadir=" + filepath.Join(dir, "data")
	output, err := command(owner, install, "--no-defaults", data,
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve").CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, output)
	}
	_, port, _ := net.SplitHostPort(address)
	base := []string{
		"--no-defaults", data, "--init-file=" + start, "--bind-address=127.0.0.1", "--port=" + port,
		"--socket=" + filepath.Join(dir, "socket"), "--pid-file=" + filepath.Join(dir, "pid"), "--skip-name-resolve",
		"--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--character-set-server=utf8mb4",
	}
	dsn := fmt.Sprintf("%s:%s@tcp(%s)/%s", mariaUser, password, address, mariaDatabase)
	return &MariaDBServer{DSN: dsn, Process: Run(t, Command{
		Addr: address, Path: path, Args: append(base, args...), Dir: dir, Credential: owner,
		Ready: func(ctx context.Context) error { return pingMariaDB(ctx, dsn) },
	})}
}

func pingMariaDB(ctx context.Context, dsn string) error {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return err
	}
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	return db.PingContext(ctx)
}

// openDir makes a directory that other users than the test's own can reach; it
// is removed when the test ends.
func openDir(t testing.TB, prefix string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		t.Fatalf("make a directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// packageUser is who runs a server that root must not run: the user of Debian's
// package. It is nil for whoever is not root.
func packageUser(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		Skip(t, "root may not run this server, and there is no user %s (%v)", name, err)
	}
	uid, _ := strconv.ParseUint(found.Uid, 10, 32)
	gid, _ := strconv.ParseUint(found.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// giveTo gives files to who runs the server.
func giveTo(t testing.TB, owner *syscall.Credential, paths ...string) {
	t.Helper()
	if owner == nil {
		return
	}
	for _, path := range paths {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatalf("give %s to who runs the server: %v", path, err)
		}
	}
}

// MariaDBCertificate returns the arguments of a MariaDB that offers TLS.
func MariaDBCertificate(t testing.TB, certificate tls.Certificate) []string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatalf("write a private key: %v", err)
	}
	owner, dir := packageUser(t, "mysql"), openDir(t, "paramedic-test-mariadb-tls-")
	certFile, keyFile := filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	giveTo(t, owner, dir, certFile, keyFile)
	return []string{"--ssl-cert=" + certFile, "--ssl-key=" + keyFile}
}
