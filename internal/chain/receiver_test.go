package chain

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
)

// receiverToken is the secret that the receiver of the alerts wants to see.
const receiverToken = "chain-receiver-71d0"

// notice is one request that the receiver got.
type notice struct {
	Body     notification
	Header   http.Header
	At       time.Time
	Problem  string
	Accepted bool
}

// notification is the body of an alert as existing receivers read it.
type notification struct {
	Service   string `json:"service"`
	Target    string `json:"target"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
	Duration  string `json:"duration"`
	Timestamp string `json:"timestamp"`
	Incident  string `json:"incident"`
	Severity  string `json:"severity"`
	Attempts  int    `json:"attempts"`
	DedupKey  string `json:"dedup_key"`
	// News is why an update comes; Affected are the services that are down with
	// this one.
	News     string   `json:"news"`
	Affected []string `json:"affected"`
}

// receiver is a real HTTP server that alerts are sent to. It records every
// request, and can be away, or answer as a test wants it to.
type receiver struct {
	t       *testing.T
	address string
	server  *http.Server
	served  chan struct{}

	mu      sync.Mutex
	notices []*notice
	// behave answers a request in place of the receiver when it returns false.
	behave func(w http.ResponseWriter, r *http.Request, body notification) (accept bool)
}

// newReceiver opens a receiver that accepts everything.
func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, address: realtest.FreeAddress(t)}
	t.Cleanup(r.close)
	r.open()
	return r
}

func (r *receiver) url() string { return "http://" + r.address + "/api/admin/system-alert" }

// open lets the receiver listen; close takes it away, and refuses connections.
func (r *receiver) open() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	require.NoError(r.t, err)
	server, served := &http.Server{Handler: http.HandlerFunc(r.take), ReadHeaderTimeout: soon}, make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with close
	}()
	r.server, r.served = server, served
}

func (r *receiver) close() {
	if r.server != nil {
		_ = r.server.Close()
		<-r.served
		r.server = nil
	}
}

// answer sets how requests are answered from now on; nil accepts everything.
func (r *receiver) answer(behave func(http.ResponseWriter, *http.Request, notification) (accept bool)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behave = behave
}

func (r *receiver) take(w http.ResponseWriter, request *http.Request) {
	n := &notice{Header: request.Header, At: time.Now()}
	n.Problem = decode(request, &n.Body)
	r.mu.Lock()
	r.notices = append(r.notices, n)
	behave := r.behave
	r.mu.Unlock()
	if behave != nil && !behave(w, request, n.Body) {
		return
	}
	r.mu.Lock()
	n.Accepted = true
	r.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// decode reads a request and says what is wrong with it.
func decode(request *http.Request, into *notification) (problem string) {
	text, err := io.ReadAll(request.Body)
	if err != nil {
		return err.Error()
	}
	if err := json.Unmarshal(text, into); err != nil {
		return err.Error() + ": " + string(text)
	}
	switch {
	case request.Method != http.MethodPost || request.URL.Path != "/api/admin/system-alert":
		return request.Method + " " + request.URL.Path
	case request.Header.Get("Authorization") != "Bearer "+receiverToken:
		return "wrong token"
	case request.Header.Get("Idempotency-Key") != into.DedupKey:
		return "wrong Idempotency-Key"
	}
	return ""
}

// all returns every request so far.
func (r *receiver) all() []notice {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]notice, len(r.notices))
	for i, n := range r.notices {
		all[i] = *n
	}
	return all
}

// about returns the requests with one status about one service as a whole, or
// about one of its targets, named by its health.TargetID.
func (r *receiver) about(name, status string) []notice {
	return slices.DeleteFunc(r.all(), func(n notice) bool {
		return health.TargetID(n.Body.Service, n.Body.Target) != name || n.Body.Status != status
	})
}

// accepted returns those requests that the receiver has taken.
func (r *receiver) accepted(name, status string) []notice {
	return slices.DeleteFunc(r.about(name, status), func(n notice) bool { return !n.Accepted })
}

// requireRecovery waits for the recovery notice of an incident, and requires
// that it is right and the only one, and that there is at most one of a
// service that is down. Requests that repeat a key are the same notice.
func (r *receiver) requireRecovery(name string, i incident) {
	r.t.Helper()
	await(r.t, "the recovery notice of "+name+" is there", func() bool { return len(r.accepted(name, "recovered")) > 0 })
	for _, n := range r.all() {
		require.Empty(r.t, n.Problem)
	}
	require.Equal(r.t, []string{i.ID + "/recovered"}, keys(r.about(name, "recovered")))
	require.Subset(r.t, []string{i.ID + "/down"}, keys(r.about(name, "down")))
	got := r.accepted(name, "recovered")[0].Body
	require.NotEmpty(r.t, got.Reason)
	// Written for people, to the second: "2m 15s".
	downtime, err := time.ParseDuration(strings.ReplaceAll(got.Duration, " ", ""))
	require.NoError(r.t, err)
	require.InDelta(r.t, i.DowntimeSeconds, downtime.Seconds(), 0.51)
	service, target := health.SplitTargetID(name)
	require.Equal(r.t, notification{
		Service: service, Target: target, Status: "recovered", Reason: got.Reason, Duration: got.Duration,
		Timestamp: i.ResolvedAt.UTC().Format(time.RFC3339),
		Incident:  i.ID, Severity: "P1", Attempts: i.Attempts, DedupKey: i.ID + "/recovered",
	}, got)
}

// told is the order in which the receiver has accepted something new: the parts
// of the dedup keys that follow the incident.
func (r *receiver) told() []string {
	var order []string
	for _, n := range r.all() {
		_, what, _ := strings.Cut(n.Body.DedupKey, "/")
		if n.Accepted && !slices.Contains(order, what) {
			order = append(order, what)
		}
	}
	return order
}

// keys are the distinct dedup keys of some notices.
func keys(notices []notice) []string {
	var all []string
	for _, n := range notices {
		all = append(all, n.Body.DedupKey)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
