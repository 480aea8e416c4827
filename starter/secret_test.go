package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

func TestSecretToken(t *testing.T) {
	form := regexp.MustCompile(`^token:  (paramedic_[A-Za-z0-9_-]{43})\nsha256: ([0-9a-f]{64})\n`)
	seen := map[string]bool{}
	for range 3 {
		got := starter(t, "", "secret", "token")
		require.Equal(t, exitGood, got.code, got.errors)
		parts := form.FindStringSubmatch(got.out)
		require.NotNil(t, parts, got.out)
		sum := sha256.Sum256([]byte(parts[1]))
		require.Equal(t, hex.EncodeToString(sum[:]), parts[2])
		require.False(t, seen[parts[1]])
		seen[parts[1]] = true
	}
	var made struct{ Token, SHA256 string }
	require.NoError(t, json.Unmarshal([]byte(starter(t, "", "secret", "token", "--json").out), &made))
	require.Len(t, made.SHA256, 64)
}

// The configuration takes what the two commands make.
func TestSecretsFitTheConfiguration(t *testing.T) {
	var token struct{ SHA256 string }
	require.NoError(t, json.Unmarshal([]byte(starter(t, "", "secret", "token", "--json").out), &token))
	got := password(t, "correct horse battery", "--cost", "10")
	require.Equal(t, exitGood, got.code, got.errors)
	hash := strings.TrimSpace(strings.TrimPrefix(got.out, "bcrypt: "))
	configuration := watching("http://127.0.0.1/") + "http:\n  access:\n" +
		"    tokens: [{name: ci, sha256: " + token.SHA256 + ", role: viewer}]\n" +
		"    users: [{name: ana, bcrypt: " + hash + ", role: admin}]\n"
	got = starter(t, configuration, "validate")
	require.Equal(t, exitGood, got.code, got.errors)
}

// password runs secret password with input on a pipe.
func password(t *testing.T, input string, args ...string) answer {
	t.Helper()
	var out, errors bytes.Buffer
	a := &app{out: &out}
	root := a.root()
	root.SetArgs(append([]string{"secret", "password"}, args...))
	root.SetIn(strings.NewReader(input))
	root.SetOut(&out)
	root.SetErr(&errors)
	if err := root.ExecuteContext(t.Context()); err != nil {
		return answer{exitBad, out.String(), err.Error()}
	}
	return answer{exitGood, out.String(), errors.String()}
}

func TestSecretPassword(t *testing.T) {
	for _, input := range []string{"correct horse battery\n", "correct horse battery\r\n", "correct horse battery", "correct horse battery\nmore\n"} {
		got := password(t, input, "--cost", "10")
		require.Equal(t, exitGood, got.code, got.errors)
		hash := []byte(strings.TrimSuffix(strings.TrimPrefix(got.out, "bcrypt: "), "\n"))
		require.NoError(t, bcrypt.CompareHashAndPassword(hash, []byte("correct horse battery")))
		require.NotContains(t, got.out+got.errors, "horse")
	}
	for input, want := range map[string]string{
		"short":                   "the password is shorter than 12 characters; choose a longer one",
		"":                        "the password is shorter than 12 characters; choose a longer one",
		strings.Repeat("ñ", 37):   "the password is longer than 72 bytes, and bcrypt would ignore the rest; choose a shorter one",
		"with a \t in its middle": "the password holds a control character, which cannot be typed into a browser; choose another",
	} {
		require.Equal(t, answer{exitBad, "", want}, password(t, input))
	}
	require.Equal(t, answer{exitBad, "", "--cost 15: choose 10 to 14"}, password(t, "correct horse battery", "--cost", "15"))
	require.Contains(t, starter(t, "", "secret").out, "Ask for a password")
}

// A real terminal, by util-linux's script, shows the prompts and not what is
// typed.
func TestSecretPasswordAtATerminal(t *testing.T) {
	script, err := exec.LookPath("script")
	if err != nil {
		t.Skip("there is no script of util-linux to make a terminal with")
	}
	program := t.TempDir() + "/starter"
	built, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", built)
	for typed, want := range map[string]string{
		"correct horse battery\ncorrect horse battery\n": "bcrypt: $2a$10$",
		"correct horse battery\ncorrect horse staple\n":  "the two differ; try again",
	} {
		command := exec.CommandContext(t.Context(), script, "-qec", program+" secret password --cost 10", "/dev/null")
		command.Stdin = strings.NewReader(typed)
		shown, _ := command.CombinedOutput()
		require.Contains(t, string(shown), "Password: ")
		require.Contains(t, string(shown), "Again: ")
		require.Contains(t, string(shown), want)
	}
}
