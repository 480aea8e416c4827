package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"
)

// fleetTarget is one of the targets of gossipy's fleet.
const fleetTarget = "one:80/path"

// gossipy is the configuration: a secret in every place that takes one, and each
// service, receiver and provider is one that repeats what it hears.
const gossipy = `
http:
  listen: "LISTEN"
  public_url: "http://LISTEN"
  status_page: true
  system_alert: [ops, mail, mailgun]
  access:
    tokens:
      - {name: admin, sha256: ADMIN, role: admin}
      - {name: viewer, sha256: VIEWER, role: viewer}
    users: [{name: ana, bcrypt: "BCRYPT", role: operator}]
    oidc: {issuer: "WEB", client_id: paramedic, client_secret: "MARK-oidc", roles: {ops: admin}}
store: {STORE cache: "redis://someone:MARK-cache@REDIS/0"}
heartbeat: {url: "WEB/heartbeat?key=MARK-beat", every: 10s}
defaults: {interval: 5s, retry_interval: 1s, timeout: 1s, failure_threshold: 1, alerts: [ops, log]}
limits: {concurrent_restarts: 9, min_healthy: 0%}
pipeline: {wal: {service: redis}, freshness: {service: clickhouse}}
services:
  - name: redis
    labels: {team: "${PM_ENV}", place: "room ${PM_URL}"}
    impact: "nobody can pay ${PM_ENV}"
    runbook: "WEB/runbook?key=${PM_URL}"
    alerts: [ops, mail, mailgun, alertmanager, push, log]
    probe: {redis: {address: "REDIS", username: watcher, password: "MARK-literal"}}
    remediation:
      settle: 1s
      backoff: [1h]
      steps:
        - exec:
            command: [sh, -c, "echo $ONE; echo $TWO >&2; echo $THREE; echo ${PM_ENV}"]
            env: {ONE: "MARK-exec", TWO: {file: secret}, THREE: "${PM_ENV}"}
  - {name: clickhouse, probe: {clickhouse: {address: "CLICKHOUSE", password: {file: secret}}}}
  - {name: postgres, probe: {postgres: {address: "POSTGRES", username: watcher, password: "MARK-postgres"}}}
  - {name: s3, probe: {s3: {endpoint: "WEB", bucket: bucket, path_style: true, access_key: "${PM_ENV}", secret_key: "MARK-s3"}}}
  - {name: prometheus, probe: {prometheus: {url: "WEB/metrics?key=${PM_URL}", metric: up, token: "MARK-scrape", headers: {apikey: "MARK-scrape-key"}}}}
  - name: http
    probe:
      http:
        url: "WEB/status?key=${PM_URL}"
        token: "MARK-token"
        headers: {apikey: {file: secret}, x-other: "MARK-header"}
        expect: ["text == 'fine'", "headers['x-heard'] == 'nothing'"]
    remediation:
      settle: 1s
      backoff: [1h]
      steps:
        - http: {url: "WEB/restart?key=${PM_URL}", token: "MARK-remedy", headers: {apikey: "MARK-remedy-key"}, body: '{"password": "${PM_ENV}"}'}
  - {name: tcp, probe: {tcp: {address: "TCP", send: "${PM_ENV}", expect_prefix: "fine"}}}
  - {name: mysql, probe: {mysql: {address: "MYSQL", username: watcher, password: "MARK-mysql", queries: {rows: "SELECT '${PM_ENV}-mysql-query'"}}}}
  - {name: rabbitmq, probe: {rabbitmq: {address: "RABBIT", username: watcher, password: "MARK-rabbitmq"}}}
  - {name: smtp, probe: {smtp: {address: "localhost:LOGIN", tls: implicit, ca: "AUTHORITY", username: watcher, password: "MARK-login"}}}
  - {name: grpc, probe: {grpc: {address: "GRPC", token: "MARK-grpc", metadata: {apikey: {file: secret}, x-other: "MARK-metadata", x-bytes-bin: "MARK-bytes"}}}}
  - name: exec
    probe:
      exec:
        command: [sh, -c, "echo $ONE $TWO $THREE ${PM_URL}; echo $ONE >&2; exit 3"]
        env: {ONE: "MARK-exec-probe", TWO: {file: secret}, THREE: "${PM_ENV}"}
        expect: ["stdout == 'fine'", "stderr == ''"]
  - name: fleet
    targets:
      list:
        - {target: "TARGET", labels: {zone: "room-${PM_ENV}-label", shown: "as it is"}}
      file_sd: targets.json
    fleet: {retries: 0}
    probe:
      http:
        url: 'WEB/probe/{{target}}?zone={{label "zone"}}&key=${PM_URL}'
        token: "MARK-fleet"
        headers: {apikey: {file: secret}}
        expect: ["headers['x-heard'] == 'nothing'"]
    remediation:
      settle: 1s
      backoff: [1h]
      steps:
        - http: {url: "WEB/heal/{{target}}", token: "MARK-fleet-remedy", body: '{{label "zone"}}'}
  - name: stranded
    targets: ["two:80"]
    fleet: {retries: 0, control: {http: {url: "WEB/control?key=${PM_URL}", token: "MARK-control"}}}
    probe: {http: {url: "WEB/probe/{{target}}", token: "MARK-stranded"}}
alerts:
  ops: {webhook: {url: "WEB/alerts?key=${PM_URL}", token: {file: secret}, headers: {x-key: "MARK-hook"}}}
  mail: {group_wait: 0s, smtp: {host: 127.0.0.1, port: MAIL, user: paramedic, password: "MARK-smtp", from: paramedic@example.org, to: ["ana@example.org"]}}
  mailgun: {group_wait: 0s, mailgun: {url: "WEB", domain: mg.example.org, key: "MARK-mailgun", from: paramedic@example.org, to: ["ana@example.org"]}}
  alertmanager: {group_wait: 0s, alertmanager: {url: "WEB", user: paramedic, password: "MARK-alertmanager", headers: {apikey: "MARK-alertmanager-key"}}}
  push: {group_wait: 0s, url: {url: "ntfy://NTFY/MARK-topic?scheme=http"}}
`

