package option

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
)

// Headers are the options of a request: what it is to carry besides what is set
// for it.
type Headers struct {
	Headers map[string]Secret
	// Token is sent as Authorization, if there is one.
	Token Secret
	// Own are the canonical names of those that the request sets itself.
	Own []string
}

// Check names the mistakes at "headers" and "token". None shows a value.
func (h Headers) Check() Problems {
	var problems Problems
	if !IsPrintable(h.Token.Reveal()) {
		problems.Add("token", "holds a line break or another control character")
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		path, canonical := "headers."+name, http.CanonicalHeaderKey(name)
		switch {
		case !isHeaderName(name):
			problems.Add(path, "%q is not the name of a header", name)
		case slices.Contains(h.Own, canonical):
			problems.Add(path, "%s is set by paramedic itself", canonical)
		case canonical == "Authorization" && !h.Token.Empty():
			problems.Add(path, "token already sets Authorization; keep one of the two")
		case seen[canonical] != "":
			problems.Add(path, "is the same header as %s", seen[canonical])
		case !IsPrintable(h.Headers[name].Reveal()):
			problems.Add(path, "holds a line break or another control character")
		}
		seen[canonical] = name
	}
	return problems
}

// isHeaderName reports whether name is a token of RFC 9110, section 5.6.2.
func isHeaderName(name string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune(marks, r)
	})
}

// IsPrintable reports whether a value can stand in a header or a line of a
// protocol: it holds no control character but tabs.
func IsPrintable(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// Authorities reads the certificates of a PEM file, to trust in place of the
// system's; nil, for no file, means the system's.
func Authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}
