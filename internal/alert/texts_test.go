package alert

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/texts/NAME.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "texts", filepath.FromSlash(name))
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "regenerate with: go test ./internal/alert -run TestTextsGolden -update")
}

// changed returns a sample with a change.
func changed(stage health.AlertStage, change func(*health.Alert)) []health.Alert {
	a := sample(stage, "clickhouse")
	change(&a)
	return one(a)
}

// fleet is an outage of many services, the worst of them last.
func fleet(count int) []health.Alert {
	var alerts []health.Alert
	for i := range count {
		a := sample(health.AlertInitial, fmt.Sprintf("service-%02d", count-i))
		a.Severity = fmt.Sprintf("P%d", 3-4*i/count)
		a.Since, a.Affected = a.Since.Add(time.Duration(i)*time.Second), nil
		alerts = append(alerts, a)
	}
	return alerts
}

func TestTextsGolden(t *testing.T) {
	mixed := []health.Alert{
		sample(health.AlertInitial, "redis"), sample(health.AlertUpdate, "redis"), sample(health.AlertResolution, "clickhouse"),
		changed(health.AlertInitial, func(a *health.Alert) { a.Service, a.Target, a.Severity = "r2", "eu", "P2" })[0],
	}
	for name, alerts := range map[string][]health.Alert{
		"initial":      one(sample(health.AlertInitial, "clickhouse")),
		"initial-bare": one(health.Alert{Status: health.AlertDown, Service: "clickhouse", Reason: "connection refused", At: sampleTime}),
		"update-reminder": changed(health.AlertUpdate, func(a *health.Alert) {
			a.News, a.Owner = "", ""
		}),
		"update-escalation": one(sample(health.AlertUpdate, "clickhouse")),
		"update-approval": changed(health.AlertUpdate, func(a *health.Alert) {
			a.News, a.Action, a.Attempts, a.Severity = "approval needed: restart clickhouse-server.service", "", 0, "P2"
		}),
		"resolution":         one(sample(health.AlertResolution, "clickhouse")),
		"resolution-by-hand": changed(health.AlertResolution, func(a *health.Alert) { a.Outcome, a.Owner = health.ByHand, "ana" }),
		"group-of-40":        fleet(40),
		"group-mixed":        mixed,
	} {
		for _, language := range Languages() {
			t.Run(language+"/"+name, func(t *testing.T) {
				texts, err := NewTexts(language, "")
				require.NoError(t, err)
				message, err := texts.Write(alerts)
				require.NoError(t, err)
				golden(t, language+"/"+name+".golden.txt", "Subject: "+message.Subject+"\n\n"+message.Plain)
				golden(t, language+"/"+name+".golden.html", message.HTML)
			})
		}
	}
}

func TestTextsSubjects(t *testing.T) {
	down, up := sample(health.AlertInitial, "clickhouse"), sample(health.AlertResolution, "clickhouse")
	severe := func(severity string) []health.Alert {
		return changed(health.AlertInitial, func(a *health.Alert) { a.Severity = severity })
	}
	outcome := func(outcome health.Outcome) []health.Alert {
		return changed(health.AlertResolution, func(a *health.Alert) { a.Outcome = outcome })
	}
	for _, test := range []struct {
		alerts []health.Alert
		en, es string
	}{
		{severe("P0"), "[CRITICAL] clickhouse is down", "[CRÍTICO] clickhouse está caído"},
		{severe("P1"), "[CRITICAL] clickhouse is down", "[CRÍTICO] clickhouse está caído"},
		{severe("P2"), "[WARNING] clickhouse is down", "[AVISO] clickhouse está caído"},
		{severe("P3"), "[INFO] clickhouse is down", "[INFO] clickhouse está caído"},
		{severe(""), "[CRITICAL] clickhouse is down", "[CRÍTICO] clickhouse está caído"},
		{one(sample(health.AlertUpdate, "db")), "[CRITICAL] db is still down: escalated to level 2 after 15m without an acknowledgement",
			"[CRÍTICO] db sigue sin funcionar: escalated to level 2 after 15m without an acknowledgement"},
		{one(up), "[RESOLVED] clickhouse recovered after 2m 15s", "[RESUELTO] clickhouse se recuperó tras 2m 15s"},
		{one(recovered), "[RESOLVED] x/eu recovered after 2m 15s", "[RESUELTO] x/eu se recuperó tras 2m 15s"},
		{outcome(health.ByHand), "[RESOLVED] clickhouse was resolved by hand after 2m 15s", "[RESUELTO] clickhouse se dio por resuelto a mano tras 2m 15s"},
		{outcome(health.Abandoned), "[CLOSED] clickhouse is no longer being healed after 2m 15s", "[CERRADO] clickhouse ya no se repara, tras 2m 15s"},
		{[]health.Alert{down, up}, "[RESOLVED] clickhouse recovered after 2m 15s", "[RESUELTO] clickhouse se recuperó tras 2m 15s"},
		{[]health.Alert{up, down}, "[CRITICAL] clickhouse is down", "[CRÍTICO] clickhouse está caído"},
		{fleet(40), "[CRITICAL] 40 services are down", "[CRÍTICO] 40 servicios están caídos"},
		{[]health.Alert{up, sample(health.AlertInitial, "db")}, "[CRITICAL] 1 service is down, 1 recovered", "[CRÍTICO] 1 servicio está caído, 1 recuperado"},
		{[]health.Alert{up, sample(health.AlertResolution, "db")}, "[RESOLVED] 2 services recovered", "[RESUELTO] 2 servicios se recuperaron"},
	} {
		for language, want := range map[string]string{"en": test.en, "es": test.es} {
			texts, err := NewTexts(language, "")
			require.NoError(t, err)
			message, err := texts.Write(test.alerts)
			require.NoError(t, err)
			require.Equal(t, want, message.Subject)
		}
	}
}

