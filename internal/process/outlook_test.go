package process

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// outlook is everything that can be seen of a worker, by where it is seen.
type outlook struct {
	t       *testing.T
	circle  *circle
	place   *place
	worker  *run
	env     []string
	outputs map[string][]byte
}

// outlookOn are the services of gossipy.
var outlookOn = []string{
	"redis", "clickhouse", "postgres", "s3", "prometheus", "http", "tcp", "mysql", "rabbitmq", "smtp", "grpc", "exec", "fleet", "stranded",
}

// newOutlook starts a worker and waits until everything has gone wrong.
func newOutlook(t *testing.T, store string, flags ...string) *outlook {
	t.Helper()
	o := &outlook{t: t, circle: newCircle(t), place: newPlace(t, ""), outputs: map[string][]byte{}}
	require.NoError(t, os.WriteFile(filepath.Join(o.place.dir, "secret"), []byte(mark+"-file\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(o.place.dir, "targets.json"), []byte(`[{"targets": ["three:80"], "labels": {"zone": "south"}}]`), 0o600))
	o.place.configure(t, o.circle.configuration(o.place.listen, store))
	o.env = []string{"PM_ENV=" + mark + "env", "PM_URL=" + mark + "url"}
	o.worker = start(t, o.place.dir, o.env, workerProgram(t), o.place.flags(flags...)...)
	o.worker.ready()
	for _, service := range outlookOn {
		if service == "fleet" {
			service += "/" + fleetTarget
		}
		o.worker.saying(service + ": incident ")
	}
	for _, receiver := range []string{"ops", "mail", "mailgun", "alertmanager", "push"} {
		o.worker.saying("redis: ALERT LOST: " + receiver)
	}
	o.worker.saying("redis: applied: sh succeeded")
	o.worker.eventually("the remedy of a target", func() bool { return strings.Contains(o.circle.all(), mark+"-fleet-remedy") })
	o.worker.eventually("the heartbeat", func() bool { return strings.Contains(o.circle.all(), mark+"-beat") })
	return o
}

// look gathers everything.
func (o *outlook) look() {
	o.signIn()
	for _, language := range []string{"en", "es"} {
		o.crawl(language)
	}
	o.askAll()
	o.showWrong()
	o.follow()
	o.command()
	for id, history := range histories(o.t, o.place.temporal) {
		o.outputs[id] = history
	}
	heard := o.circle.all()
	for _, secret := range told {
		require.Contains(o.t, heard, mark+secret, "it was told, and could come back")
	}
}

// ask makes a call and keeps all of the answer.
func (o *outlook) ask(name string, c call) reply {
	o.t.Helper()
	got := c.make(o.t, o.place.listen)
	require.NotEqual(o.t, http.StatusInternalServerError, got.status, name)
	o.outputs[name+" "+c.method+" "+c.path] = []byte(fmt.Sprint(got.status, got.header, got.body))
	return got
}

// visit asks for some addresses.
func (o *outlook) visit(name string, paths ...string) {
	o.t.Helper()
	for _, path := range paths {
		o.ask(name, call{method: "GET", path: path, token: adminSecret})
	}
}

// links are the addresses in a page that lead to this site.
var links = regexp.MustCompile(`(?:href|src)="(/[^"#]*)`)

// crawl visits every page that a page leads to.
func (o *outlook) crawl(language string) {
	seen := map[string]bool{"/": true, "/status": true}
	for _, service := range outlookOn {
		seen["/badges/"+service+".svg"] = true
	}
	var waiting []string
	for path := range seen {
		waiting = append(waiting, path)
	}
	for ; len(waiting) > 0; waiting = waiting[1:] {
		got := o.ask(language, call{method: "GET", path: waiting[0], token: adminSecret, header: "Accept-Language: " + language + "\r\n"})
		require.Less(o.t, got.status, 400, waiting[0])
		for _, link := range links.FindAllStringSubmatch(got.body, -1) {
			if path := strings.ReplaceAll(link[1], "&amp;", "&"); !seen[path] && len(seen) < 1000 {
				seen[path] = true
				waiting = append(waiting, path)
			}
		}
	}
	require.True(o.t, seen["/services/redis"] && seen["/services/fleet/targets/"+url.PathEscape(fleetTarget)] && seen["/incidents"] && seen["/system/pipeline"], "the pages were found")
	require.Greater(o.t, len(seen), 3*len(outlookOn))
}

// askAll asks for everything that the API's description has.
func (o *outlook) askAll() {
	h := &house{t: o.t, address: o.place.listen, admins: adminSecret}
	h.readEndpoints()
	for _, e := range h.endpoints {
		if e.method != http.MethodGet || e.path == "/live" {
			continue
		}
		for _, service := range outlookOn {
			incident := service
			if service == "fleet" {
				incident = url.PathEscape(service + "/" + fleetTarget)
			}
			path := strings.NewReplacer("{service}", service, "{incident}", incident, "{target}", url.PathEscape(fleetTarget)).Replace(e.path)
			if !e.page {
				got := o.ask("", call{method: "GET", path: path, token: adminSecret})
				require.Equal(o.t, strings.Contains(path, "/targets") && service != "fleet" && (service != "stranded" || strings.Contains(e.path, "{target}")),
					got.status == http.StatusNotFound, path)
			}
		}
	}
	got := o.ask("JSON", call{method: "GET", path: "/api/v1/configuration", token: adminSecret, header: "Accept: application/json\r\n"})
	require.Contains(o.t, got.body, "***")
}

// showWrong shows what is not good: nothing of it is repeated.
func (o *outlook) showWrong() {
	basic := base64.StdEncoding.EncodeToString([]byte(mark + "-name:" + mark + "-password"))
	known := base64.StdEncoding.EncodeToString([]byte("ana:" + mark + "-password"))
	for name, header := range map[string]string{
		"a wrong token": "Authorization: Bearer " + mark + "-wrong-token-that-is-long-enough\r\n", "a wrong name": "Authorization: Basic " + basic + "\r\n",
		"a wrong password": "Authorization: Basic " + known + "\r\n", "nonsense": "Authorization: " + mark + "\r\n",
		"a wrong session": "Cookie: session=" + mark + "; by=" + mark + "\r\n",
	} {
		for _, path := range []string{"/", "/api/v1/services", "/metrics", "/api/v1/services?token=" + mark} {
			got := o.ask(name, call{method: "GET", path: path, header: header, stranger: true})
			require.Contains(o.t, []int{http.StatusUnauthorized, http.StatusSeeOther}, got.status, name)
		}
	}
	for name, body := range map[string]string{
		"cut off": `{"password": "` + adminSecret, "a wrong kind": `{"note": ["` + adminSecret + `"]}`,
		"an unknown field": `{"password": "` + adminSecret + `"}`, "no object": `"` + adminSecret + `"`,
	} {
		c := call{method: "POST", path: "/api/v1/services/redis/pause", token: adminSecret, contentType: "application/json", body: body}
		got := o.ask("a body that is "+name, c)
		require.GreaterOrEqual(o.t, got.status, 400)
	}
	o.ask("a viewer", call{method: "GET", path: "/api/v1/configuration", token: viewerSecret})
	o.ask("a form of a viewer", call{method: "POST", path: "/services/redis/pause", token: viewerSecret})
	alert := `{"service": "redis", "status": "down", "reason": "gone", "timestamp": "2026-03-19T14:30:00Z"}`
	got := o.ask("an alert", call{method: "POST", path: "/api/admin/system-alert", token: adminSecret, contentType: "application/json", body: alert})
	require.Equal(o.t, http.StatusAccepted, got.status, got.body)
	o.worker.eventually("the alert to be lost", func() bool { return strings.Count(o.circle.all(), `"reason":"gone"`) > 0 })
}

// signIn goes to the provider and comes back with a code that it refuses.
func (o *outlook) signIn() {
	got := o.ask("sign in", call{method: "GET", path: "/login"})
	require.Equal(o.t, http.StatusSeeOther, got.status, got.body)
	to, err := url.Parse(got.header.Get("Location"))
	require.NoError(o.t, err)
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	back := call{method: "GET", path: "/oidc/callback?code=" + mark + "-code&state=" + to.Query().Get("state"), header: "Cookie: " + cookie + "\r\n"}
	answer := back.make(o.t, o.place.listen)
	require.Equal(o.t, http.StatusForbidden, answer.status, answer.body)
	o.outputs["sign in, refused"] = []byte(fmt.Sprint(answer.header, answer.body))
	o.worker.saying("exchange the code")
}

// follow reads the live updates for a moment.
func (o *outlook) follow() {
	request, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, "http://"+o.place.listen+"/live", nil)
	require.NoError(o.t, err)
	request.Header.Set("Authorization", "Bearer "+adminSecret)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(o.t, err)
	defer answer.Body.Close()
	var events []byte
	for buffer := make([]byte, 1024); bytes.Count(events, []byte("event: ")) < 3; {
		n, err := answer.Body.Read(buffer)
		require.NoError(o.t, err)
		events = append(events, buffer[:n]...)
	}
	o.outputs["the live updates"] = events
}

// command runs what an operator can.
func (o *outlook) command() {
	commands := [][]string{{"validate"}, {"config"}, {"status"}, {"incidents"}, {"apply", "--dry-run"}, {"schema"}}
	for _, service := range outlookOn {
		commands = append(commands, []string{"incident", service}, []string{"probe", service})
	}
	for _, command := range commands {
		for _, args := range [][]string{command, append(command, "--json")} {
			got := execute(o.t, o.place.dir, append(o.env, "TEMPORAL_ADDRESS="+o.place.temporal), starterProgram(o.t), args...)
			require.NotEmpty(o.t, got.out+got.errors)
			o.outputs["starter "+strings.Join(args, " ")] = []byte(got.out + got.errors)
		}
	}
}

// stop ends the worker, whose exit code is to be code, and keeps what it has said.
func (o *outlook) stop(code int) {
	o.worker.signal(syscall.SIGTERM)
	require.Equal(o.t, code, o.worker.wait(stopLimit), o.worker.stderr.String())
	require.Contains(o.t, o.worker.stderr.String(), "***", "there was something to mask")
	o.outputs["the worker's output"] = []byte(o.worker.stdout.String() + o.worker.stderr.String())
}
