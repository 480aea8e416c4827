package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"strings"

	"github.com/goccy/go-yaml"
)

// document describes every endpoint of Routes.
//
//go:embed openapi.yaml
var document string

// description is the document as it is served.
type description struct{ yaml, json []byte }

// describe puts the version into the document.
func describe(version string) (description, error) {
	text := document
	if version != "" {
		text = strings.Replace(text, "version: (devel)", fmt.Sprintf("version: %q", version), 1)
	}
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return description{}, fmt.Errorf("write the OpenAPI document as JSON: %w", err)
	}
	return description{yaml: []byte(text), json: asJSON}, nil
}

func (a *API) openAPIYAML(w http.ResponseWriter, _ *http.Request) {
	a.send(w, http.StatusOK, typeYAML, a.description.yaml)
}

func (a *API) openAPIJSON(w http.ResponseWriter, _ *http.Request) {
	a.send(w, http.StatusOK, "application/json", a.description.json)
}
