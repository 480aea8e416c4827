package remedy_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/remedy"
)

func TestDockerRestartsOnce(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	options := e.options()
	options.Grace = health.Duration(5 * time.Second)
	checkpoint := fresh(t)
	treatment := apply(t, options, checkpoint)
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
	require.Regexp(t, `^restarted container web in [0-9.]+[mµ]?s \(a11a25ba3971, started at \d\d:\d\d:\d\d UTC\)$`, treatment.Detail)
	require.Equal(t, []string{"t=5"}, e.asked())
	saved, err := os.ReadFile(checkpoint.path)
	require.NoError(t, err)
	require.Contains(t, string(saved), "2026-11-21T12:30:10.309669203Z", "the start before, not the one after")

	again := apply(t, options, checkpoint)
	require.Equal(t, health.AlreadyApplied, again.Effect)
	require.Regexp(t, `^container web has been restarted since an earlier try asked for it at \d\d:\d\d:\d\d UTC `+
		`\(started at \d\d:\d\d:\d\d UTC\); not restarted again$`, again.Detail)
	require.Len(t, e.asked(), 1)

	apply(t, e.options(), fresh(t))
	require.Equal(t, "", e.asked()[1], "its own stop timeout")
}

// The worker is killed between its checkpoint and the Engine's restart, and
// after it: one restart takes effect.
func TestDockerRestartsOnceThoughTheWorkerDies(t *testing.T) {
	t.Parallel()
	for hang, want := range map[string]health.Effect{"saved": health.Applied, "applied": health.AlreadyApplied} {
		t.Run(hang, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, "inspect_running.json")
			checkpoint := fresh(t)
			output, kill := attempt{Container: "web", Socket: e.socket, Checkpoint: checkpoint.path, Hang: hang}.start(t)
			awaitLine(t, output, "hanging")
			kill()
			require.Equal(t, want, apply(t, e.options(), checkpoint).Effect)
			require.Len(t, e.asked(), 1)
		})
	}
}

func TestDockerReportsThatAnEarlierRestartDidNotHelp(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	checkpoint := fresh(t)
	apply(t, e.options(), checkpoint)
	e.become(t, "inspect_exited.json")
	treatment := apply(t, e.options(), checkpoint)
	require.Equal(t, health.Failed, treatment.Effect)
	require.Equal(t, "restart of container web failed: the earlier restart took effect, but container is exited, exit code 3",
		treatment.Detail)
	require.Len(t, e.asked(), 1)
}

func TestDockerLeavesAloneWhatOthersRestarted(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	request := remedy.Request{LastFailure: time.Now(), Checkpoint: fresh(t)}
	e.start(time.Now().Add(time.Second))
	treatment, err := open(t, e.options()).Apply(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, health.LeftAlone, treatment.Effect)
	require.Regexp(t, `^container web was restarted by somebody else at \d\d:\d\d:\d\d UTC, after the last failed probe; left alone$`,
		treatment.Detail)

	e.inspect["RestartCount"] = 2
	treatment, err = open(t, e.options()).Apply(t.Context(), request)
	require.NoError(t, err)
	require.Contains(t, treatment.Detail, "by its restart policy")
	require.Empty(t, e.asked())

	request.LastFailure = time.Now().Add(time.Minute)
	treatment, err = open(t, e.options()).Apply(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect)
}

// An Engine calls a container running that has crashed and waits for the next
// try of its restart policy.
func TestDockerActsOnACrashLoop(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_restarting.json")
	require.Equal(t, true, e.inspect["State"].(map[string]any)["Running"])
	treatment, err := open(t, e.options()).Apply(t.Context(),
		remedy.Request{LastFailure: time.Unix(1, 0), Checkpoint: fresh(t)})
	require.NoError(t, err)
	require.Equal(t, health.Applied, treatment.Effect, treatment.Detail)
}

func TestDockerReportsFailedRestarts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		after  string
		want   string
	}{
		"500": {func(w http.ResponseWriter, _ *http.Request) { fail(w, 500, recorded(t, "error_500.json")) }, "",
			"Cannot restart container web: failed to create shim task: OCI runtime create failed: runc create failed: " +
				"unable to start container process: error during container init: error mounting \"/srv/data\" to rootfs at \"/v\": " +
				"stat /srv/data: no such file or directory: unknown"},
		"409": {func(w http.ResponseWriter, _ *http.Request) {
			fail(w, 409, []byte(`{"message":"container is marked for removal"}`))
		},
			"", "container is marked for removal"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) { fail(w, 502, []byte("bad\x1b[31m gateway\n")) }, "", "bad gateway"},
		"ended": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "inspect_exited.json",
			"it was started, but container is exited, exit code 3"},
		"crashes": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "inspect_restarting.json",
			"it was started, but container is restarting, exit code 3"},
		"slow": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "", "no answer after 1s: it is running"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, "inspect_running.json")
			e.answer = func(w http.ResponseWriter, r *http.Request) {
				if test.after != "" {
					e.become(t, test.after)
				}
				test.answer(w, r)
			}
			options := e.options()
			if name == "slow" {
				options.Timeout = health.Duration(time.Second)
			}
			treatment := apply(t, options, fresh(t))
			require.Equal(t, health.Failed, treatment.Effect)
			require.Equal(t, "restart of container web failed: "+test.want, treatment.Detail)
			require.Len(t, e.asked(), 1)
		})
	}
}

