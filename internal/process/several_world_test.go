package process

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"paramedic/internal/realtest"
)

// ward is one deployment of several workers: they share a Temporal, a
// PostgreSQL and a Redis, and have the same configuration.
type ward struct {
	t             *testing.T
	temporal      *place
	postgres      *realtest.PostgreSQLServer
	redis         *realtest.Process
	configuration string
	members       []*member
}

// member is one of the workers.
type member struct {
	*run
	place *place
}

// newWard starts what workers share. Its Temporal is carried by a worker of
// another deployment, which takes no part.
func newWard(t *testing.T, services string) *ward {
	t.Helper()
	w := &ward{t: t, postgres: realtest.OwnPostgreSQL(t), redis: realtest.Redis(t)}
	w.temporal = newPlace(t, fmt.Sprintf("temporal: {task_queue: elsewhere}\nservices:\n"+
		"  - {name: elsewhere, interval: 1h, probe: {tcp: {address: %q}}}\n", listening(t).Addr().String()))
	w.temporal.start(t)
	w.configuration = fmt.Sprintf("store: {url: %q, cache: \"redis://%s/0\"}\n", w.postgres.DSN, w.redis.Addr) + services
	return w
}

// join starts another worker and waits until it is ready.
func (w *ward) join() *member {
	w.t.Helper()
	m := w.begin()
	m.ready()
	return m
}

// begin starts another worker.
func (w *ward) begin() *member {
	w.t.Helper()
	m := &member{place: newPlace(w.t, w.configuration)}
	w.members = append(w.members, m)
	w.revive(m)
	return m
}

// revive starts a worker, again after its end.
func (w *ward) revive(m *member) {
	w.t.Helper()
	m.run = start(w.t, m.place.dir, []string{"TEMPORAL_ADDRESS=" + w.temporal.temporal}, workerProgram(w.t), "--listen", m.place.listen)
}

// leave stops all workers as a service manager does.
func (w *ward) leave() {
	w.t.Helper()
	for _, m := range w.members {
		m.signal(syscall.SIGTERM)
	}
	for _, m := range w.members {
		require.Equal(w.t, 0, m.wait(stopLimit), m.stderr.String())
	}
}

// everywhere waits until a condition holds for each worker.
func (w *ward) everywhere(what string, condition func(*member) bool) {
	w.t.Helper()
	for _, m := range w.members {
		m.eventually(what, func() bool { return condition(m) })
	}
}

// saying waits until one of the workers has said a text.
func (w *ward) saying(text string) {
	w.t.Helper()
	w.members[0].eventually(fmt.Sprintf("%q in one of the logs", text), func() bool {
		return slices.ContainsFunc(w.members, func(m *member) bool { return strings.Contains(m.stderr.String(), text) })
	})
}

// stored reads one number from the database; -1 while it does not answer.
func (w *ward) stored(query string) int {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.postgres.DSN)
	if err != nil {
		return -1
	}
	defer conn.Close(w.t.Context())
	var count int
	require.NoError(w.t, conn.QueryRow(w.t.Context(), query).Scan(&count))
	return count
}

// patientShown is a service as the API shows it.
type patientShown struct {
	Service, State string
	Since          time.Time
	Streak         int
	LastProbeAt    time.Time `json:"last_probe_at"`
	Recent         []float32 `json:"recent_ms"`
	Uptime         struct{ Day *float64 }
	Incident       *caseShown
}

// caseShown is an incident as the API shows it.
type caseShown struct {
	ID, Service, State, Outcome string
	AcknowledgedBy              string `json:"acknowledged_by"`
	Timeline                    []struct{ Kind, Text string }
}

// services are all that a worker shows, by name.
func (m *member) services() map[string]patientShown {
	m.t.Helper()
	var list struct{ Items []patientShown }
	m.get("/api/v1/services", &list)
	services := map[string]patientShown{}
	for _, s := range list.Items {
		services[s.Service] = s
	}
	return services
}

// incidents are those of a service that a worker lists.
func (m *member) incidents(service, state string) []caseShown {
	m.t.Helper()
	var list struct{ Items []caseShown }
	m.get("/api/v1/incidents?service="+service+"&state="+state, &list)
	return list.Items
}

// incident is one in full.
func (m *member) incident(id string) (found caseShown) {
	m.t.Helper()
	m.get("/api/v1/incidents/"+url.PathEscape(id), &found)
	return found
}

func (c caseShown) kinds() []string {
	kinds := make([]string, len(c.Timeline))
	for i, entry := range c.Timeline {
		kinds[i] = entry.Kind
	}
	return kinds
}

func (m *member) get(path string, into any) {
	m.t.Helper()
	got := call{method: http.MethodGet, path: path}.make(m.t, m.place.listen)
	require.Equal(m.t, http.StatusOK, got.status, "%s: %s", path, got.body)
	require.NoError(m.t, json.Unmarshal([]byte(got.body), into), got.body)
}

// page is what people see.
func (m *member) page(path string) string {
	m.t.Helper()
	got := call{method: http.MethodGet, path: path}.make(m.t, m.place.listen)
	require.Equal(m.t, http.StatusOK, got.status, "%s: %s", path, got.body)
	return got.body
}

// metric reads a number without labels.
func (m *member) metric(name string) float64 {
	m.t.Helper()
	lines := bufio.NewScanner(strings.NewReader(m.page("/metrics")))
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			value, err := strconv.ParseFloat(text, 64)
			require.NoError(m.t, err)
			return value
		}
	}
	require.Failf(m.t, "no such metric", "%s", name)
	return 0
}
