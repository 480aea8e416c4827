package process

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// plant is a data pipeline: real servers, and stand-ins for what is only reached
// over the internet.
type plant struct {
	clickhouse, redis *realtest.Process
	s3                *realtest.S3Server
	postgres          *url.URL
	web               *httptest.Server

	mu    sync.Mutex
	mails []url.Values
}

const plantPassword = "the-password-of-the-plant"

func newPlant(t *testing.T) *plant {
	t.Helper()
	p := &plant{
		clickhouse: realtest.ClickHouse(t), redis: realtest.Redis(t, "--requirepass", plantPassword), s3: realtest.S3(t),
	}
	var err error
	p.postgres, err = url.Parse(realtest.PostgreSQL(t))
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rest/v1/sync", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Apikey") == "anon" && r.Header.Get("Authorization") == "Bearer anon" {
			fmt.Fprintf(w, `[{"finished_at":%q}]`, ago(5*time.Minute))
		}
	})
	mux.HandleFunc("GET /internal/pipeline", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"tier":"primary","failover":{"standby_reachable":true,"last_event":%q,"duration_seconds":42},"wal":{"pending_replays":4},"dlq":{
			"s2s":{"last_attempt":%q,"last_result":"ok","recovered_today":12},"pixel":{"last_attempt":%[2]q,"last_result":"HTTP 503","recovered_today":0},
			"click":{"last_attempt":%[2]q,"last_result":"ok","recovered_today":7}}}`, ago(26*time.Hour), ago(10*time.Minute))
	})
	mux.HandleFunc("POST /v3/mg.example.com/messages", p.takeMail)
	p.web = httptest.NewServer(mux)
	t.Cleanup(p.web.Close)
	p.fill(t)
	return p
}

func ago(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }

// takeMail is what Mailgun does with a message.
func (p *plant) takeMail(w http.ResponseWriter, r *http.Request) {
	if _, key, _ := r.BasicAuth(); key != plantPassword || r.ParseForm() != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mails = append(p.mails, r.PostForm)
	_, _ = w.Write([]byte(`{"id":"<1@mg.example.com>","message":"Queued. Thank you."}`))
}

func (p *plant) received() []url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]url.Values(nil), p.mails...)
}

// fill puts the data of a pipeline that works into the servers.
func (p *plant) fill(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	conn, err := clickhouse.Open(&clickhouse.Options{Addr: []string{p.clickhouse.Addr}})
	require.NoError(t, err)
	for _, statement := range []string{
		"CREATE DATABASE ingest",
		"CREATE TABLE ingest.events (received_at DateTime, id UInt64) ENGINE = MergeTree PARTITION BY toYYYYMM(received_at) ORDER BY id",
		"INSERT INTO ingest.events SELECT now() - 120 - number, number FROM system.numbers LIMIT 3",
	} {
		require.NoError(t, conn.Exec(ctx, statement), statement)
	}
	require.NoError(t, conn.Close())
	queues := redis.NewClient(&redis.Options{Addr: p.redis.Addr, Password: plantPassword})
	require.NoError(t, queues.RPush(ctx, "dlq:s2s", "a", "b", "c").Err())
	for range 2 {
		require.NoError(t, queues.XAdd(ctx, &redis.XAddArgs{Stream: "dlq:click", Values: []string{"event", "x"}}).Err())
	}
	require.NoError(t, queues.Close())
	database, err := pgx.Connect(ctx, p.postgres.String())
	require.NoError(t, err)
	for table, rows := range map[string]int{"partner_daily": 3, "geo": 2, "media": 1, "hourly": 4} {
		_, err := database.Exec(ctx, fmt.Sprintf(`CREATE TABLE %s (day date);
			INSERT INTO %[1]s SELECT current_date - n FROM generate_series(1, %d) n; INSERT INTO %[1]s VALUES (current_date - 8)`, table, rows))
		require.NoError(t, err)
	}
	require.NoError(t, database.Close(ctx))
}

// configuration is the example with the addresses of the plant, and the
// environment that it needs.
func (p *plant) configuration(t *testing.T, place *place) (configuration string, env []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository(t), ingestExample))
	require.NoError(t, err)
	wal := filepath.Join(place.dir, "wal")
	require.NoError(t, os.Mkdir(wal, 0o700))
	for name, size := range map[string]int{"1.wal": 100, "2.wal": 200, "lock": 1} {
		require.NoError(t, os.WriteFile(filepath.Join(wal, name), make([]byte, size), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(place.dir, "alert"), []byte("a token\n"), 0o600))
	password, _ := p.postgres.User.Password()
	moves := []string{
		`"127.0.0.1:9000"`, `"` + p.clickhouse.Addr + `"`, "username: paramedic\n        password: \"${CLICK", "username: " + realtest.ClickHouseReader + "\n        password: \"${CLICK",
		`"127.0.0.1:6379"`, `"` + p.redis.Addr + `"`,
		`"${R2_ACCOUNT_ID}.r2.cloudflarestorage.com"`, `"http://` + p.s3.Addr + `"`, "bucket: ingest", "bucket: " + realtest.S3Bucket, "region: auto", "region: us-east-1",
		"https://${SUPABASE_PROJECT}.supabase.co", p.web.URL, "db.${SUPABASE_PROJECT}.supabase.co:5432", p.postgres.Host,
		"username: paramedic\n        password: \"${SUPA", "username: " + p.postgres.User.Username() + "\n        password: \"${SUPA",
		"database: postgres", "database: " + strings.TrimPrefix(p.postgres.Path, "/"),
		"tls: true\n", "tls: false\n", "        ca: /etc/paramedic/supabase.crt\n", "",
		"/var/lib/ingest/wal", wal, "http://127.0.0.1:8090", p.web.URL, "https://ops.example", p.web.URL,
		"/run/secrets/alert", "alert", "region: eu\n", "url: " + p.web.URL + "\n",
		"    language: es\n", "    language: es\n    group_wait: 0s\n",
	}
	for i := 0; i < len(moves); i += 2 {
		require.Contains(t, string(text), moves[i])
	}
	return strings.NewReplacer(moves...).Replace(string(text)), []string{
		"CLICKHOUSE_PASSWORD=" + realtest.ClickHouseReaderPassword, "DRAGONFLY_PASSWORD=" + plantPassword,
		"R2_ACCESS_KEY=" + p.s3.AccessKey, "R2_SECRET_KEY=" + p.s3.SecretKey, "SUPABASE_ANON_KEY=anon",
		"SUPABASE_DB_PASSWORD=" + password, "MAILGUN_KEY=" + plantPassword,
		"PARAMEDIC_ADMIN_SHA256=" + tokenHash(adminSecret), "PARAMEDIC_ALERT_SHA256=" + tokenHash(viewerSecret),
	}
}
