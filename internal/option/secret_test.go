package option

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedactor(t *testing.T) {
	secret := `p"ss wörd/1+1`
	redactor := NewRedactor([]string{secret, "abc", "longer-than-long", "longer"})
	for text, want := range map[string]string{
		"":                             "",
		"nothing here":                 "nothing here",
		"with " + secret + ".":         "with ***.",
		fmt.Sprintf("%q", "a "+secret): `"a ***"`,
		"https://x/?p=p%22ss+w%C3%B6rd%2F1%2B1&x": "https://x/?p=***&x",
		"abc is too short to search for":          "abc is too short to search for",
		"longer-than-long, longer":                "***, ***",
		"cut: longer-than…":                       "cut: ***…",
		"cut: long… and long…":                    "cut: ***… and ***…",
		"cut: lon… of three bytes":                "cut: lon… of three bytes",
		"longer-than is not cut":                  "***-than is not cut",
		`begins with "long…", not "short"`:        `begins with "***…", not "short"`,
	} {
		require.Equal(t, want, redactor.Redact(text))
	}
	var none *Redactor
	require.Equal(t, "text", none.Redact("text"))
}
