package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

func readStore(t *testing.T, section string) *Config {
	t.Helper()
	config, err := read("paramedic.yml", section+"\nservices: [{name: web, probe: {other: {}}}]")
	require.NoError(t, err)
	return config
}

func hours(n int) health.Duration { return health.Duration(time.Duration(n) * time.Hour) }

func TestStoreWhenNothingIsWritten(t *testing.T) {
	want := Store{Results: hours(48), Failures: hours(720), Hours: hours(336), Days: hours(9600), Incidents: hours(8760)}
	require.Equal(t, want, readStore(t, "").Store)
	require.Equal(t, want, readStore(t, "store:").Store, "as when every key is commented out")
}

func TestStoreOfEveryKey(t *testing.T) {
	store := readFile(t, "testdata/good/everything.yml").Store
	require.Equal(t, "postgres://medic:p%40ss-word@db.example/paramedic", store.URL.Reveal())
	require.Equal(t, "rediss://:cache-word@cache.example/1", store.Cache.Reveal())
	require.Equal(t, []health.Duration{hours(24), hours(1000), hours(400), hours(2400), hours(20000)},
		[]health.Duration{store.Results, store.Failures, store.Hours, store.Days, store.Incidents})
}

// The time for failures that nobody wrote never contradicts that for results.
func TestFailuresAreKeptAsLongAsResults(t *testing.T) {
	require.Equal(t, hours(1000), readStore(t, "store: {results: 1000h}").Store.Failures)
	require.Equal(t, hours(48), readStore(t, "store: {failures: 48h}").Store.Failures)
}

func TestAddressesOfTheStore(t *testing.T) {
	for _, address := range []string{
		"postgres://db.internal", "postgresql://medic:word-1@[::1]:5433/paramedic?sslmode=require",
		"postgres:///paramedic?host=/run/postgresql&password=word-2",
	} {
		require.Equal(t, address, readStore(t, `store: {url: "`+address+`"}`).Store.URL.Reveal())
	}
	require.Contains(t, readStore(t, `store: {url: "postgres://me:word-1@x"}`).Secrets(), "word-1")
	require.Contains(t, readStore(t, `store: {url: "postgres://x/?password=word-2"}`).Secrets(), "word-2")
	require.Contains(t, readStore(t, `store: {cache: "redis://me:word-3@x"}`).Secrets(), "word-3")
	require.NotContains(t, readStore(t, `store: {cache: "redis://localhost"}`).Secrets(), "")
}
