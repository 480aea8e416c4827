package probe

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

// looking returns the default options for a server that root vouches for.
func looking(address string, root *issuer) *Certificate {
	options := certificateKind().Options().(*Certificate)
	options.Address, options.ServerName = address, "shop.test"
	if root != nil {
		options.CA = root.file()
	}
	return options
}

// in writes a day that is so far ahead, or behind.
func in(left time.Duration) string { return time.Now().Add(left).UTC().Format(time.DateOnly) }

func TestCertificateIsJudgedByTheDaysItHasLeft(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	const rest = day / 2 // away from the change of a day
	for _, test := range []struct {
		name   string
		left   time.Duration
		status health.Status
		want   string
	}{
		{"long", 90*day + rest, health.Healthy, "certificate of shop.test expires on %s, in 90 days"},
		{"soon", 20*day + rest, health.Degraded, "days left 20.5 < 21: certificate of shop.test expires on %s, in 20 days"},
		{"now", 1*day + rest, health.Unhealthy, "days left 1.5 < 7: certificate of shop.test expires on %s, in 1 day"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := shows(t, root.server("shop.test", test.left))
			result := probe(t, open(t, looking(address, root)), 10*time.Second)
			require.Equal(t, fmt.Sprintf(test.want, in(test.left)), result.Message)
			require.Equal(t, test.status, result.Status)
			require.InDelta(t, test.left.Hours()/24, result.Observations["days_left"], 0.01)
		})
	}
}

func TestCertificateThatCannotBeVerified(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	const left = 90*day + day/2
	ended := -3*day - day/2
	period := in(ended-365*day) + " to " + in(ended)
	good := "; certificate of shop.test expires on " + in(left) + ", in 90 days"

	expired := shows(t, root.server("shop.test", ended))
	result := probe(t, open(t, looking(expired, root)), 10*time.Second)
	requireUnhealthy(t, result, "TLS: certificate expired or not yet valid ("+period+"); certificate of shop.test expired on "+in(ended)+", 3 days ago")
	require.InDelta(t, -3.5, result.Observations["days_left"], 0.01)

	valid := shows(t, root.server("shop.test", left))
	options := looking(valid, root)
	options.ServerName = "other.test"
	requireUnhealthy(t, probe(t, open(t, options), 10*time.Second),
		"TLS: x509: certificate is valid for shop.test, not other.test"+good)
	requireUnhealthy(t, probe(t, open(t, looking(valid, newIssuer(t, "Other Root", day))), 10*time.Second),
		"TLS: certificate signed by an unknown authority"+good)
	requireUnhealthy(t, probe(t, open(t, looking(valid, nil)), 10*time.Second),
		"TLS: certificate signed by an unknown authority"+good)

	// Without a name of its own, the address is what the certificate has to be for.
	options = looking(valid, root)
	options.ServerName = ""
	requireHealthy(t, probe(t, open(t, options), 10*time.Second))
}

func TestCertificateUnverifiedIsJudgedByItsDaysAlone(t *testing.T) {
	t.Parallel()
	unknown := newIssuer(t, "Unknown", 3650*day)
	for left, want := range map[time.Duration]string{
		90*day + day/2:  "certificate of old.test expires on %s, in 90 days",
		-3*day - day/2:  "days left -3.5 < 7: certificate of old.test expired on %s, 3 days ago",
		400*day + day/2: "certificate of old.test is valid from " + in(35*day+day/2) + " to %s",
	} {
		options := looking(shows(t, unknown.server("old.test", left)), nil)
		options.InsecureSkipVerify = true
		result := probe(t, open(t, options), 10*time.Second)
		require.Equal(t, fmt.Sprintf(want, in(left)), result.Message)
		require.Equal(t, left == 90*day+day/2, result.Status == health.Healthy)
	}
}

