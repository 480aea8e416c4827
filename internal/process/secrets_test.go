package process

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"
)

// mark begins every secret of the test; nothing else holds it, nor the four
// bytes of it from which on a secret that was cut short is masked.
const mark = "hush"

// Every kind that takes a secret gets one, from every source there is, and a
// service that answers with what it was sent. None of them comes out anywhere.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	place := newPlace(t, gossipy(t))
	require.NoError(t, os.WriteFile(filepath.Join(place.dir, "secret"), []byte(mark+"-file\n"), 0o600))
	env := []string{"PM_ENV=" + mark + "env", "PM_URL=" + mark + "url"}
	worker := start(t, place.dir, env, workerProgram(t), place.flags("--verbose")...)
	worker.ready()
	services := []string{"redis", "clickhouse", "s3", "http", "tcp"}
	for _, service := range services {
		worker.saying(service + ": incident ")
	}
	worker.saying("redis: ALERT LOST: ops")
	worker.saying("redis: applied: sh succeeded")
	require.Contains(t, worker.stderr.String(), "***", "there was something to mask")

	outputs := map[string][]byte{
		"the status page": page(t, "http://"+place.listen+"/"),
		"/healthz":        page(t, "http://"+place.listen+"/healthz"),
	}
	commands := [][]string{{"validate"}, {"config"}, {"status"}, {"incidents"}, {"apply", "--dry-run"}, {"schema"}}
	for _, service := range services {
		commands = append(commands, []string{"incident", service}, []string{"probe", service})
	}
	for _, command := range commands {
		for _, args := range [][]string{command, append(command, "--json")} {
			got := execute(t, place.dir, append(env, "TEMPORAL_ADDRESS="+place.temporal), starterProgram(t), args...)
			require.NotEmpty(t, got.out+got.errors)
			outputs["starter "+strings.Join(args, " ")] = []byte(got.out + got.errors)
		}
	}
	for id, history := range histories(t, place.temporal) {
		outputs[id] = history
	}
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
	outputs["the worker's output"] = []byte(worker.stdout.String() + worker.stderr.String())
	for path, content := range files(t, filepath.Join(place.dir, "data")) {
		outputs[path] = content
	}
	for name, output := range outputs {
		require.NotContains(t, string(output), mark, name)
	}
}

// gossipy is the configuration: each service is one that repeats what it hears.
func gossipy(t testing.TB) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(gossip))
	t.Cleanup(web.Close)
	redis := gossips(t, func(heard []byte) []byte {
		return []byte("-ERR you said " + strings.Join(strings.Fields(string(heard)), " ") + "\r\n")
	})
	clickhouse := gossips(t, clickhouseException)
	tcp := gossips(t, func(heard []byte) []byte { return heard })
	return strings.NewReplacer("MARK", mark, "WEB", web.URL, "REDIS", redis, "CLICKHOUSE", clickhouse, "TCP", tcp).Replace(`
defaults: {interval: 5s, retry_interval: 1s, timeout: 1s, failure_threshold: 1, alerts: [ops, log]}
limits: {concurrent_restarts: 5}
services:
  - name: redis
    probe: {redis: {address: "REDIS", password: "MARK-literal"}}
    remediation:
      settle: 1s
      backoff: [1h]
      steps:
        - exec:
            command: [sh, -c, "echo $ONE; echo $TWO >&2; echo $THREE"]
            env: {ONE: "MARK-exec", TWO: {file: secret}, THREE: "${PM_ENV}"}
  - {name: clickhouse, probe: {clickhouse: {address: "CLICKHOUSE", password: {file: secret}}}}
  - {name: s3, probe: {s3: {endpoint: "WEB", bucket: bucket, path_style: true, access_key: "${PM_ENV}", secret_key: "MARK-s3"}}}
  - name: http
    probe:
      http:
        url: "WEB/status?key=${PM_URL}"
        token: "MARK-token"
        headers: {apikey: {file: secret}, x-other: "MARK-header"}
        expect: ["text == 'fine'", "headers['x-heard'] == 'nothing'"]
  - {name: tcp, probe: {tcp: {address: "TCP", send: "${PM_ENV}", expect_prefix: "fine"}}}
alerts:
  ops: {webhook: {url: "WEB/alerts?key=${PM_URL}", token: {file: secret}, headers: {x-key: "MARK-hook"}}}
`)
}

// gossip refuses a request and repeats all of it.
func gossip(w http.ResponseWriter, r *http.Request) {
	heard, err := httputil.DumpRequest(r, true)
	if err != nil {
		heard = []byte(err.Error())
	}
	w.Header().Set("X-Heard", r.Header.Get("Authorization")+" "+r.Header.Get("Apikey")+" "+r.URL.RawQuery)
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(heard)
}

// gossips is a server that answers each first packet with what is made of it.
func gossips(t testing.TB, answer func(heard []byte) []byte) string {
	t.Helper()
	listener := listening(t)
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			heard := make([]byte, 4096)
			for {
				n, err := conn.Read(heard)
				if err != nil {
					break
				}
				_, _ = conn.Write(answer(heard[:n]))
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
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

func page(t testing.TB, url string) []byte {
	t.Helper()
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NotEmpty(t, text)
	return text
}

// histories are all workflows as the server keeps them, by workflow type and
// id: every event, and what is known of the run besides.
func histories(t testing.TB, address string) map[string][]byte {
	t.Helper()
	temporal, ctx := dial(t, address), context.Background()
	list, err := temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	found, types := map[string][]byte{}, map[string]bool{}
	for _, info := range list.Executions {
		types[info.Type.Name] = true
		var all bytes.Buffer
		write := func(message proto.Message) {
			encoded, err := proto.Marshal(message)
			require.NoError(t, err)
			all.Write(encoded)
		}
		write(info)
		events := temporal.GetWorkflowHistory(ctx, info.Execution.WorkflowId, info.Execution.RunId, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			event, err := events.Next()
			require.NoError(t, err)
			write(event)
		}
		found[info.Type.Name+" "+info.Execution.WorkflowId+" "+info.Execution.RunId] = all.Bytes()
	}
	for _, wanted := range []string{"Monitor", "Remediation", "Gatekeeper"} {
		require.True(t, types[wanted], "no %s among %v", wanted, types)
	}
	return found
}

// files are the contents of all files below dir.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		found[path], err = os.ReadFile(path)
		return err
	}))
	require.NotEmpty(t, found)
	return found
}
