package remedy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"paramedic/internal/health"
	"paramedic/internal/option"
)

const harmful = ", which a shell or another language might misread here; " +
	"what is written here consists of letters, digits and . _ : / @ % + = , ~ - [ ], does not begin with -, and has no . or .. between slashes"

func TestExpandFillsCommandsAndCalls(t *testing.T) {
	target := health.Target{Name: "[::1]:80", Labels: map[string]string{"unit": "shop@eu-1.service"}}
	command := &Exec{Command: []string{"ssh", "{{target}}", `systemctl restart {{label "unit"}}`}, Timeout: execTimeout}
	require.True(t, HasTemplate(command))
	filled, problems := Expand(command, target)
	require.Empty(t, problems)
	require.Equal(t, []string{"ssh", "[::1]:80", "systemctl restart shop@eu-1.service"}, filled.(*Exec).Command)
	require.Equal(t, "{{target}}", command.Command[1], "the original has changed")

	call := &HTTP{URL: "http://{{target}}/restart", Method: "POST", Body: `{"unit":"{{label "unit"}}"}`, Timeout: httpTimeout}
	filled, problems = Expand(call, target)
	require.Empty(t, problems)
	require.Equal(t, "http://[::1]:80/restart", filled.(*HTTP).URL)
	require.Equal(t, `{"unit":"shop@eu-1.service"}`, filled.(*HTTP).Body)
	require.Equal(t, "POST to http://[::1]:80", filled.Title())
}

// Somebody may have written a shell into the command.
func TestExpandKeepsShellsFromHarm(t *testing.T) {
	for name, isHarmless := range map[string]bool{
		"10.0.0.1:80": true, "[fe80::1]": true, "https://shop.test/a_b-c~d?": false, "https://shop.test/a=b,c@d%20+e": true,
		"$(reboot)": false, "`reboot`": false, "a;reboot": false, "a|b": false, "a&&b": false, "a\nb": false, "a b": false,
		"'a'": false, `"a"`: false, `a\b`: false, "a>b": false, "*": false, "{a,b}": false, "!1": false, "#": false,
		"-rf": false, "--help": false, "": false, "é": false, "a\x00": false, "(a)": false,
	} {
		_, problems := Expand(&Exec{Command: []string{"sh", "-c", "curl {{target}}"}, Timeout: execTimeout}, health.Target{Name: name})
		if isHarmless {
			require.Empty(t, problems, name)
			continue
		}
		require.Len(t, problems, 1, name)
		require.Equal(t, "command[2]", problems[0].Path)
		require.Contains(t, problems[0].Text, harmful)
	}
	target := health.Target{Name: "a", Labels: map[string]string{"unit": "x; reboot"}}
	_, problems := Expand(&HTTP{URL: `http://h/{{label "unit"}}`, Method: "POST", Timeout: httpTimeout}, target)
	require.Equal(t, option.Problems{{Path: "url", Text: `label unit of target "a" is "x; reboot"` + harmful}}, problems)
}

func TestExpandRefusesWhatCannotHoldTemplates(t *testing.T) {
	target := health.Target{Name: "a"}
	unit := &Systemd{Unit: "shop@{{target}}.service"}
	want := option.Problems{{Text: `holds {{target}} or {{label "name"}}, which only remedies of kind exec or http can`}}
	_, problems := Expand(unit, target)
	require.Equal(t, want, problems)
	require.Equal(t, want[0], CheckMany(unit)[0])

	plain := systemdKind().Options().(*Systemd)
	plain.Unit = "shop.service"
	same, problems := Expand(plain, target)
	require.Empty(t, problems)
	require.Same(t, plain, same)

	secret := &Exec{Command: []string{"a"}, Env: map[string]option.Secret{"KEY": option.NewSecret("s3cret-{{target}}")}, Timeout: execTimeout}
	_, problems = Expand(secret, target)
	require.Equal(t, option.Problems{{
		Path: "env.KEY", Text: `holds {{target}} or {{label "name"}}, and secrets and names are the same for all targets`,
	}}, problems)
}

func TestCheckManyNeedsNoTarget(t *testing.T) {
	require.Empty(t, CheckMany(&Exec{Command: []string{`{{label "program"}}`, "{{target}}"}, Timeout: execTimeout}))
	require.Equal(t, option.Problems{{Path: "timeout", Text: "0s is too short; write more than 0s"}},
		CheckMany(&Exec{Command: []string{"a", "{{target}}"}}))
	problems := CheckMany(&HTTP{URL: "http://{{host}}", Method: "POST", Timeout: httpTimeout})
	require.Len(t, problems, 1)
	require.Equal(t, "url", problems[0].Path)
	require.Contains(t, problems[0].Text, "{{host}} means nothing here; write {{target}}")
}
