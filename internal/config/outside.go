package config

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"paramedic/internal/alert"
	"paramedic/internal/health"
	"paramedic/internal/option"
)

// Heartbeat says whom to tell that all services are watched on time.
type Heartbeat struct {
	// URL is a key to the service that it belongs to.
	URL option.Secret `yaml:"url" required:"true" doc:"The http or https address to call; it is never shown."`
	// Every is the time between two calls.
	Every health.Duration `yaml:"every" min:"1s" doc:"The time between two calls, not more often than every 10s; 60s unless set."`
}

// outside checks what lies beyond this file: addresses and templates.
func (c *checker) outside() {
	if h := c.doc.Heartbeat; h != nil {
		if address, err := url.Parse(h.URL.Reveal()); err != nil || !webAddress(address) {
			c.wrong("heartbeat.url", "url is not an address; write an http or https address")
		}
	}
	if c.doc.WebUI != "" {
		address, err := url.Parse(c.doc.WebUI)
		if err != nil || !webAddress(address) || address.User != nil || address.RawQuery != "" || address.Fragment != "" {
			c.wrong("web_ui", "web_ui is not the address of a page; write it like https://temporal.example:8233, without a password")
		}
		c.doc.WebUI = strings.TrimRight(c.doc.WebUI, "/")
	}
	if c.doc.Templates != "" {
		c.templates()
	}
}

func webAddress(address *url.URL) bool {
	return address.Hostname() != "" && (address.Scheme == "http" || address.Scheme == "https")
}

// templates makes the path of the templates absolute and tries them in each
// language that is used.
func (c *checker) templates() {
	directory := c.doc.Templates
	if !filepath.IsAbs(directory) {
		directory = filepath.Join(c.d.env.dir, directory)
	}
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		c.wrong("templates", "there is no directory %s; create it, or correct the path", health.Clip(directory, 200))
		return
	}
	languages := []string{c.doc.Language}
	for _, receiver := range c.doc.Alerts {
		languages = append(languages, receiver.Language)
	}
	slices.Sort(languages)
	for _, language := range slices.Compact(languages) {
		if _, err := alert.NewTexts(language, directory); err != nil {
			c.d.fail("templates", c.d.at("templates"), "templates: %v; correct the template, or remove it for the built-in one", err)
		}
	}
	absolute, err := filepath.Abs(directory)
	if err != nil {
		c.wrong("templates", "templates: %v; write an absolute path", err)
	}
	c.doc.Templates = absolute
}
