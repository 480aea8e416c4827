package browser

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// picture is a page in one state.
type picture struct {
	name, address string
	// headers are sent with every request.
	headers map[string]string
	// refused is what the browser writes into its console about a page that is
	// the answer with an error; empty for others.
	refused string
}

// inSpanish is the picture as people who prefer Spanish see it.
func (p picture) inSpanish() picture {
	p.name, p.headers = p.name+"-es", map[string]string{"Accept-Language": "es"}
	return p
}

// spanish are the pictures that are also looked at in Spanish.
var spanish = []string{
	"overview-states", "overview-empty", "service-broken", "incident-broken", "incident-approval", "incidents", "pipeline-red", "status",
	"fleet-second-page",
}

// pictures are the pages in every state that they have.
func pictures(t testing.TB) []picture {
	t.Helper()
	all := slices.Concat(clinicPictures(t), plantPictures(t), fleetPictures(t), otherPictures(t))
	for _, name := range spanish {
		at := slices.IndexFunc(all, func(p picture) bool { return p.name == name })
		require.GreaterOrEqual(t, at, 0, name)
		all = append(all, all[at].inSpanish())
	}
	return all
}

func clinicPictures(t testing.TB) []picture {
	t.Helper()
	states, incidents := clinic(t, site{})
	guarded, _ := clinic(t, site{panels: plantPanels(), guarded: true, public: true})
	viewer := map[string]string{"Authorization": "Bearer " + viewerToken}
	all := []picture{
		{name: "overview-states", address: states.address + "/"},
		{name: "overview-viewer", address: guarded.address + "/", headers: viewer},
		{name: "incidents", address: states.address + "/incidents"},
		{name: "incident-notice", address: states.address + pageOf(incidents["acknowledged"]) + "?notice=acknowledged"},
		{name: "service-viewer", address: guarded.address + "/services/down", headers: viewer},
		{name: "status-public", address: guarded.address + "/status"},
		{name: "forbidden", address: guarded.address + "/system/pipeline", headers: viewer, refused: "403"},
		{name: "log-in", address: guarded.address + "/", refused: "503"},
		{name: "not-found", address: states.address + "/nowhere", refused: "404"},
	}
	for _, s := range states.board.Services() {
		all = append(all, picture{name: "service-" + s.Name, address: states.address + "/services/" + s.Name})
	}
	for name, incident := range incidents {
		all = append(all, picture{name: "incident-" + name, address: states.address + pageOf(incident)})
	}
	return all
}

func plantPictures(t testing.TB) []picture {
	t.Helper()
	fresh, stale, broken := plant(t, 90*time.Second), plant(t, 26*time.Minute), plant(t, outage+4*time.Minute)
	clickhouse, _ := broken.board.Service("clickhouse")
	return []picture{
		{name: "overview-broken", address: broken.address + "/"},
		{name: "service-broken", address: broken.address + "/services/clickhouse"},
		{name: "incident-broken", address: broken.address + pageOf(*clickhouse.Incident)},
		{name: "pipeline-green", address: fresh.address + "/system/pipeline"},
		{name: "pipeline-yellow", address: stale.address + "/system/pipeline"},
		{name: "pipeline-red", address: broken.address + "/system/pipeline"},
		{name: "status", address: broken.address + "/status"},
	}
}

func otherPictures(t testing.TB) []picture {
	t.Helper()
	calm, many, empty := well(t), crowd(t), newWorld(t).serve(site{public: true})
	enemies, enmity := strangers(t)
	return []picture{
		{name: "overview-healthy", address: calm.address + "/"},
		{name: "overview-empty", address: empty.address + "/"},
		{name: "overview-2000", address: many.address + "/"},
		{name: "overview-none-found", address: many.address + "/?q=nothing"},
		{name: "overview-hostile", address: enemies.address + "/"},
		{name: "service-well", address: calm.address + "/services/gateway"},
		{name: "service-hostile", address: enemies.address + "/services/stranger"},
		{name: "incident-hostile", address: enemies.address + pageOf(enmity)},
		{name: "incidents-empty", address: empty.address + "/incidents"},
		{name: "incidents-hostile", address: enemies.address + "/incidents"},
		{name: "pipeline-hostile", address: enemies.address + "/system/pipeline"},
		{name: "status-empty", address: empty.address + "/status"},
		{name: "status-2000", address: many.address + "/status"},
	}
}