// Forty services have forty lines, worst first, then by name; a flood stays
// within what mail services show.
func TestTextsGroup(t *testing.T) {
	texts, err := NewTexts("en", "")
	require.NoError(t, err)
	message, err := texts.Write(fleet(40))
	require.NoError(t, err)
	var names []string
	for line := range strings.Lines(message.Plain) {
		if strings.HasPrefix(line, "- ") {
			names = append(names, strings.Join(strings.Fields(line)[1:3], " "))
		}
	}
	require.Len(t, names, 40)
	require.IsIncreasing(t, names)
	require.Contains(t, message.Plain, "\n30 more services are only in the list above.\n")

	flood := fleet(200)
	for i := range flood {
		flood[i].Reason, flood[i].Evidence = strings.Repeat("<reason> ", 1000), strings.Repeat("<line>\n", 10_000)
		flood[i].News, flood[i].Service = strings.Repeat("ñ", 1000), fmt.Sprintf("s%d", i)
	}
	message, err = texts.Write(flood)
	require.NoError(t, err)
	require.Less(t, len(message.Plain), 100_000)
	require.Less(t, len(message.HTML), 200_000)
	require.Equal(t, 200, strings.Count(message.HTML, "<th>s"))
}

// Whoever has not read the first alert yet gets what that would have said.
func TestTextsOvertakenAlerts(t *testing.T) {
	message, err := (*Texts)(nil).Write([]health.Alert{sample(health.AlertInitial, "db"), sample(health.AlertUpdate, "db")})
	require.NoError(t, err)
	require.Equal(t, "[CRITICAL] db is down", message.Subject)
	require.Contains(t, message.Plain, "Impact:       Dashboards show no new data.\n")
	require.Contains(t, message.Plain, "\nescalated to level 2 after 15m without an acknowledgement\n")
	require.Contains(t, message.Plain, "Before:       14:29:30 UTC: db is down\n")
}

// What a service says can neither add a header, nor a line, nor markup.
func TestTextsTameWhatServicesSay(t *testing.T) {
	const evil = "x\r\nBcc: all@example.org\u2028\x1b[31m\u202etxt.exe\x00 <script>alert(1)</script>"
	message, err := (*Texts)(nil).Write(changed(health.AlertUpdate, func(a *health.Alert) {
		a.Service, a.News, a.Reason, a.Evidence, a.Owner, a.Severity = evil, evil, evil, evil, evil, evil
		a.Runbook, a.Link = "javascript:alert(1)", "https://x.example/\"><script>alert(1)</script>"
		a.Affected = []string{evil}
	}))
	require.NoError(t, err)
	require.Contains(t, message.Subject, "[CRITICAL] x Bcc: all@example.org [31mtxt.exe <script>alert(1)</script> is still down: x Bcc:")
	require.LessOrEqual(t, len(message.Subject), subjectLimit)
	for _, text := range []string{message.Plain, message.HTML} {
		require.False(t, strings.ContainsAny(text, "\r\x00\x1b\u2028\u202e"))
	}
	require.Equal(t, 1, strings.Count(message.Plain, "\n    Bcc:")) // the evidence, indented
	require.NotContains(t, message.Plain, "\nBcc:")
	require.NotContains(t, message.HTML, "<script")
	require.NotContains(t, message.HTML, `href="javascript`)
}

