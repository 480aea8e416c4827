//go:build !noembed

package integration

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"paramedic/internal/apply"
	"paramedic/internal/config"
	"paramedic/internal/health"
	"paramedic/internal/operator"
	"paramedic/workflows"
)

const (
	// crowdSize is how many services are down at the same moment, crowdLimit
	// how many of them may be restarted at the same time.
	crowdSize  = 200
	crowdLimit = 2
	// crowdTime is how long their healing may take on a busy machine.
	crowdTime = 90 * time.Second
)

// crowd are services that are down until they are restarted. Each restart
// leaves the times of its beginning and end.
type crowd struct {
	dir  string
	page *httptest.Server
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{dir: t.TempDir()}
	c.page = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := os.Stat(filepath.Join(c.dir, path.Base(r.URL.Path)+".end")); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(c.page.Close)
	return c
}

// text is the configuration of all of them.
func (c *crowd) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "limits: {concurrent_restarts: %d, min_healthy: 0}\n", crowdLimit)
	text.WriteString("defaults: {timeout: 5s, alerts: [], remediation: {settle: 0s}}\nservices:\n")
	for n := range crowdSize {
		name := fmt.Sprintf("s%03d", n)
		file := filepath.Join(c.dir, name)
		fmt.Fprintf(&text, "  - name: %s\n    probe: {http: {url: %q}}\n", name, c.page.URL+"/"+name)
		fmt.Fprintf(&text, "    remediation: {steps: [{exec: {command: [sh, -c, %q]}}]}\n",
			fmt.Sprintf("date +%%s.%%N >> %s.begin; sleep 0.05; date +%%s.%%N >> %s.end", file, file))
	}
	return text.String()
}

// Two hundred services are down at the same moment, and two may be restarted at
// once: real commands by the real Gatekeeper's permits never overlap three deep,
// and each service gets exactly one.
func TestCrowdNeverExceedsTheLimit(t *testing.T) {
	server, sick := startServer(t), newCrowd(t)
	cfg := parse(t, sick.text())
	require.NoError(t, apply.EnsureSearchAttributes(t.Context(), server, server.Namespace))
	startWorker(t, server, cfg)
	openAll(t, server, cfg)

	begun := time.Now()
	for _, service := range cfg.Services {
		var incident health.Incident
		require.NoError(t, server.GetWorkflow(t.Context(), workflows.RemediationID(service.Name, ""), "").Get(t.Context(), &incident))
		require.Equal(t, health.Healed, incident.Outcome, service.Name)
		require.Equal(t, []int{1, 1}, []int{incident.Attempts, incident.Restarts}, service.Name)
	}
	took := time.Since(begun)
	require.Less(t, took, crowdTime)
	deepest := sick.deepest(t, cfg)
	t.Logf("%d services healed in %s, at most %d at once", crowdSize, took.Round(time.Second), deepest)
	require.LessOrEqual(t, deepest, crowdLimit, "restarts at the same time")
	require.Equal(t, crowdLimit, deepest, "the limit is made use of")
	requireNoPermitOut(t, server, cfg)
}

// openAll opens an incident of every service, as their Monitors would at their
// third failure, as fast as the server takes them.
func openAll(t *testing.T, server *operator.Connection, cfg *config.Config) {
	t.Helper()
	now := time.Now().UTC()
	failure := health.Result{Status: health.Unhealthy, At: now, Message: "status is 503"}
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(20)
	for _, service := range cfg.Services {
		group.Go(func() error {
			_, err := server.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
				ID: workflows.RemediationID(service.Name, ""), TaskQueue: apply.TaskQueue(cfg),
			}, workflows.RemediationType, workflows.RemediationInput{
				Check:       apply.CheckOf(service),
				Streak:      health.Streak{Failures: 3, FirstFailureAt: now.Add(-2 * time.Minute), FirstFailure: failure.Message},
				LastFailure: failure,
			})
			return err
		})
	}
	require.NoError(t, group.Wait())
}

// deepest is the most restarts under way at one moment, by their own stamps.
func (c *crowd) deepest(t *testing.T, cfg *config.Config) int {
	t.Helper()
	type edge struct {
		at   float64
		step int
	}
	var edges []edge
	for _, service := range cfg.Services {
		for suffix, step := range map[string]int{".begin": 1, ".end": -1} {
			text, err := os.ReadFile(filepath.Join(c.dir, service.Name+suffix))
			require.NoError(t, err)
			at, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
			require.NoError(t, err, "%s was restarted more than once: %s", service.Name, text)
			edges = append(edges, edge{at, step})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	running, most := 0, 0
	for _, e := range edges {
		running += e.step
		most = max(most, running)
	}
	return most
}

// requireNoPermitOut waits until every permit is back and nobody waits.
func requireNoPermitOut(t *testing.T, server *operator.Connection, cfg *config.Config) {
	t.Helper()
	op := operator.New(server, apply.TaskQueue(cfg))
	require.Eventually(t, func() bool {
		ledger, err := op.Ledger(t.Context())
		if err != nil || len(ledger.Queue) > 0 {
			return false
		}
		for _, account := range ledger.Accounts {
			if account.Down || !account.Permit.IsZero() {
				return false
			}
		}
		return len(ledger.Accounts) == crowdSize
	}, soon, poll, "a permit is out, or a service is still taken to be down")
}