// A connection that breaks during the restart is worth another try, and that
// one finds it done.
func TestDockerSurvivesALostConnection(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	e.answer = func(http.ResponseWriter, *http.Request) {
		e.start(time.Now())
		panic(http.ErrAbortHandler)
	}
	checkpoint := fresh(t)
	_, err := open(t, e.options()).Apply(t.Context(), remedy.Request{Checkpoint: checkpoint})
	require.ErrorContains(t, err, "restart container web: asking the Docker Engine at "+e.socket+": ")
	var final remedy.Final
	require.NotErrorAs(t, err, &final)
	require.Equal(t, health.AlreadyApplied, apply(t, e.options(), checkpoint).Effect)
	require.Len(t, e.asked(), 1)
}

func TestDockerErrors(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	options := e.options()
	options.Container = "nope"
	_, err := open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: fresh(t)})
	var final remedy.Final
	require.ErrorAs(t, err, &final)
	require.EqualError(t, err, "restart container nope: the Docker Engine at "+e.socket+
		" has no container nope; check its name with: docker ps --all")

	options = e.options()
	options.Socket = t.TempDir() + "/none"
	_, err = open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: fresh(t)})
	require.ErrorContains(t, err, "restart container web: asking the Docker Engine at "+options.Socket+": ")
	require.NotErrorAs(t, err, &final, "an Engine that is down may come back")

	_, err = open(t, e.options()).Apply(t.Context(), remedy.Request{Checkpoint: brokenCheckpoint{}})
	require.ErrorIs(t, err, errNotDurable)
	require.Empty(t, e.asked())

	ctx, cancel := context.WithCancel(t.Context())
	e.answer = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	_, err = open(t, e.options()).Apply(ctx, remedy.Request{Checkpoint: fresh(t)})
	require.ErrorIs(t, err, context.Canceled)
}

// An Engine behind TLS knows its clients by their certificates.
func TestDockerRestartsOverTLS(t *testing.T) {
	t.Parallel()
	e := newEngine(t, "inspect_running.json")
	server := httptest.NewUnstartedServer(e.handler(t))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	own := server.TLS.Certificates[0] // good enough for the client, too
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	cert := file("cert.pem", "CERTIFICATE", own.Certificate[0])
	options := e.options()
	options.Socket, options.Address = "", server.Listener.Addr().String()
	options.TLS = remedy.DockerTLS{CA: cert, Cert: cert, Key: file("key.pem", "PRIVATE KEY", key)}
	require.Equal(t, health.Applied, apply(t, options, fresh(t)).Effect)

	options.TLS.CA = ""
	_, err = open(t, options).Apply(t.Context(), remedy.Request{Checkpoint: fresh(t)})
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	require.Len(t, e.asked(), 1)
}

func TestDockerOptions(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{
		"container: the container has no name; write it as docker ps shows it",
		"timeout: 0s is too short; write at least 1s",
		`socket: "docker.sock" is not an absolute path, like /var/run/docker.sock`,
		"tls: it is for an Engine with an address; write that too, like docker1.example:2376",
	}, problems((&remedy.Docker{Socket: "docker.sock", TLS: remedy.DockerTLS{CA: "ca.pem"}}).Validate()))
	require.Equal(t, []string{
		`container: "../web" is not a container's name or id; it has letters, digits and _ . - only`,
		"timeout: 10s is over before the container's grace, 10s, is; write more",
		`address: "docker1" is not a host and a port, like docker1.example:2376`,
		"address: socket names an Engine too; keep one of the two",
		"tls: the files of the client's certificate are missing; write cert and key",
	}, problems((&remedy.Docker{
		Container: "../web", Grace: health.Duration(10 * time.Second), Timeout: health.Duration(10 * time.Second),
		Socket: "/run/docker.sock", Address: "docker1",
	}).Validate()))
	require.Equal(t, []string{
		"grace: 1.5s is not a number of whole seconds; write it like 10s",
		"tls: open /no/such/cert: no such file or directory",
	}, problems((&remedy.Docker{
		Container: "web", Grace: health.Duration(1500 * time.Millisecond), Timeout: health.Duration(time.Minute),
		Address: "docker1:2376", TLS: remedy.DockerTLS{Cert: "/no/such/cert", Key: "/no/such/key"},
	}).Validate()))

	fresh := defaults[*remedy.Docker](t, "docker")
	fresh.Container = "web"
	require.Empty(t, fresh.Validate())
	require.Equal(t, time.Minute, fresh.Timeout.Std())
	require.Greater(t, fresh.Limit(), time.Minute)
	require.Equal(t, "restart container web", fresh.Title())
}