func TestTextsDirectory(t *testing.T) {
	write := func(t *testing.T, files map[string]string) string {
		directory := t.TempDir()
		for name, text := range files {
			file := filepath.Join(directory, name)
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		}
		return directory
	}
	t.Run("replaces", func(t *testing.T) {
		directory := write(t, map[string]string{
			"subject.txt.tmpl": "{{with .Only}}{{.Name}}!{{end}} {{len .Down}}", "es/subject.txt.tmpl": "¡{{len .Down}}!",
			"README.md": "Ours.", "fr/subject.txt.tmpl": "{{",
		})
		for language, want := range map[string]string{"en": "clickhouse! 1", "es": "¡1!"} {
			texts, err := NewTexts(language, directory)
			require.NoError(t, err)
			message, err := texts.Write(one(sample(health.AlertInitial, "clickhouse")))
			require.NoError(t, err)
			require.Equal(t, want, message.Subject)
			require.Contains(t, message.Plain, "2026-03-19 14:27:45 UTC")
		}
	})
	t.Run("falls back", func(t *testing.T) {
		directory := write(t, map[string]string{"subject.txt.tmpl": "{{with .Only}}{{if eq .Name \"odd\"}}{{index .Affected 5}}{{end}}{{end}}mine"})
		texts, err := NewTexts("en", directory)
		require.NoError(t, err)
		message, err := texts.Write(one(sample(health.AlertInitial, "odd")))
		require.NoError(t, err)
		require.Equal(t, "[CRITICAL] odd is down", message.Subject)
	})
	const entryFields = "Action, Affected, At, Attempts, DedupKey, Downtime, Earlier, Evidence, Impact, Incident, Labels, Level, Link, Name, " +
		"News, NextUpdate, Outcome, Owner, Reason, Response, Run, Runbook, Service, Severity, Short, Since, Stage, Status, Target, Workflow"
	const files = "initial.html.tmpl, initial.txt.tmpl, message.html.tmpl, message.txt.tmpl, parts.html.tmpl, parts.txt.tmpl, " +
		"resolution.html.tmpl, resolution.txt.tmpl, subject.txt.tmpl, update.html.tmpl, update.txt.tmpl"
	for name, test := range map[string]struct{ file, text, want string }{
		"field":          {"update.txt.tmpl", "{{.Name}}\n  {{.Foo}}", ":2:4: can't evaluate field Foo; fields: " + entryFields},
		"field in HTML":  {"resolution.html.tmpl", "<p>{{.Foo}}", ":1:5: can't evaluate field Foo; fields: " + entryFields},
		"field of group": {"subject.txt.tmpl", "{{.Name}}", ":1:2: can't evaluate field Name; fields: Details, Down, Level, Omitted, Only, Recovered"},
		"syntax":         {"initial.txt.tmpl", "\n{{if}}", ":2: missing value for if"},
		"function":       {"initial.txt.tmpl", "{{since .At}}", ":1: function \"since\" not defined; besides those of the language there are: clock, indent, instant, link, list, span"},
		"template":       {"initial.txt.tmpl", "{{template \"foot.txt.tmpl\"}}", ":1:11: template \"foot.txt.tmpl\" not defined; there are: " + files},
		"HTML template":  {"initial.html.tmpl", "{{template \"foot\"}}", ":1:11: no such template \"foot\"; there are: " + files},
		"empty subject":  {"subject.txt.tmpl", " \n", ": writes an empty subject"},
		"unknown file":   {"initial.tmpl", "", ": replaces no template; there are: " + files},
	} {
		t.Run(name, func(t *testing.T) {
			directory := write(t, map[string]string{test.file: test.text})
			_, err := NewTexts("en", directory)
			require.EqualError(t, err, filepath.Join(directory, test.file)+test.want)
		})
	}
	t.Run("unknown language", func(t *testing.T) {
		_, err := NewTexts("fr", "")
		require.EqualError(t, err, `unknown language "fr"; there are: en, es`)
	})
	t.Run("no directory", func(t *testing.T) {
		_, err := NewTexts("en", "/nowhere/templates")
		require.EqualError(t, err, "templates: open /nowhere/templates: no such file or directory")
	})
}
