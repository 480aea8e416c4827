package realtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// postgresKeeper runs a server until its own input ends, which happens however
// the test binary ends, and leaves nothing behind. Its arguments are the
// directory to remove and the server's command line.
const postgresKeeper = `dir=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- & server=$!
(while read -r _; do :; done; kill -QUIT $server) <&3 & watch=$!
wait $server
kill $watch
cd / && rm -rf -- "$dir"
`

// shared is the server of this test binary, started by the first test that
// wants one.
var shared struct {
	sync.Mutex
	dsn string
	// life is the input of the keeper. It stays open for as long as the binary runs.
	life *os.File
}

// sharedPostgres returns how the superuser reaches the shared server.
func sharedPostgres(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.dsn == "" {
		startShared(t)
	}
	return shared.dsn
}

func startShared(t testing.TB) {
	t.Helper()
	postgresBin(t) // skips before anything is made
	cluster := newPostgresCluster(t, postgresDir(t), FreeAddress(t))
	life, exited := keep(t, cluster)
	if err := waitPostgres(cluster.dsn, exited); err != nil {
		log, _ := os.ReadFile(filepath.Join(cluster.dir, "log"))
		_ = life.Close()
		t.Fatalf("PostgreSQL is not ready: %v\n%s", err, tail(string(log)))
	}
	shared.dsn, shared.life = cluster.dsn, life
}

// keep starts the keeper of a cluster. Its input has to be held; exited is
// closed when it is done.
func keep(t testing.TB, cluster *postgresCluster) (life *os.File, exited <-chan struct{}) {
	t.Helper()
	input, life, err := os.Pipe()
	if err != nil {
		t.Fatalf("make a pipe: %v", err)
	}
	defer func() { _ = input.Close() }()
	log, err := os.Create(filepath.Join(cluster.dir, "log"))
	if err != nil {
		t.Fatalf("make a log of PostgreSQL: %v", err)
	}
	defer func() { _ = log.Close() }()
	args := append([]string{"-c", postgresKeeper, "sh", cluster.dir, cluster.program("postgres")}, cluster.args()...)
	args = append(args, "-c", "synchronous_commit=off") // nobody kills it: what it has answered need not be safe
	keeper := command(cluster.owner, "sh", args...)
	keeper.Stdin, keeper.Stdout, keeper.Stderr = input, log, log
	// In a session of its own it outlives an interrupt of the test for as long
	// as it needs to clean up.
	keeper.SysProcAttr.Setsid = true
	if err := keeper.Start(); err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = keeper.Wait() }()
	return life, done
}

func waitPostgres(dsn string, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := pingPostgres(ctx, dsn)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-exited:
			return errors.Join(errors.New("it has ended"), err)
		case <-ctx.Done():
			return fmt.Errorf("after %v: %w", startLimit, err)
		}
	}
}
