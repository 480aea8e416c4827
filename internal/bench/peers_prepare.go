package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// prepareBlackbox has Prometheus read the same file of targets, and ask the
// exporter about each.
func prepareBlackbox(dir string, site *town) ([][]string, error) {
	exporter, err := freeAddress()
	if err != nil {
		return nil, err
	}
	prometheus, err := freeAddress()
	if err != nil {
		return nil, err
	}
	if err := site.write(filepath.Join(dir, "targets.json")); err != nil {
		return nil, err
	}
	err = writeFile(filepath.Join(dir, "blackbox.yml"), `
modules:
  shop:
    prober: http
    timeout: 10s
    http: {valid_status_codes: [200], fail_if_body_not_matches_regexp: ['"ok": true'], preferred_ip_protocol: ip4}
`)
	if err != nil {
		return nil, err
	}
	err = writeFile(filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`
global: {scrape_interval: 60s, scrape_timeout: 10s}
scrape_configs:
  - job_name: shops
    metrics_path: /probe
    params: {module: [shop]}
    file_sd_configs: [{files: [targets.json]}]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target, replacement: "http://$1/health"}
      - {source_labels: [__param_target], target_label: instance}
      - {target_label: __address__, replacement: %q}
`, exporter))
	return [][]string{
		{"--config.file=blackbox.yml", "--web.listen-address=" + exporter, "--log.level=error"},
		{"--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=" + prometheus, "--log.level=error"},
	}, err
}

// prepareMonit writes a check for each target.
func prepareMonit(dir string, site *town) ([][]string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "set daemon 60\nset logfile %[1]s/monit.txt\nset pidfile %[1]s/pid\nset idfile %[1]s/id\nset statefile %[1]s/state\n", dir)
	for target := range site.last {
		host, port, err := net.SplitHostPort(site.address(target))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "check host shop-%d with address %s\n  if failed port %s protocol http request \"/health\" content = '\"ok\": true' with timeout 10 seconds then alert\n",
			target, host, port)
	}
	return [][]string{{"-I", "-c", filepath.Join(dir, "monitrc")}}, writeFile(filepath.Join(dir, "monitrc"), text.String())
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

// freeAddress is a port of the loopback device that nobody uses now.
func freeAddress() (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return address, nil
}