// told are the secrets that are sent to somebody as they are; the others go out
// as proofs of them, or not at all while nothing works.
var told = []string{
	"-cache", "-beat", "-literal", "-file", "-postgres", "-scrape", "-scrape-key", "-token", "-header", "-remedy", "-remedy-key",
	"-hook", "-mailgun", "-alertmanager", "-alertmanager-key", "-topic", "-oidc", "env", "url",
	"env-mysql-query", "-rabbitmq", "-login", "-grpc", "-metadata", "-bytes", "-fleet", "-fleet-remedy", "-control", "-stranded", "env-label",
}

// circle are the servers that repeat what they hear, and what they have heard.
type circle struct {
	web, redis, clickhouse, postgres, tcp, mail string
	mysql, rabbit, login, grpc                  string
	// authority is the file of the certificate that login has.
	authority string

	mu    sync.Mutex
	heard bytes.Buffer
}

func newCircle(t testing.TB) *circle {
	t.Helper()
	c := &circle{}
	server := httptest.NewServer(http.HandlerFunc(c.gossip))
	t.Cleanup(server.Close)
	c.web = server.URL
	c.redis = c.gossips(t, "", func(heard []byte) []byte {
		return []byte("-ERR you said " + strings.Join(strings.Fields(string(heard)), " ") + "\r\n")
	})
	c.clickhouse = c.gossips(t, "", clickhouseException)
	c.postgres = c.gossips(t, "", postgresError)
	c.tcp = c.gossips(t, "", func(heard []byte) []byte { return heard })
	c.mail = c.gossips(t, "220 tell me\r\n", func(heard []byte) []byte {
		return []byte("550 you said " + strings.Join(strings.Fields(string(heard)), " ") + "\r\n")
	})
	c.mysql = c.gossips(t, mysqlGreeting, mysqlError)
	c.rabbit = c.gossips(t, "", rabbitRefusal)
	c.grpc = c.gossipsGRPC(t)
	c.login, c.authority = c.gossipsLogin(t)
	return c
}

