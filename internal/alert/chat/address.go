package chat

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// segments are the parts of an address' path, decoded.
func segments(u *url.URL) []string {
	var parts []string
	for part := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		if decoded, err := url.PathUnescape(part); err == nil && decoded != "" {
			parts = append(parts, decoded)
		}
	}
	return parts
}

// param is what an address says of name after the "?".
func param(u *url.URL, name string) string {
	for key, values := range u.Query() {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

func yes(value string) bool {
	return slices.Contains([]string{"yes", "true", "1", "on"}, strings.ToLower(value))
}

// insecure are the parameters that choose plain HTTP for a server of one's own.
var insecure = []string{"scheme", "disabletls"}

// base is where the server of an address is called, without a slash at the end.
func base(u *url.URL) (string, error) {
	scheme := strings.ToLower(param(u, "scheme"))
	switch {
	case u.Hostname() == "":
		return "", errors.New("names no host")
	case scheme == "" && yes(param(u, "disabletls")):
		scheme = "http"
	case scheme == "":
		scheme = "https"
	case scheme != "http" && scheme != "https":
		return "", errors.New("has a scheme that is neither http nor https")
	}
	return (&url.URL{Scheme: scheme, Host: u.Host}).String(), nil
}

// at appends parts to a server's address, each escaped.
func at(server string, parts ...string) string {
	for _, part := range parts {
		server += "/" + url.PathEscape(part)
	}
	return server
}

func basic(user, password string) http.Header {
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return http.Header{"Authorization": {"Basic " + pair}}
}

func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}}
}

// number reads a whole number within bounds; empty gives the preset.
func number(u *url.URL, name string, preset, least, most int) (int, error) {
	value := param(u, name)
	if value == "" {
		return preset, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, errors.New("has a " + name + " that is no number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most))
	}
	return n, nil
}
