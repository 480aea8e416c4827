package config

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// environment is where values come from that are not written in the file.
type environment struct {
	lookup func(string) (string, bool)
	// dir is what relative paths of secret files start from.
	dir string
	// secrets collects what came from outside.
	secrets *[]string
}

// credentialsVariable names the directory of systemd's LoadCredential.
const credentialsVariable = "CREDENTIALS_DIRECTORY"

// reference is "$${" (a literal), "${NAME}", "${NAME:-default}" or the start
// of something that was meant to be one of them.
var reference = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}|\$\{`)

// expand replaces the references in text. It returns what is wrong with them,
// all at once; the texts never hold values.
func (e environment) expand(text string) (string, []string) {
	if !strings.Contains(text, "${") {
		return text, nil
	}
	var wrong []string
	expanded := reference.ReplaceAllStringFunc(text, func(found string) string {
		parts := reference.FindStringSubmatch(found)
		name, fallback := parts[1], parts[2]
		if found == "$${" {
			return "${"
		}
		if name == "" {
			wrong = append(wrong, "\"${\" does not begin a variable here; write ${NAME} or ${NAME:-default}, or $${ for the two characters themselves")
			return found
		}
		value, set := e.lookup(name)
		if fallback != "" && value == "" {
			return strings.TrimPrefix(fallback, ":-")
		}
		if !set {
			wrong = append(wrong, fmt.Sprintf("the environment variable %s is not set; set it, or write ${%s:-default}", name, name))
		}
		e.keep(value)
		return value
	})
	return expanded, wrong
}

// keep remembers a value that must not be shown.
func (e environment) keep(value string) {
	if value != "" {
		*e.secrets = append(*e.secrets, value)
	}
}

// secretLimit bounds secret files in bytes.
const secretLimit = 64 << 10

// readSecret returns the content of a secret file without its trailing
// newline. The error says what to do and never holds content.
func (e environment) readSecret(path string) (string, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = e.locate(path)
	}
	content, err := readRegular(full, secretLimit)
	if err != nil {
		return "", fmt.Errorf("the secret file %s cannot be read: %w", full, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("the secret file %s is empty; write the secret into it", full)
	}
	e.keep(value)
	return value, nil
}

// locate finds a relative path: beside the configuration, else among systemd's
// credentials.
func (e environment) locate(path string) string {
	beside := filepath.Join(e.dir, path)
	directory, set := e.lookup(credentialsVariable)
	if _, err := os.Stat(beside); err != nil && set && directory != "" {
		if credential := filepath.Join(directory, path); isFile(credential) {
			return credential
		}
	}
	return beside
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// readRegular reads a regular file of at most limit bytes.
func readRegular(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("it does not exist; create it, or correct the path")
	case err != nil:
		return nil, fmt.Errorf("%w; correct the path or the permissions", cause(err))
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file; name a file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w; correct its permissions", cause(err))
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("it is larger than %d KiB; name a file with nothing but the secret", limit>>10)
	}
	return content, nil
}

// cause drops the path from an error of package os; the caller names it.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// onlyReference matches scalars that are one reference without a default, and
// so hold no secret themselves.
var onlyReference = regexp.MustCompile(`^["']?\$\{[A-Za-z_][A-Za-z0-9_]*\}["']?$`)

// disguises returns the forms that a value takes when Go quotes it or escapes
// it in an address.
func disguises(value string) []string {
	quoted := strconv.Quote(value)
	forms := []string{quoted[1 : len(quoted)-1], url.QueryEscape(value), url.PathEscape(value)}
	return slices.DeleteFunc(slices.Compact(forms), func(form string) bool { return form == value })
}
