package api

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"

	"github.com/goccy/go-yaml"

	"paramedic/internal/operator"
)

// typeYAML is the media type of RFC 9512.
const typeYAML = "application/yaml"

// configuration shows the one in force: as YAML, or as JSON to whoever asks for
// that.
func (a *API) configuration(w http.ResponseWriter, r *http.Request) {
	if err := parse(r).done(); err != nil {
		a.fail(w, r, err)
		return
	}
	if a.Configuration == nil {
		a.fail(w, r, fault{http.StatusServiceUnavailable, "this process has no configuration to show"})
		return
	}
	text := []byte(a.Configuration())
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		a.send(w, http.StatusOK, typeYAML, text)
		return
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		a.fail(w, r, fmt.Errorf("write the configuration as JSON: %w", err))
		return
	}
	a.write(w, r, http.StatusOK, tree)
}

// Reloaded says since when the configuration is in force.
type Reloaded struct {
	At operator.Time `json:"at"`
}

// reload reads the configuration again.
func (a *API) reload(r *http.Request) (int, any, error) {
	if err := decode(r, &struct{}{}); err != nil {
		return 0, nil, err
	}
	if a.Reload == nil {
		return 0, nil, fault{http.StatusServiceUnavailable, "this process cannot read its configuration again; start it anew"}
	}
	if err := a.Reload(r.Context()); err != nil {
		if r.Context().Err() != nil {
			return 0, nil, err
		}
		return 0, nil, faultf(http.StatusConflict, "the configuration in force stays: %s", err)
	}
	return http.StatusOK, Reloaded{operator.Time{Time: a.Now()}}, nil
}

// Version says what answers.
type Version struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

func (a *API) version(r *http.Request) (int, any, error) {
	return http.StatusOK, Version{a.Version, runtime.Version()}, parse(r).done()
}