// configuration fills gossipy in. STORE is the store's part of it.
func (c *circle) configuration(listen, store string) string {
	return strings.NewReplacer("LISTEN", listen, "STORE", store, "MARK", mark, "WEB", c.web, "REDIS", c.redis, "CLICKHOUSE", c.clickhouse,
		"POSTGRES", c.postgres, "TCP", c.tcp, "MAIL", port(c.mail),
		"MYSQL", c.mysql, "RABBIT", c.rabbit, "LOGIN", port(c.login), "AUTHORITY", c.authority, "GRPC", c.grpc, "TARGET", fleetTarget, "NTFY", strings.TrimPrefix(c.web, "http://"),
		"ADMIN", tokenHash(adminSecret), "VIEWER", tokenHash(viewerSecret), "BCRYPT", passwordHash).Replace(gossipy)
}

func (c *circle) hear(text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard.Write(text)
}

// all is everything that was heard.
func (c *circle) all() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard.String()
}

// gossip refuses a request and repeats all of it, what is secret first. It is
// also a provider at which people can begin to sign in.
func (c *circle) gossip(w http.ResponseWriter, r *http.Request) {
	heard, err := httputil.DumpRequest(r, true)
	if err != nil {
		heard = []byte(err.Error())
	}
	_, password, _ := r.BasicAuth()
	secrets := strings.Join([]string{password, r.Header.Get("Authorization"), r.Header.Get("Apikey"), r.URL.RawQuery}, " ")
	c.hear([]byte(secrets))
	c.hear(heard)
	if r.URL.Path == "/.well-known/openid-configuration" {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": c.web, "authorization_endpoint": c.web + "/authorize", "token_endpoint": c.web + "/token", "jwks_uri": c.web + "/keys",
		})
		return
	}
	w.Header().Set("X-Heard", secrets)
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(append([]byte(secrets+"\n"), heard...))
}

// gossips is a server that greets, and answers each packet with what is made of it.
func (c *circle) gossips(t testing.TB, greeting string, answer func(heard []byte) []byte) string {
	t.Helper()
	return c.gossipsAt(t, listening(t), greeting, answer)
}

// gossipsAt is gossips where somebody listens already.
func (c *circle) gossipsAt(t testing.TB, listener net.Listener, greeting string, answer func(heard []byte) []byte) string {
	t.Helper()
	var conversations sync.WaitGroup
	conversations.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conversations.Go(func() { c.converse(conn, greeting, answer) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		conversations.Wait()
	})
	return listener.Addr().String()
}

func (c *circle) converse(conn net.Conn, greeting string, answer func(heard []byte) []byte) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write([]byte(greeting))
	heard := make([]byte, 4096)
	for {
		n, err := conn.Read(heard)
		if err != nil {
			return
		}
		c.hear(heard[:n])
		_, _ = conn.Write(answer(heard[:n]))
	}
}

// postgresError asks for the password in the clear, and then refuses it in an
// error that holds it.
func postgresError(heard []byte) []byte {
	if len(heard) == 0 || heard[0] != 'p' {
		return []byte{'R', 0, 0, 0, 8, 0, 0, 0, 3}
	}
	said := strings.Trim(string(heard[5:]), "\x00")
	fields := "SFATAL\x00VFATAL\x00C28P01\x00Myou said " + said + "\x00\x00"
	return append([]byte{'E', 0, 0, 0, byte(4 + len(fields))}, fields...)
}

// clickhouseException is the answer of a server of the native protocol that
// will not have the client: an exception with code, name, message and stack.
func clickhouseException(heard []byte) []byte {
	text := func(s string) []byte { return append(varint(len(s)), s...) }
	answer := []byte{2, 4, 2, 0, 0}
	answer = append(answer, text("DB::Exception")...)
	answer = append(answer, text(fmt.Sprintf("you said %q", heard))...)
	answer = append(answer, text("")...)
	return append(answer, 0)
}

func varint(n int) []byte {
	var encoded []byte
	for ; n >= 0x80; n >>= 7 {
		encoded = append(encoded, byte(n)|0x80)
	}
	return append(encoded, byte(n))
}