// A chain is worth as much as the certificate in it that ends first.
func TestCertificateOfTheChainThatExpiresFirst(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	middle := root.below("Test Middle", 10*day+day/2)
	result := probe(t, open(t, looking(shows(t, middle.server("shop.test", 90*day)), root)), 10*time.Second)
	require.Equal(t, health.Degraded, result.Status)
	require.Equal(t, "days left 10.5 < 21: certificate of shop.test: that of its issuer Test Middle expires on "+
		in(10*day+day/2)+", in 10 days", result.Message)

	old := newIssuer(t, "Old Root", 5*day+day/2)
	result = probe(t, open(t, looking(shows(t, old.server("shop.test", 90*day)), old)), 10*time.Second)
	require.Equal(t, health.Unhealthy, result.Status)
	require.InDelta(t, 5.5, result.Observations["days_left"], 0.01)
}

// Where several chains verify, the one that lasts the longest counts.
func TestCertificateOfTheChainThatLasts(t *testing.T) {
	t.Parallel()
	long, short := newIssuer(t, "Long", 300*day), newIssuer(t, "Short", 3*day)
	middle := newIssuer(t, "Middle", 200*day)
	chain := func(above *issuer) *issuer {
		signed := sign(t, middle.certificate, above.certificate, &middle.key.PublicKey, above.key)
		return &issuer{t: t, certificate: signed, key: middle.key, above: [][]byte{signed.Raw}}
	}
	first, second := chain(short), chain(long)
	first.above = append(first.above, second.above...)
	options := looking(shows(t, first.server("shop.test", 90*day)), long)
	opened := open(t, options).(*certificateProber)
	opened.roots.AddCert(short.certificate)
	result := probe(t, opened, 10*time.Second)
	requireHealthy(t, result)
	require.InDelta(t, 90, result.Observations["days_left"], 0.01)
}

func TestCertificateConditions(t *testing.T) {
	t.Parallel()
	root := newIssuer(t, "Test Root", 3650*day)
	address := shows(t, root.server("shop.test", 90*day))
	options := looking(address, root)
	options.Expect = []string{
		`days_left > 30 && subject == "shop.test" && issuer == "Test Root"`, `"shop.test" in names && "127.0.0.1" in names`,
		`version == "TLS 1.3"`, "latency < duration('10s')",
	}
	requireHealthy(t, probe(t, open(t, options), 10*time.Second))
	options.ExpectDegraded = []string{`issuer startsWith "R"`}
	result := probe(t, open(t, options), 10*time.Second)
	require.Equal(t, health.Degraded, result.Status)
	require.Equal(t, `issuer startsWith "R": issuer is "Test Root"`, result.Message)
}

func TestCertificateSurvivesSilence(t *testing.T) {
	requireSurvivesSilence(t, func(address string) Options { return looking(address, nil) },
		"timeout after 200ms while making a TLS handshake with @silent", "connection refused while connecting to @deaf")
	requireSurvivesSilence(t, func(address string) Options {
		options := looking(address, nil)
		options.StartTLS = "smtp"
		return options
	}, "timeout after 200ms while asking @silent for TLS", "connection refused while connecting to @deaf")
}

func TestCertificateOptions(t *testing.T) {
	t.Parallel()
	options := looking("shop.test", newIssuer(t, "Test Root", day))
	options.InsecureSkipVerify, options.MinDays = true, 30
	options.Expect = []string{"days > 3"}
	require.Equal(t, option.Problems{
		{Path: "address", Text: `"shop.test" is not an address; write host:port, like 127.0.0.1:9000`},
		{Path: "insecure_skip_verify", Text: "accepts any issuer, and ca names those to accept; keep one"},
		{Path: "warn_days", Text: "21 is below min_days (30): it would never warn"},
		{Path: "expect[0]", Text: "unknown name days (line 1, column 1); known are days_left, issuer, latency, names, subject, version"},
	}, options.Validate())
	require.Equal(t, option.Problems{{Path: "ca", Text: "open /nowhere.pem: no such file or directory"}},
		(&Certificate{CA: "/nowhere.pem"}).Validate())
}
