package realtest

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
)

// alertmanagerConfig keeps every alert to itself.
const alertmanagerConfig = `route:
  receiver: nobody
receivers:
  - name: nobody
`

// Alertmanager starts a Prometheus Alertmanager that tells nobody. Its API is
// plain HTTP at Addr.
func Alertmanager(t testing.TB) *Process {
	t.Helper()
	return Run(t, AlertmanagerCommand(t))
}

// AlertmanagerCommand writes the configuration of such a server and returns
// how to start it. Debian gives the program a name of its own, so that one is
// the name that is looked for.
func AlertmanagerCommand(t testing.TB) Command {
	t.Helper()
	path := Binary(t, "prometheus-alertmanager", "apt-get install prometheus-alertmanager")
	dir, address := t.TempDir(), FreeAddress(t)
	config := filepath.Join(dir, "alertmanager.yml")
	writeFile(t, config, alertmanagerConfig)
	return Command{
		Addr: address, Path: path, Dir: dir,
		Args: []string{"--config.file=" + config, "--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address, "--cluster.listen-address="},
		Ready: func(ctx context.Context) error { return answers(ctx, "http://"+address+"/-/ready") },
	}
}

// answers reports whether a GET of address is answered with 200.
func answers(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", address, response.Status)
	}
	return nil
}
