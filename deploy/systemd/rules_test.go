// Package systemd holds the tests of the units and of the polkit rule in this
// folder: the rule is run by a JavaScript engine, the units by a real systemd.
package systemd

import (
	"os"
	"regexp"
	"testing"

	"github.com/dop251/goja"
	"github.com/stretchr/testify/require"
)

const manage = "org.freedesktop.systemd1.manage-units"

// polkit is what a rule of polkit sees: addRule, and the results.
type polkit struct {
	engine *goja.Runtime
	rule   goja.Callable
}

func loadRule(t *testing.T) *polkit {
	t.Helper()
	text, err := os.ReadFile("50-paramedic.rules")
	require.NoError(t, err)
	p := &polkit{engine: goja.New()}
	results := map[string]string{}
	for _, name := range []string{"NO", "YES", "AUTH_SELF", "AUTH_SELF_KEEP", "AUTH_ADMIN", "AUTH_ADMIN_KEEP", "NOT_HANDLED"} {
		results[name] = name
	}
	require.NoError(t, p.engine.Set("polkit", map[string]any{
		"Result": results,
		"addRule": func(rule goja.Callable) {
			require.Nil(t, p.rule, "there is one rule")
			p.rule = rule
		},
	}))
	_, err = p.engine.RunScript("50-paramedic.rules", string(text))
	require.NoError(t, err)
	require.NotNil(t, p.rule)
	return p
}

// polkit's engine knows the JavaScript of 2009, the one of this test more.
func TestRuleIsPlainJavaScript(t *testing.T) {
	text, err := os.ReadFile("50-paramedic.rules")
	require.NoError(t, err)
	code := regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(string(text), "")
	require.NotRegexp(t, "\\b(const|let|class|of|async)\\b|=>|`|\\.(includes|startsWith|endsWith)\\(", code)
}

// ask has the rule decide. Details that systemd has not sent are undefined.
func (p *polkit) ask(t *testing.T, user, id string, details map[string]string) string {
	t.Helper()
	action := map[string]any{"id": id, "lookup": func(name string) any {
		if value, sent := details[name]; sent {
			return value
		}
		return goja.Undefined()
	}}
	subject := map[string]any{"user": user, "groups": []string{user}, "local": false, "active": false}
	answer, err := p.rule(goja.Undefined(), p.engine.ToValue(action), p.engine.ToValue(subject))
	require.NoError(t, err)
	return answer.String()
}

// The rule lets paramedic do what its remedies do to the units that are listed,
// and nothing else, and has no say over anybody else.
func TestRule(t *testing.T) {
	rule := loadRule(t)
	of := func(unit, verb string) map[string]string { return map[string]string{"unit": unit, "verb": verb} }
	const listed = "clickhouse-server.service"
	for name, c := range map[string]struct {
		user, action string
		details      map[string]string
		want         string
	}{
		"restart":                   {"paramedic", manage, of(listed, "restart"), "YES"},
		"start":                     {"paramedic", manage, of(listed, "start"), "YES"},
		"stop":                      {"paramedic", manage, of(listed, "stop"), "YES"},
		"forget that it has failed": {"paramedic", manage, of(listed, "reset-failed"), "YES"},
		"the other listed unit":     {"paramedic", manage, of("dragonfly.service", "restart"), "YES"},

		"kill":                          {"paramedic", manage, of(listed, "kill"), "NO"},
		"set properties":                {"paramedic", manage, of(listed, "set-property"), "NO"},
		"freeze":                        {"paramedic", manage, of(listed, "freeze"), "NO"},
		"a verb in capitals":            {"paramedic", manage, of(listed, "RESTART"), "NO"},
		"another unit":                  {"paramedic", manage, of("sshd.service", "restart"), "NO"},
		"itself":                        {"paramedic", manage, of("paramedic.service", "restart"), "NO"},
		"a unit that begins like it":    {"paramedic", manage, of("clickhouse-server.service.evil.service", "restart"), "NO"},
		"a unit that ends like it":      {"paramedic", manage, of("x-clickhouse-server.service", "restart"), "NO"},
		"a transient unit of that name": {"paramedic", manage, of("clickhouse-server.scope", "start"), "NO"},
		"a glob":                        {"paramedic", manage, of("*", "restart"), "NO"},
		"no unit":                       {"paramedic", manage, map[string]string{"verb": "restart"}, "NO"},
		"no verb":                       {"paramedic", manage, map[string]string{"unit": listed}, "NO"},
		"nothing, as an old systemd":    {"paramedic", manage, nil, "NO"},
		"unit files":                    {"paramedic", "org.freedesktop.systemd1.manage-unit-files", of(listed, "restart"), "NO"},
		"a reload of systemd":           {"paramedic", "org.freedesktop.systemd1.reload-daemon", of(listed, "restart"), "NO"},

		"another user":                {"mallory", manage, of(listed, "restart"), "NOT_HANDLED"},
		"a user that begins like it":  {"paramedic2", manage, of(listed, "restart"), "NOT_HANDLED"},
		"root":                        {"root", manage, of(listed, "restart"), "NOT_HANDLED"},
		"a power-off, by another way": {"paramedic", "org.freedesktop.login1.power-off", of(listed, "restart"), "NOT_HANDLED"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, rule.ask(t, c.user, c.action, c.details))
		})
	}
}
