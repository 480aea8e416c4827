package browser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// quick is the configuration of the first run, quicker, beside a service that
// is down and that nothing heals.
const quick = `
http: {listen: %[1]q}
patient: {listen: %[2]q}
defaults: {interval: 2s, retry_interval: 1s, timeout: 1s, alerts: [log]}
services:
  - name: patient
    flapping: {high: 0}
    probe:
      http: {url: "http://%[2]s/health", expect: ["status == 200", "body.status == 'healthy'"]}
    remediation:
      settle: 1s
      backoff: [1s]
      limits: {per_incident: 3, incidents_per_hour: 0, restarts_per_day: 0}
      stable_for: 0s
      steps:
        - exec: {command: [patient, restart]}
  - name: closed
    interval: 20s
    impact: Nothing answers there.
    probe: {tcp: {address: %[3]q}}
`

// deployment is one paramedic: the worker's process and where it is found.
type deployment struct {
	// listen is the address of the pages, patient that of the service to hurt,
	// temporal and ui those of the embedded server.
	listen, patient, temporal, ui string
}

// deploy starts a worker and returns once it serves.
func deploy(t testing.TB) *deployment {
	t.Helper()
	d := &deployment{
		listen: realtest.FreeAddress(t), patient: realtest.FreeAddress(t),
		temporal: realtest.FreeAddress(t), ui: realtest.FreeAddress(t),
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "paramedic.yml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, quick, d.listen, d.patient, realtest.FreeAddress(t)), 0o600))
	// A socket's path has little room, less than t.TempDir leaves.
	data, err := os.MkdirTemp("", "place")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(data)) })
	worker := realtest.Run(t, realtest.Command{
		Addr: d.listen, Path: workerProgram(t), Dir: dir,
		Args:  []string{"--config", file, "--data", data, "--temporal-port", port(d.temporal), "--ui-port", port(d.ui)},
		Ready: func(ctx context.Context) error { return answers(ctx, "http://"+d.listen+"/healthz") },
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the worker's log:\n%s", worker.Log())
		}
	})
	return d
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// answers fails unless a page is good.
func answers(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}

// hurt does to the patient what the first run's third line says.
func (d *deployment) hurt(t testing.TB) {
	t.Helper()
	answer, err := http.Post("http://"+d.patient+"/hurt", "", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
}

// stands is true in the overview while a service is shown in one of the states.
func stands(service, states string) string {
	return fmt.Sprintf(`Array.from(document.querySelectorAll("tbody tr")).some((row) =>
		row.querySelector("th a").textContent === %q && row.matches(%q))`, service, states)
}

// TestStory is what happens with a real worker.
func TestStory(t *testing.T) {
	t.Parallel()
	browser, d := launch(t), deploy(t)
	t.Run("an outage is seen live", func(t *testing.T) { t.Parallel(); seeOutage(t, browser, d) })
	t.Run("an incident is acknowledged", func(t *testing.T) { t.Parallel(); acknowledge(t, browser, d) })
}

// seeOutage has a service die and come back: whoever looks at the overview sees
// both without doing anything.
func seeOutage(t *testing.T, browser *chromium, d *deployment) {
	p := browser.open(t)
	p.do(still) // events alone change the page
	p.visit("http://" + d.listen + "/")
	p.await("the patient is healthy", stands("patient", ".healthy"))
	p.await("the other one is down", stands("closed", ".down"))
	p.do(chromedp.Evaluate[chromedp.Void](`window.same = true`))
	loads, changes := p.seen()

	d.hurt(t)
	p.await("the patient is failing", stands("patient", ".failing, .down"))
	p.await("the patient is down", stands("patient", ".down"))
	p.await("the title tells it", `document.title.includes("2 down")`)
	p.await("the patient is healthy again", stands("patient", ".healthy"))
	require.True(t, evaluate[bool](p, `window.same`), "it is the same page")
	after, told := p.seen()
	require.Equal(t, loads, after, "nothing was loaded anew")
	require.Greater(t, told, changes, "events told of it")
	p.requireQuiet()
}

// acknowledge takes an incident on with a note: the page says so, its story
// tells it, and so does the history of the workflow in Temporal's own Web UI.
func acknowledge(t *testing.T, browser *chromium, d *deployment) {
	p := browser.open(t)
	p.visit("http://" + d.listen + "/")
	p.await("an incident is open", `document.querySelector("tr.down td.incident a[href*='closed@']") !== null`)
	p.do(chromedp.Click(chromedp.CSS("tr.down td.incident a[href*='closed@']")))
	p.await("the form to acknowledge", `document.querySelector("#note-acknowledge") !== null`)
	p.do(
		chromedp.SendKeys(chromedp.CSS("#by-acknowledge"), "Ana"),
		chromedp.SendKeys(chromedp.CSS("#note-acknowledge"), "calling the <b>provider</b>"),
		chromedp.Click(chromedp.CSS("#form-acknowledge button")),
	)
	p.await("the notice", `document.querySelector(".notice[role=status]")?.textContent.includes("The incident is yours")`)
	p.await("the headline", `document.querySelector("#headline").textContent.includes("acknowledged")`)
	p.await("the story", `Array.from(document.querySelectorAll(".story li.acknowledged")).some((entry) =>
		entry.textContent.includes("acknowledged by Ana: calling the <b>provider</b>"))`)
	link := evaluate[string](p, `document.querySelector("a[href*='/workflows/']").href`)
	p.requireQuiet()

	require.Contains(t, link, "http://"+d.ui+"/")
	ui := browser.open(t)
	// The Web UI draws no rows that would not be seen.
	ui.do(chromedp.EmulateViewport(1280, 3000))
	ui.visit(link)
	const row = `Array.from(document.querySelectorAll("tr")).find((row) =>
		row.innerText.includes("Workflow Execution Update Accepted") && row.innerText.includes("acknowledge"))`
	ui.await("the acknowledgement in the history", row+" !== undefined")
	ui.do(chromedp.Evaluate[chromedp.Void](row + ".click()"))
	ui.await("the note in the history", `document.body.innerText.includes("calling the <b>provider</b>")`)
	ui.requireQuiet()
}
