package probe

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/realtest"
)

// openAlike opens options for many targets and closes the prober with the test.
func openAlike(t *testing.T, options Options) Many {
	t.Helper()
	many, err := OpenMany(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, many.Close()) })
	return many
}

func TestManyNamesAreAsked(t *testing.T) {
	t.Parallel()
	server := realtest.DNS(t, "shop.test", records)
	options := askingDNS(server.Addr, "A", "{{target}}.shop.test")
	many := openAlike(t, options)
	require.IsType(t, &alike{}, many)
	mail := RunMany(t.Context(), many, health.Target{Name: "mail"}, 10*time.Second)
	requireHealthy(t, mail)
	require.Equal(t, "mail.shop.test A: 10.0.0.3", mail.Message)
	requireUnhealthy(t, RunMany(t.Context(), many, health.Target{Name: "nobody"}, 10*time.Second),
		`rcode == "NOERROR": rcode is "NXDOMAIN"; count > 0: count is 0`)
	requireNotProbed(t, RunMany(t.Context(), many, health.Target{Name: "a..b"}, 10*time.Second),
		`cannot be probed: name: "a..b.shop.test" is not a domain name: it is longer than 255 bytes, or a part of it is empty or longer than 63`)
	require.Equal(t, "127.0.0.1", many.Host(health.Target{Name: "mail"}))

	// Conditions that differ are compiled for each target.
	options.Expect = []string{`"{{label "address"}}" in answers`}
	differing := openAlike(t, options)
	require.IsType(t, &general{}, differing)
	requireHealthy(t, RunMany(t.Context(), differing,
		health.Target{Name: "mail", Labels: map[string]string{"address": "10.0.0.3"}}, 10*time.Second))
}

func TestManyCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	good, short := shows(t, root.server("good.test", 90*day)), shows(t, root.server("short.test", 3*day+day/2))
	options := looking("{{target}}", root)
	options.ServerName, options.Expect = `{{label "name"}}`, []string{"issuer == 'Test Root'"}
	many := openAlike(t, options)
	require.IsType(t, &alike{}, many)
	target := func(address, name string) health.Target {
		return health.Target{Name: address, Labels: map[string]string{"name": name}}
	}
	requireHealthy(t, RunMany(t.Context(), many, target(good, "good.test"), 10*time.Second))
	require.Equal(t, "days left 3.5 < 7: certificate of short.test expires on "+in(3*day+day/2)+", in 3 days",
		RunMany(t.Context(), many, target(short, "short.test"), 10*time.Second).Message)
	require.Contains(t, RunMany(t.Context(), many, target(good, "other.test"), 10*time.Second).Message,
		"TLS: x509: certificate is valid for good.test, not other.test")
	require.Equal(t, "127.0.0.1", many.Host(target(good, "good.test")))
}

func TestManyHostsAreReached(t *testing.T) {
	t.Parallel()
	mayPing(t, "127.0.0.1")
	options := pinging("{{target}}")
	options.Expect = []string{"loss == 0"}
	many := openAlike(t, options)
	require.IsType(t, &alike{}, many)
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		target := health.Target{Name: address}
		requireHealthy(t, RunMany(t.Context(), many, target, 10*time.Second))
		require.Equal(t, address, many.Host(target))
	}
	require.Contains(t, RunMany(t.Context(), many, health.Target{Name: "127.0.0.1:80"}, time.Second).Message,
		`cannot be probed: address: "127.0.0.1:80" has a port`)
}

// Arguments of a command are those of the target, and no part of a script.
func TestManyCommandsAreRun(t *testing.T) {
	t.Parallel()
	options := scripted(`echo "looked at $0"`, "{{target}}")
	requireHealthy(t, RunMany(t.Context(), openAlike(t, options), health.Target{Name: "10.0.0.1:80"}, 20*time.Second))
	result := RunMany(t.Context(), openAlike(t, options), health.Target{Name: "$(id)"}, 20*time.Second)
	require.Equal(t, health.NotProbed, result.Status)
	require.Contains(t, result.Message, "cannot be probed: command[3]")
}

func BenchmarkManyNames(b *testing.B) {
	server := realtest.DNS(b, "shop.test", records)
	for name, degraded := range map[string][]string{"alike": nil, "general": {`"{{target}}" != ""`}} {
		b.Run(name, func(b *testing.B) {
			options := askingDNS(server.Addr, "A", "{{target}}.shop.test")
			options.ExpectDegraded = degraded
			many, err := OpenMany(options)
			require.NoError(b, err)
			for b.Loop() {
				require.Equal(b, health.Healthy, RunMany(b.Context(), many, health.Target{Name: "mail"}, 10*time.Second).Status)
			}
		})
	}
}
