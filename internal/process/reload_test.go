package process

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// watchedBy is a configuration with services that all connect to one address.
func watchedBy(address string, services ...string) string {
	var text strings.Builder
	text.WriteString("services:\n")
	for _, service := range services {
		fmt.Fprintf(&text, "  - {probe: {tcp: {address: %q}}, interval: 2s, timeout: 1s, %s}\n", address, service)
	}
	return text.String()
}

// A changed file is in force at once, and so is one after SIGHUP; a file that
// is not valid changes nothing and says where.
func TestReload(t *testing.T) {
	t.Parallel()
	up, nobody := listening(t).Addr().String(), freeAddress(t)
	place := newPlace(t, watchedBy(up, "name: one", "name: two"))
	worker := place.start(t)
	worker.saying("one: healthy")
	worker.saying("two: healthy")
	const reloaded = "configuration reloaded"

	worker.sayingAgain(reloaded, func() { place.configure(t, watchedBy(up, "name: one", "name: two", "name: three")) })
	require.Contains(t, worker.stderr.String(), "three: watch created")
	worker.saying("three: healthy")

	// The file is left as it is, but the thing it names has changed.
	worker.sayingAgain(reloaded, func() { worker.signal(syscall.SIGHUP) })

	// Two is changed to what nobody answers: that shows with the next probe.
	changed := watchedBy(up, "name: one") + strings.TrimPrefix(watchedBy(nobody, "name: two, failure_threshold: 2"), "services:\n")
	worker.sayingAgain(reloaded, func() { place.configure(t, changed) })
	require.Contains(t, worker.stderr.String(), "two: watch changed failure_threshold 3 → 2")
	require.Contains(t, worker.stderr.String(), "three: watch deleted")
	worker.saying("incident two@")
	require.Contains(t, worker.stderr.String(), "two: failure 2/2", "the new threshold counts in the watch that is on duty")

	worker.sayingAgain("the old one stays in force", func() { place.configure(t, changed+"  - {name: four, prob: {}}\n") })
	worker.saying("paramedic.yml:4:18: ")
	require.Equal(t, map[string]string{"one": "healthy", "two": "down"}, place.statesBy(t, changed))

	// The deleted service takes its incident with it.
	worker.sayingAgain(reloaded, func() { place.configure(t, watchedBy(up, "name: one")) })
	require.Contains(t, worker.stderr.String(), "two: watch deleted")
	worker.saying("two: abandoned")
	require.NotContains(t, worker.stderr.String(), "panic")
	worker.signal(syscall.SIGTERM)
	require.Equal(t, 0, worker.wait(stopLimit), worker.stderr.String())
}

// statesBy are the states of the services of another configuration than the
// file's, which is not valid at this moment.
func (p *place) statesBy(t testing.TB, configuration string) map[string]string {
	t.Helper()
	other := p.file() + ".old"
	require.NoError(t, os.WriteFile(other, []byte(configuration), 0o600))
	var statuses []struct{ Service, State string }
	p.read(t, &statuses, "status", "--config", other)
	states := map[string]string{}
	for _, status := range statuses {
		states[status.Service] = status.State
	}
	return states
}
